import Syscalls

/// How long a client may keep what it has read.
package enum CacheMode: Sendable {
    /// Not at all: what the host changes is seen at once.
    case never
    /// Names and attributes for a second; content as long as the file is the same when it is opened.
    case auto
    /// For ever: the client is alone on its shares.
    case always

    var timeout: Timeout {
        switch self {
        case .never: Timeout(seconds: 0)
        case .auto: Timeout(seconds: 1)
        case .always: Timeout(seconds: 86400)
        }
    }
}

/// Where POSIX locks and those of flock(2) are held.
package enum LockScope: Sendable {
    /// In the client: its own processes see each other's, nobody else does.
    case client
    /// On the host's files: everybody sees them, and every close of a file asks the server.
    case host
}

/// A directory or a single file of the host that clients see.
package struct ShareConfiguration: Sendable {
    /// Where it is; nothing of this comes from a client.
    package var path: String
    /// Whether every change is refused.
    package var isReadOnly: Bool
    /// Whether a client may give files capabilities, which then count on the host as well.
    package var allowsFileCapabilities: Bool

    /// Describes a share.
    package init(path: String, isReadOnly: Bool, allowsFileCapabilities: Bool = false) {
        self.path = path
        self.isReadOnly = isReadOnly
        self.allowsFileCapabilities = allowsFileCapabilities
    }
}

/// The most that a client may make the server hold.
package struct ServerLimits: Sendable {
    /// Files that the client knows by number.
    package var nodes = 1 << 20
    /// Files that the client has open.
    package var handles = 8192
    /// Directories and removed files held open by the server for its own use.
    package var pins = 4096
    /// Requests for locks that wait at a time.
    package var waitingLocks = 256

    /// The limits that fit a process with this many descriptors.
    package init(descriptors: Int = 16384) {
        handles = max(descriptors / 2, 16)
        pins = max(descriptors / 4, 16)
    }
}

/// One share, opened.
final class Share: Sendable {
    let index: Int
    let file: ServedFile
    let isReadOnly: Bool
    let allowsFileCapabilities: Bool
    /// Whether a file keeps its time of birth.
    ///
    /// On an overlay it is that of the layer, and the first change takes a file, and the directories above it, to another layer.
    let keepsBirths: Bool

    /// The type of overlayfs, OVERLAYFS_SUPER_MAGIC of linux/magic.h.
    private static let overlay = 0x794c_7630

    init(_ configuration: ShareConfiguration, index: Int) throws(SystemError) {
        self.index = index
        isReadOnly = configuration.isReadOnly
        allowsFileCapabilities = configuration.allowsFileCapabilities
        let opened = try OwnedDescriptor.open(configuration.path, .path)
        keepsBirths = try opened.fileSystemType() != Self.overlay
        file = ServedFile(opened)
    }
}
