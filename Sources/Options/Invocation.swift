package import Diagnostics

/// A command line, taken apart: the verb, its options, and its arguments.
package struct Invocation: Sendable {
    /// What is asked for; nil where the line has no verb.
    package private(set) var verb: Verb?
    /// The words that are not options, the verb left out.
    package private(set) var arguments: [String] = []
    /// The words behind `--`, where the verb takes a command there.
    package private(set) var command: [String] = []
    private var options: [(key: OptionKey, value: String)] = []

    /// Takes a command line apart.
    ///
    /// Understood are `--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, clusters of letters (`-dt`),
    /// `--flag=false`, and `--` for the end of options; and, because runc's parser takes it, `-name` with one dash.
    ///
    /// - Parameter words: the command line without the program's name.
    /// - Throws: a `usage` error that names the word which is not understood, and the nearest one that would be.
    package init(parsing words: [String]) throws(RuntimeError) {
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--", let option = verb?.definition.commandOption, has(option) {
                command = Array(rest)
                break
            } else if word == "--" {
                for argument in rest { try take(argument: argument) }
                break
            } else if word.hasPrefix("--") {
                try take(long: String(word.dropFirst(2)), rest: &rest)
            } else if word.hasPrefix("-"), word != "-" {
                try take(short: String(word.dropFirst()), rest: &rest)
            } else {
                try take(argument: word)
                if let verb, verb.definition.stopsAtFirstArgument, arguments.count == 1 {
                    // `exec ID -- ls` and `exec ID ls` are the same.
                    if rest.first == "--" { rest.removeFirst() }
                    arguments += rest
                    break
                }
            }
        }
        if let verb, !has(.help), !has(.version) { try checkArguments(of: verb) }
    }

    // MARK: Asking

    /// Whether a flag is set: the last one counts.
    package func has(_ key: OptionKey) -> Bool {
        value(key).map { $0 != "false" } ?? false
    }

    /// The value of an option, the last one where there are several; nil where it is not there.
    package func value(_ key: OptionKey) -> String? {
        options.last { $0.key == key }?.value
    }

    /// All values of an option that may be there more than once, in order.
    package func values(_ key: OptionKey) -> [String] {
        options.filter { $0.key == key }.map(\.value)
    }

    /// The value of an option as a whole number.
    package func integer<Number: FixedWidthInteger>(_ key: OptionKey, as: Number.Type) throws(RuntimeError) -> Number? {
        guard let text = value(key) else { return nil }
        guard let number = Number(text) else {
            throw RuntimeError(.usage, "--\(OptionTable.name(of: key)): \"\(text)\" is not a whole number")
        }
        return number
    }

    /// The first argument, which `checkArguments` has seen to be there where the verb asks for one.
    package var container: String {
        arguments.first ?? ""
    }

    // MARK: Taking apart

    private mutating func take(argument word: String) throws(RuntimeError) {
        guard verb == nil else { return arguments.append(word) }
        guard let known = Verb(name: word) else {
            throw RuntimeError(
                .usage, "\"\(word)\" is not a command",
                hint: suggestion(for: word, among: Verb.allCases.map(\.definition.name))
                    ?? "\"mvrun help\" lists the commands")
        }
        verb = known
    }

    private mutating func take(long word: String, rest: inout ArraySlice<String>) throws(RuntimeError) {
        let equals = word.firstIndex(of: "=")
        let name = equals.map { String(word[..<$0]) } ?? word
        let attached = equals.map { String(word[word.index(after: $0)...]) }
        guard let option = definition(where: { $0.name == name }) else { throw unknown("--\(name)") }
        try take(option, spelled: "--\(name)", attached: attached, rest: &rest)
    }

    private mutating func take(short word: String, rest: inout ArraySlice<String>) throws(RuntimeError) {
        let name = word.firstIndex(of: "=").map { String(word[..<$0]) } ?? word
        if name.unicodeScalars.count > 1, definition(where: { $0.name == name }) != nil {
            return try take(long: word, rest: &rest)
        }
        var letters = word.unicodeScalars[...]
        while let letter = letters.popFirst() {
            guard let option = definition(where: { $0.short == letter }) else { throw unknown("-\(letter)") }
            let isLast = letters.isEmpty
            if isLast || option.takesValue || letters.first == "=" {
                if letters.first == "=" { letters.removeFirst() }
                let attached = isLast ? nil : String(String.UnicodeScalarView(letters))
                return try take(option, spelled: "-\(letter)", attached: attached, rest: &rest)
            }
            options.append((option.key, "true"))
        }
    }

    private mutating func take(
        _ option: OptionDefinition, spelled: String, attached: String?, rest: inout ArraySlice<String>
    ) throws(RuntimeError) {
        switch option.value {
        case .none:
            switch attached {
            case nil, "true", "1": options.append((option.key, "true"))
            case "false", "0": options.append((option.key, "false"))
            case .some(let other): throw RuntimeError(.usage, "\(spelled): \"\(other)\" is neither true nor false")
            }
        case .choice(let words):
            let value = try self.value(attached, spelled, &rest)
            guard words.contains(value) || isLenient(option.key, value) else {
                throw RuntimeError(
                    .usage, "\(spelled): \"\(value)\" is not one of \(words.joined(separator: ", "))",
                    hint: suggestion(for: value, among: words))
            }
            options.append((option.key, value))
        case .word, .file, .directory:
            options.append((option.key, try value(attached, spelled, &rest)))
        }
    }

    private func value(
        _ attached: String?, _ spelled: String, _ rest: inout ArraySlice<String>
    ) throws(RuntimeError) -> String {
        guard let value = attached ?? rest.popFirst() else { throw RuntimeError(.usage, "\(spelled) needs a value") }
        return value
    }

    /// The names of levels are many; the log knows them.
    private func isLenient(_ key: OptionKey, _ value: String) -> Bool {
        switch key {
        case .logLevel: Log.Level(name: value) != nil
        // runc takes what strconv.ParseBool takes.
        case .rootless: ["1", "0", "yes", "no"].contains(value)
        // What CRIU does not know it refuses itself.
        case .manageCgroupsMode, .emptyNamespace: true
        default: false
        }
    }

    /// The row that a name means here: of the verb, or else of mvrun itself.
    private func definition(where matches: (OptionDefinition) -> Bool) -> OptionDefinition? {
        if let verb, let own = OptionTable.all.first(where: { $0.belongs(to: verb) && matches($0) }) { return own }
        return OptionTable.all.first { $0.belongs(to: nil) && matches($0) }
    }

    private func unknown(_ spelled: String) -> RuntimeError {
        let here = OptionTable.all.filter { $0.belongs(to: verb) || $0.belongs(to: nil) }.map { "--\($0.name)" }
        let subject = verb.map { "\($0.definition.name): " } ?? ""
        let name = spelled.drop { $0 == "-" }
        let elsewhere = OptionTable.all.first { $0.name == name }
        let hint: String? =
            if verb == nil, elsewhere != nil {
                "\(spelled) belongs behind the command"
            } else {
                suggestion(for: spelled, among: here)
            }
        return RuntimeError(
            .usage, "\(subject)there is no option \(spelled)",
            hint: hint ?? "\"mvrun \(verb.map { "help \($0.definition.name)" } ?? "help")\" lists the options")
    }

    private func checkArguments(of verb: Verb) throws(RuntimeError) {
        let count = arguments.count
        var (least, most): (Int, Int) =
            switch verb.definition.arguments {
            case .exactly(let names): (names.count, names.count)
            case .atLeast(let names, _): (names.count, .max)
            case .optional(let names, _): (names.count, names.count + 1)
            }
        if let option = verb.definition.commandOption, has(option) { least = 0 }
        let name = verb.definition.name
        if count < least {
            let missing =
                if case .exactly(let names) = verb.definition.arguments, names.first != "CONTAINER" {
                    "\(names[count]) is missing"
                } else {
                    "the container's id is missing"
                }
            throw RuntimeError(.usage, "\(name): \(missing)", hint: "usage: \(Help.usage(of: verb))")
        }
        if count > most {
            throw RuntimeError(
                .usage, "\(name): \"\(arguments[most])\" is one argument too many",
                hint: "usage: \(Help.usage(of: verb))")
        }
    }
}
