/// The bytes that a system call writes.
///
/// The room for them is not cleared beforehand: that would touch all of it, and what comes is mostly small.
///
/// - Parameters:
///   - limit: the most bytes.
///   - call: writes to the buffer's start; returns how many bytes it wrote.
func unclearedBytes(
    upTo limit: Int, writtenBy call: (UnsafeMutableBufferPointer<UInt8>) throws(SystemError) -> Int
) throws(SystemError) -> [UInt8] {
    var failure: SystemError?
    // SAFETY: what the call says it wrote is initialized, and nothing else is looked at.
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
        do throws(SystemError) {
            count = try unsafe call(buffer)
        } catch {
            failure = error
        }
    }
    if let failure { throw failure }
    return bytes
}
