import Diagnostics

extension String {
    /// A text of the guest's as a terminal or a log may show it: one line, without control characters, and not for ever.
    var shownFromGuest: String {
        var text = ""
        for scalar in unicodeScalars.prefix(4096) {
            let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
            text.unicodeScalars.append(isControl ? " " : scalar)
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
