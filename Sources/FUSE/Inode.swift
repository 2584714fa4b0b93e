import Glibc
import Synchronization
import Syscalls

/// What makes a file the same one: a number alone is used again once its file is gone, a time of birth hardly ever.
///
/// Where it changes nevertheless, the client would take the file for another one, and take away what is mounted on or below it.
struct InodeKey: Hashable {
    let share: Int
    let device: UInt64
    let inode: UInt64
    let mount: UInt64
    let birth: Int64

    init(_ attributes: FileAttributes, share: Share) {
        self.share = share.index
        device = attributes.device
        inode = attributes.inode
        mount = attributes.mount
        let time = attributes.birth
        birth = share.keepsBirths ? time.seconds &* 1_000_000_000 &+ Int64(time.nanoseconds) : 0
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(inode)
        hasher.combine(mount)
    }
}

/// When a file's content was last seen to be what it is.
struct ContentStamp: Equatable {
    let size: UInt64
    let modification: FileAttributes.Time
    let change: FileAttributes.Time

    init(_ attributes: FileAttributes) {
        size = attributes.size
        modification = attributes.modification
        change = attributes.change
    }

    /// Whether a change right after it would show: file systems keep times by the tick.
    var isSettled: Bool {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME_COARSE, &now)
        let age = Int64(now.tv_sec) &- change.seconds
        if age != 0 && age != 1 { return age > 1 }
        return age &* 1_000_000_000 &+ Int64(now.tv_nsec) &- Int64(change.nanoseconds) > 30_000_000
    }
}

/// A file that the client knows by number.
///
/// It is found again by its name in its directory, and then must still have the same key, or it is stale. A descriptor
/// is kept only for what is worth one: directories, so that a path need not be walked for each name in them, and files
/// whose name is gone. So that 100,000 files that a client has looked at cost no descriptors.
final class Inode: Sendable {
    struct State {
        /// A descriptor of the file itself.
        var pin: ServedFile?
        /// The directory where it was seen last.
        var parent: UInt64
        /// Its name there; nil once that is gone.
        var name: FileName?
        /// A handle that is open on it, or was.
        var handle: UInt64 = 0
        /// How often the client was told of it; changed only by the table.
        var lookups: UInt64 = 0
        /// The content that the client may have cached.
        var stamp: ContentStamp?
        /// The host's locks, by their owner in the client.
        var locks: [UInt64: LockFile] = [:]
    }

    let number: UInt64
    let key: InodeKey
    let share: Share
    /// S_IFMT of its mode.
    let kind: UInt32
    /// The number that the client shows to its programs.
    let shownInode: UInt64
    /// Whether it is mounted in another place than its directory.
    let isMountPoint: Bool
    let state: Mutex<State>

    init(
        number: UInt64, key: InodeKey, share: Share, kind: UInt32, shownInode: UInt64, isMountPoint: Bool,
        state: State
    ) {
        self.number = number
        self.key = key
        self.share = share
        self.kind = kind
        self.shownInode = shownInode
        self.isMountPoint = isMountPoint
        self.state = Mutex(state)
    }

    var isDirectory: Bool { kind == S_IFDIR }

    /// Whether it is what a share consists of; the client cannot forget those for good.
    var isShareRoot: Bool { state.withLock { $0.parent == Wire.rootNode } }
}
