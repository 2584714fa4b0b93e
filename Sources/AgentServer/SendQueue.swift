import Syscalls

/// Bytes on their way into a socket that may have no room for them yet.
struct SendQueue {
    private var waiting: ArraySlice<UInt8> = []

    /// How many bytes wait.
    var count: Int { waiting.count }
    /// Whether none does.
    var isEmpty: Bool { waiting.isEmpty }

    /// Adds bytes behind those that wait.
    mutating func append(_ bytes: [UInt8]) {
        waiting += bytes
    }

    /// Sends as much as the socket has room for.
    ///
    /// - Throws: an error after which the socket takes nothing any more; what waited is gone.
    mutating func flush(to socket: borrowing OwnedDescriptor, subject: String) throws(SystemError) {
        while !waiting.isEmpty {
            do {
                let count = try socket.sendNow(waiting, subject: subject)
                waiting = count == waiting.count ? [] : waiting.dropFirst(count)
            } catch {
                if error.errno == .wouldBlock { return }
                waiting = []
                throw error
            }
        }
    }
}
