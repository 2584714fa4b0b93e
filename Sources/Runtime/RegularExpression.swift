import Diagnostics
import Glibc

/// A POSIX extended regular expression, regex(7).
///
/// The compiled form points to memory of the C library's; it is reached through this type alone.
@safe
struct RegularExpression: ~Copyable {
    private let compiled: regex_t

    init(_ pattern: String) throws(RuntimeError) {
        var compiled = unsafe regex_t()
        let code = unsafe regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB)
        guard code == 0 else {
            var text = [CChar](repeating: 0, count: 200)
            // SAFETY: regerror(3) writes no more than the buffer's length and ends it with a zero.
            let reason = unsafe text.withUnsafeMutableBufferPointer { buffer in
                unsafe regerror(code, &compiled, buffer.baseAddress, buffer.count)
                return unsafe buffer.baseAddress.map { unsafe String(cString: $0) } ?? ""
            }
            throw RuntimeError(.usage, "\"\(pattern)\" is not a regular expression: \(reason.lowercased())")
        }
        unsafe self.compiled = compiled
    }

    deinit {
        // SAFETY: compiled once in `init`, freed once here.
        var compiled = unsafe compiled
        unsafe regfree(&compiled)
    }

    borrowing func matches(_ text: String) -> Bool {
        var compiled = unsafe compiled
        return unsafe regexec(&compiled, text, 0, nil, 0) == 0
    }
}
