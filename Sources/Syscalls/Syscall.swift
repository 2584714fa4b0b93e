import Glibc

/// Makes a system call, repeats it when a signal interrupts it, and turns -1 into an error.
///
/// Never used for close(2), whose descriptor is gone after EINTR.
///
/// - Parameters:
///   - call: the call's name, as in its man page.
///   - subject: what the call is made on; made only when it fails.
///   - body: the call itself.
/// - Returns: what the call returned.
/// - Throws: the call's error number with its name and subject.
@discardableResult
@inline(__always)
package func syscall<Result: FixedWidthInteger>(
    _ call: StaticString, on subject: @autoclosure () -> String, _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        // Before anything else: a release may call free(3), which may change it.
        let code = Glibc.errno
        if code == EINTR { continue }
        throw SystemError("\(call)", subject(), Errno(rawValue: code))
    }
}
