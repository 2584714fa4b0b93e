import Diagnostics

extension String {
    /// A text of the guest's as a terminal or a log may show it: one line, without control characters, and not for ever.
    var shownFromGuest: String { Self.printable(unicodeScalars.prefix(4096), keepingLines: false) }

    /// The same, with its lines, as long as it is.
    var shownLinesFromGuest: String { Self.printable(unicodeScalars[...], keepingLines: true) }

    private static func printable(_ scalars: Substring.UnicodeScalarView, keepingLines: Bool) -> String {
        var text = ""
        for scalar in scalars {
            let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
            text.unicodeScalars.append(isControl && !(keepingLines && scalar == "\n") ? " " : scalar)
        }
        return text
    }
}

extension RuntimeError {
    /// An error that the guest told, whose texts it chose.
    var shownFromGuest: RuntimeError {
        var error = RuntimeError(kind, message.shownFromGuest, errno: errno, hint: hint?.shownFromGuest)
        error.context = context.prefix(32).map(\.shownFromGuest)
        return error
    }
}
