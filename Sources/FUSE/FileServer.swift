import Synchronization
package import Syscalls

/// Serves directories and files of the host to one client that speaks FUSE.
///
/// The root of what the client sees is made up: it holds one entry a share, named 0, 1, 2 and so on, and cannot be
/// changed. Any number of threads serve at a time, each with a `FileWorker` of its own.
package final class FileServer: Sendable {
    let shares: [Share]
    let cache: CacheMode
    let locks: LockScope
    let writeback: Bool
    let limits: ServerLimits
    let window: (any FileWindow)?
    let inodes: InodeTable
    let handles: HandleTable
    let descriptors: ServedFile
    let waiters: LockWaiters
    let lockCount = LockCount()
    private let negotiated = Atomic<UInt64>(0)
    private let ready = Atomic<Bool>(false)
    private let roots: Mutex<[Inode]>

    /// Opens the shares.
    ///
    /// - Parameters:
    ///   - shares: what to serve, in the order of their names.
    ///   - cache: how long the client may keep what it has read.
    ///   - locks: where locks are held.
    ///   - writeback: whether the client may keep what it has written, and write it later.
    ///   - limits: the most that the client may make the server hold.
    ///   - window: where files can be mapped for the client; nil for nowhere.
    package init(
        shares: [ShareConfiguration], cache: CacheMode, locks: LockScope = .client, writeback: Bool = false,
        limits: ServerLimits = ServerLimits(), window: (any FileWindow)? = nil
    ) throws(SystemError) {
        var opened: [Share] = []
        for (index, share) in shares.enumerated() { opened.append(try Share(share, index: index)) }
        self.shares = opened
        self.cache = cache
        self.locks = locks
        self.writeback = writeback
        self.limits = limits
        self.window = window
        inodes = InodeTable(limits: limits)
        handles = HandleTable(limit: limits.handles)
        waiters = LockWaiters(limit: limits.waitingLocks)
        descriptors = ServedFile(try OwnedDescriptor.open("/proc/self/fd", [.path, .directory]))
        roots = Mutex([])
    }

    /// Starts a session: what an earlier one left is forgotten.
    func start(_ features: Features) throws(Errno) {
        stop()
        negotiated.store(features.rawValue, ordering: .relaxed)
        var made: [Inode] = []
        var first: FileAttributes?
        for share in shares {
            let attributes = try share.file.attributes()
            // Inode numbers of one file system are apart by themselves. To Linux a submount is a file system on which it asks
            // for `security.capability` before each write: SB_NOSEC is for the outermost alone (fs/fuse/inode.c).
            let isOther = first.map { $0.device != attributes.device } ?? false
            first = first ?? attributes
            made.append(
                try inodes.see(
                    attributes, share: share, parent: nil, name: nil, pin: share.file,
                    submounts: features.contains(.submounts), isMountPoint: isOther))
        }
        let finished = made
        roots.withLock { $0 = finished }
        ready.store(true, ordering: .releasing)
    }

    /// Ends the session: everything that the client knew or had open is let go of.
    package func stop() {
        ready.store(false, ordering: .relaxed)
        waiters.cancelAll()
        handles.removeAll()
        inodes.removeAll()
        roots.withLock { $0 = [] }
        if let window { try? window.unmap(at: 0, window.size) }
    }

    /// Whether INIT has been answered.
    var isReady: Bool { ready.load(ordering: .acquiring) }

    /// What was agreed on.
    var features: Features { Features(rawValue: negotiated.load(ordering: .relaxed)) }

    /// The inode of a share.
    func root(_ index: Int) -> Inode? {
        roots.withLock { $0.indices.contains(index) ? $0[index] : nil }
    }

    // MARK: Files

    /// The deepest that a file may lie below the next directory that is open.
    private static let deepest = 4096

    /// A descriptor of a file: one that is open, or one found by its name.
    func file(of inode: Inode) throws(Errno) -> ServedFile {
        if let file = openFile(of: inode) { return file }
        var path: [Inode] = []
        var place = inode
        var file: ServedFile?
        repeat {
            guard path.count < Self.deepest else { throw .stale }
            path.append(place)
            place = try inodes.find(place.state.withLock { $0.parent })
            file = openFile(of: place)
        } while file == nil
        guard var file else { throw .stale }
        for step in path.reversed() {
            guard let name = step.state.withLock({ $0.name }) else { throw .stale }
            let found = try Self.staleIfGone { () throws(Errno) in try file.find(name) }
            guard InodeKey(try found.attributes(), share: step.share) == step.key else { throw .stale }
            if step.isDirectory { try inodes.pin(step, found) }
            file = found
        }
        return file
    }

    private func openFile(of inode: Inode) -> ServedFile? {
        let (pin, handle) = inode.state.withLock { ($0.pin, $0.handle) }
        return pin ?? (handle == 0 ? nil : handles[handle]?.file)
    }

    /// What is known of a file; for one without a descriptor, what is known of its name if that still leads to it.
    func attributes(of inode: Inode) throws(Errno) -> FileAttributes {
        if let file = openFile(of: inode) { return try file.attributes() }
        let (parent, name) = inode.state.withLock { ($0.parent, $0.name) }
        guard let name else { throw .stale }
        let directory = try file(of: inodes.find(parent))
        let attributes = try Self.staleIfGone { () throws(Errno) in try directory.attributes(of: name) }
        guard InodeKey(attributes, share: inode.share) == inode.key else { throw .stale }
        return attributes
    }

    private static func staleIfGone<Value>(_ body: () throws(Errno) -> Value) throws(Errno) -> Value {
        do {
            return try body()
        } catch let error {
            throw [.noEntry, .notDirectory, .symlinkLoop].contains(error) ? .stale : error
        }
    }

    /// Before a name goes: a file that the client knows by it gets a descriptor, for it may be in use.
    ///
    /// - Returns: the key of what has the name.
    func keepFile(named name: FileName, in directory: ServedFile, of parent: Inode) throws(Errno) -> InodeKey? {
        guard let attributes = try? directory.attributes(of: name) else { return nil }
        let key = InodeKey(attributes, share: parent.share)
        guard let inode = inodes[key], inode.state.withLock({ $0.pin == nil }) else { return key }
        guard let file = try? directory.find(name), let found = try? file.attributes(),
            InodeKey(found, share: parent.share) == key
        else { return key }
        try inodes.pin(inode, file)
        return key
    }

    /// After a name went: whoever was found by it is found by it no more.
    func moved(_ key: InodeKey?, from parent: Inode, _ name: FileName, to target: Inode?, _ newName: FileName?) {
        guard let key, let inode = inodes[key] else { return }
        inode.state.withLock {
            guard $0.parent != Wire.rootNode, target != nil || ($0.parent == parent.number && $0.name == name) else {
                return
            }
            $0.parent = target?.number ?? $0.parent
            $0.name = newName
        }
    }
}
