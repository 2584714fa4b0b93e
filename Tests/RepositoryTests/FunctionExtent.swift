/// A function of a source file, from the line of its name to the line of its closing brace.
struct FunctionExtent: Equatable {
    /// The word that names it: the function's own name, `init`, `deinit`, `subscript`, or a computed property's name.
    let name: String
    /// The first line, counted from 1.
    let firstLine: Int
    /// The line of the closing brace.
    let lastLine: Int

    /// How many lines it takes.
    var lineCount: Int { lastLine - firstLine + 1 }

    /// Every function of a file, those inside others too, in the order in which they end.
    static func all(in source: SourceText) -> [FunctionExtent] {
        var scan = FunctionScan(isC: source.isC)
        for (index, line) in source.code.enumerated() {
            for token in tokens(of: line) { scan.take(token, line: index + 1) }
        }
        return scan.found
    }

    /// The words and the single signs of a line.
    private static func tokens(of line: String) -> [Substring] {
        var tokens: [Substring] = []
        let bytes = line.utf8
        var start = bytes.startIndex
        while start < bytes.endIndex {
            var end = bytes.index(after: start)
            if isWordByte(bytes[start]) {
                while end < bytes.endIndex, isWordByte(bytes[end]) { end = bytes.index(after: end) }
            }
            if bytes[start] != UInt8(ascii: " ") { tokens.append(line[start..<end]) }
            start = end
        }
        return tokens
    }

    /// Letters, digits, the underscore, and every byte of what is not ASCII.
    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...: true
        default: false
        }
    }
}

/// Follows the braces of a file and remembers which of them belong to a function.
private struct FunctionScan {
    private let isC: Bool
    private(set) var found: [FunctionExtent] = []

    /// The functions, and nil for every other pair of braces, that are open here.
    private var open: [(name: String, line: Int)?] = []
    /// What has been announced and has no body yet; a protocol's requirement never gets one.
    private var announced: (name: String, line: Int, parentheses: Int)?
    private var parentheses = 0
    private var previous: Substring = ""
    /// The declaration of C that is being read: its first line, and the word before its first parenthesis.
    private var declaration: (line: Int, name: String)?

    /// The words after which an announced function of Swift cannot get a body any more.
    private static let ends: Set<Substring> = [
        "actor", "case", "class", "do", "else", "enum", "extension", "for", "guard", "if", "import", "let", "protocol",
        "return", "struct", "switch", "typealias", "while",
    ]

    init(isC: Bool) { self.isC = isC }

    mutating func take(_ token: Substring, line: Int) {
        if isC { noteC(token, line: line) } else { noteSwift(token, line: line) }
        switch token {
        case "(", "[": parentheses += 1
        case ")", "]": parentheses -= 1
        case "{":
            let isBody = announced.map { $0.parentheses == parentheses } ?? false
            open.append(isBody ? announced.map { ($0.name, $0.line) } : nil)
            if isBody { announced = nil }
        case "}":
            if let function = open.popLast() ?? nil {
                found.append(FunctionExtent(name: function.name, firstLine: function.line, lastLine: line))
            }
            // A closure among the arguments ends nothing that was announced.
            if announced?.parentheses == parentheses { announced = nil }
        default: break
        }
        previous = token
    }

    private mutating func noteSwift(_ token: Substring, line: Int) {
        switch (previous, token) {
        case ("func", _), ("var", _):
            announced = (String(token), line, parentheses)
        case (".", _): break
        case (_, "init"), (_, "deinit"), (_, "subscript"):
            // Inside the parentheses of another announcement it is an argument's label.
            if announced == nil || announced?.parentheses == parentheses {
                announced = (String(token), line, parentheses)
            }
        case (_, let word) where Self.ends.contains(word) && announced?.parentheses == parentheses:
            announced = nil
        default: break
        }
    }

    private mutating func noteC(_ token: Substring, line: Int) {
        guard open.isEmpty else { return }
        switch token {
        case ";", "}": declaration = nil
        case "(" where declaration?.name == "": declaration?.name = String(previous)
        case "{" where previous == ")":
            if let declaration { announced = (declaration.name, declaration.line, parentheses) }
            declaration = nil
        default: if declaration == nil { declaration = (line, "") }
        }
    }
}
