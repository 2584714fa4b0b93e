import Diagnostics
import Syscalls

/// A file that an image is made from, and the state in which it was read.
struct SourceFile: Equatable {
    /// Where it is.
    let path: String
    /// Which file it was, in which state.
    let identity: FileIdentity

    /// Whether the file is still the same.
    var isUnchanged: Bool {
        (try? fileIdentity(of: path)) == identity
    }

    /// Reads a file, in one state from its first byte to its last.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - limit: the most bytes to take.
    static func read(_ path: String, limit: Int) throws(SystemError) -> (source: SourceFile, content: [UInt8]) {
        let file = try OwnedDescriptor.open(path, .nonBlocking)
        guard try file.status().kind == .regular else { throw SystemError("read", path, .invalidArgument) }
        // Who wrote to it a moment ago may do so again within the same tick of the file system's clock.
        if !(try file.fileIdentity().hasSettled) { sleep(milliseconds: 25) }
        let identity = try file.fileIdentity()
        let content = try file.readAll(limit: limit, subject: path)
        guard try file.fileIdentity() == identity, content.count == Int(identity.size) else {
            throw SystemError("read", path, .busy)
        }
        return (SourceFile(path: path, identity: identity), content)
    }
}
