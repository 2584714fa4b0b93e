/// The texts of `--help`, made from the two tables.
package enum Help {
    /// The usage line of a verb.
    package static func usage(of verb: Verb) -> String {
        let definition = verb.definition
        let arguments: [String] =
            switch definition.arguments {
            case .exactly(let names): names
            case .atLeast(let names, let more): names + ["[\(more)...]"]
            case .optional(let names, let last): names + ["[\(last)]"]
            }
        let options = OptionTable.all.contains { $0.belongs(to: verb) } ? ["[OPTIONS]"] : []
        return (["mvrun", definition.name] + options + arguments).joined(separator: " ")
    }

    /// The help of one verb.
    package static func text(of verb: Verb) -> String {
        var text = "\(verb.definition.summary)\n\nusage: \(usage(of: verb))\n"
        if let option = verb.definition.commandOption.flatMap({ key in OptionTable.all.first { $0.key == key } }) {
            text += "       mvrun \(verb.definition.name) --\(option.name) \(option.placeholder) [OPTIONS] [CONTAINER] "
            text += "[-- COMMAND...]\n"
        }
        let own = OptionTable.all.filter { $0.belongs(to: verb) }
        if !own.isEmpty { text += "\noptions:\n" + lines(own) }
        return text + "\n\"mvrun help\" lists the options that every command has.\n"
    }

    /// The help of mvrun.
    package static var text: String {
        var text = "mvrun runs OCI containers\n\nusage: mvrun [OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n\ncommands:\n"
        for verb in Verb.allCases {
            text += padded("  " + verb.definition.name, to: 14) + verb.definition.summary + "\n"
        }
        return text + "\noptions:\n" + lines(OptionTable.all.filter { $0.belongs(to: nil) })
            + "\n\"mvrun help COMMAND\" lists a command's own options.\n"
    }

    private static func lines(_ options: [OptionDefinition]) -> String {
        let names = options.map { option in
            let short = option.short.map { "-\($0), " } ?? "    "
            return "  \(short)--\(option.name)" + (option.takesValue ? " \(option.placeholder)" : "")
        }
        let width = min(names.map(\.count).max() ?? 0, 36) + 2
        return zip(names, options).map { name, option in
            name.count < width
                ? padded(name, to: width) + option.help + "\n"
                : name + "\n" + padded("", to: width) + option.help + "\n"
        }.joined()
    }
}

/// A text filled up with spaces.
func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}
