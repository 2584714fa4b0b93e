import Synchronization
import Syscalls

/// The files that the client knows.
final class InodeTable: Sendable {
    private struct State {
        var nodes = SlotTable<Inode>(firstNumber: 2)
        var byKey: [InodeKey: Inode] = [:]
        /// Numbers given to file systems, for inode numbers that must differ between them.
        var devices: [UInt64: UInt64] = [:]
        var pinCount = 0
        /// The pinned ones in the order of their pins, and some that are no longer.
        var pinned: [UInt64] = []
    }

    private let state = Mutex(State())
    private let limits: ServerLimits

    init(limits: ServerLimits) {
        self.limits = limits
    }

    subscript(number: UInt64) -> Inode? {
        state.withLock { $0.nodes[number] }
    }

    subscript(key: InodeKey) -> Inode? {
        state.withLock { $0.byKey[key] }
    }

    /// The inode behind a number that a client gave.
    func find(_ number: UInt64) throws(Errno) -> Inode {
        guard let inode = self[number] else { throw .stale }
        return inode
    }

    /// The inode of a file that was seen under a name; the client is told of it once more.
    ///
    /// - Parameters:
    ///   - submounts: whether the client keeps inode numbers of different file systems apart.
    ///   - isMountPoint: whether another file system begins here.
    func see(
        _ attributes: FileAttributes, share: Share, parent: Inode?, name: FileName?, pin: ServedFile? = nil,
        submounts: Bool, isMountPoint: Bool
    ) throws(Errno) -> Inode {
        let key = InodeKey(attributes, share: share)
        let limit = limits.nodes
        let parentNumber = parent?.number ?? Wire.rootNode
        return try state.withLock { state throws(Errno) -> Inode in
            if let known = state.byKey[key] {
                known.state.withLock {
                    $0.lookups += 1
                    // A share's root stays what it is, even where the same directory is seen inside another.
                    if $0.parent != Wire.rootNode, $0.parent != parentNumber || $0.name != name {
                        $0.parent = parentNumber
                        $0.name = name
                    }
                }
                return known
            }
            guard state.nodes.count < limit else { throw Errno(rawValue: 23) }
            var shown = attributes.inode
            if !submounts {
                let index = state.devices[attributes.device] ?? UInt64(state.devices.count)
                state.devices[attributes.device] = index
                shown ^= index << 48
            }
            let node = state.nodes.add { number in
                Inode(
                    number: number, key: key, share: share, kind: attributes.kind, shownInode: shown,
                    isMountPoint: isMountPoint,
                    state: Inode.State(pin: pin, parent: parentNumber, name: name, lookups: 1))
            }
            state.byKey[key] = node
            return node
        }
    }

    /// The client forgets some of the times it was told of a file.
    func forget(_ number: UInt64, _ count: UInt64) {
        // What is let go of here closes descriptors: outside of the lock.
        let gone = state.withLock { state -> Inode? in
            guard let inode = state.nodes[number] else { return nil }
            let (isUnknown, wasPinned) = inode.state.withLock { inode in
                inode.lookups -= min(inode.lookups, count)
                return (inode.lookups == 0 && inode.parent != Wire.rootNode, inode.pin != nil)
            }
            guard isUnknown else { return nil }
            _ = state.nodes.remove(number)
            if state.byKey[inode.key] === inode { state.byKey[inode.key] = nil }
            if wasPinned { state.pinCount -= 1 }
            return inode
        }
        _ = consume gone
    }

    /// Keeps a descriptor of a file for as long as the client knows it, or until others need the room.
    func pin(_ inode: Inode, _ file: ServedFile) throws(Errno) {
        let limit = limits.pins
        let dropped = try state.withLock { state throws(Errno) -> [ServedFile] in
            guard state.nodes[inode.number] === inode, inode.state.withLock({ $0.pin == nil }) else { return [] }
            var dropped: [ServedFile] = []
            if state.pinCount >= limit {
                dropped = Self.makeRoom(&state)
                guard state.pinCount < limit else { throw Errno(rawValue: 23) }
            }
            inode.state.withLock { $0.pin = file }
            state.pinCount += 1
            state.pinned.append(inode.number)
            if state.pinned.count > 2 * limit {
                let nodes = state.nodes
                state.pinned.removeAll { number in nodes[number]?.state.withLock { $0.pin == nil } ?? true }
            }
            return dropped
        }
        _ = consume dropped
    }

    /// Unpins the older half of what can be found again by name.
    private static func makeRoom(_ state: inout State) -> [ServedFile] {
        var dropped: [ServedFile] = []
        var kept: [UInt64] = []
        let goal = state.pinCount / 2 + 1
        for number in state.pinned {
            guard let inode = state.nodes[number] else { continue }
            let file = inode.state.withLock { inode -> ServedFile? in
                guard dropped.count < goal, inode.name != nil, inode.parent != Wire.rootNode else { return nil }
                defer { inode.pin = nil }
                return inode.pin
            }
            if let file { dropped.append(file) } else { kept.append(number) }
        }
        state.pinned = kept
        state.pinCount -= dropped.count
        return dropped
    }

    /// Forgets everything but the shares' roots.
    func removeAll() {
        let old = state.withLock { state -> State in
            defer { state = State() }
            return state
        }
        _ = consume old
    }

    /// How many files are known, and how many of them pinned.
    var counts: (nodes: Int, pins: Int) {
        state.withLock { ($0.nodes.count, $0.pinCount) }
    }
}

extension Errno {
    /// ESTALE: the file is no longer where the client knew it; it looks it up anew.
    static let stale = Errno(rawValue: 116)
    /// EBADF.
    static let badDescriptor = Errno(rawValue: 9)
}
