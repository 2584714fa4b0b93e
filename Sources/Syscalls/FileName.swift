/// The name of a file as the kernel sees it: bytes without NUL, in any encoding or none.
package struct FileName: Hashable, Sendable {
    /// The bytes and the NUL behind them, as system calls want them.
    let terminated: [UInt8]

    /// The longest component that Linux's file systems take, NAME_MAX.
    package static let longestComponent = 255

    private init(terminated: [UInt8]) {
        self.terminated = terminated
    }

    /// Takes one component of a path, and nothing that could lead anywhere but into the directory it is looked up in.
    ///
    /// - Returns: nil where it is empty, `.`, `..`, longer than 255 bytes, or has a slash or a NUL in it.
    package init?(component bytes: ArraySlice<UInt8>) {
        guard !bytes.isEmpty, bytes.count <= Self.longestComponent else { return nil }
        let dot = UInt8(ascii: ".")
        if bytes.first == dot && (bytes.count == 1 || (bytes.count == 2 && bytes.last == dot)) { return nil }
        var copy: [UInt8] = []
        copy.reserveCapacity(bytes.count + 1)
        for byte in bytes {
            if byte == 0 || byte == UInt8(ascii: "/") { return nil }
            copy.append(byte)
        }
        copy.append(0)
        terminated = copy
    }

    /// Takes bytes that are not looked up: what a symbolic link holds, or the name of an attribute.
    ///
    /// - Returns: nil where they are empty, more than `limit`, or have a NUL in them.
    package init?(text bytes: ArraySlice<UInt8>, limit: Int) {
        guard !bytes.isEmpty, bytes.count <= limit, !bytes.contains(0) else { return nil }
        terminated = Array(bytes) + [0]
    }

    /// The name of a descriptor in the directory /proc/self/fd.
    package init(descriptor: borrowing OwnedDescriptor) {
        var digits: [UInt8] = [0]
        var rest = descriptor.number
        repeat {
            digits.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        digits.reverse()
        terminated = digits
    }

    /// The bytes, without the NUL.
    package var bytes: ArraySlice<UInt8> { terminated.dropLast() }

    /// Whether it starts with these characters.
    package func hasPrefix(_ prefix: StaticString) -> Bool {
        prefix.withUTF8Buffer { unsafe terminated.starts(with: $0) }
    }

    /// Whether it is these characters.
    package func isEqual(to text: StaticString) -> Bool {
        text.withUTF8Buffer { unsafe terminated.dropLast().elementsEqual($0) }
    }

    /// Calls a body with the name as C has it.
    @inline(__always)
    func withPointer<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        unsafe terminated.withUnsafeBytes { buffer in
            // SAFETY: the array has its NUL, so it is never empty and has a base address.
            guard let start = buffer.baseAddress else { preconditionFailure("a name has at least its NUL") }
            return unsafe body(start.assumingMemoryBound(to: CChar.self))
        }
    }
}

/// Makes a system call, repeats it when a signal interrupts it, and turns -1 into its error number alone.
///
/// For servers of files, whose failures go back to a client as numbers and are too many to be described.
@discardableResult
@inline(__always)
func numbered<Result: FixedWidthInteger>(_ body: () -> Result) throws(Errno) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let code = Errno.current
        if code != .interrupted { throw code }
    }
}
