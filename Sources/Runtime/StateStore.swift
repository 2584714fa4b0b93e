package import Diagnostics
import Glibc
import GuestImage
import Plans
import Sandbox
import Syscalls

/// Where the states of containers are kept: a directory for each container under one root.
///
/// A container's directory holds `state.json`, the bundle's `config.json` as it was read, and, until the container is
/// started, the socket `start.sock`. Whoever changes a container holds a lock on its directory.
package struct StateStore: Sendable {
    /// The directory that holds the containers' directories.
    package let root: String

    /// Names a store; nothing is made before the first container.
    package init(root: String) {
        self.root = root
    }

    /// The place of containers where nobody names one: /run/mvrun for root, and a directory of the user's own otherwise.
    package static func defaultRoot() -> String {
        let user = geteuid()
        let runtimeDirectory = environmentVariable("XDG_RUNTIME_DIR")
        // Root of a user namespace is root by name only; what tells is that the session around it is a user's.
        let isUsersSession =
            user != 0 || (runtimeDirectory != nil && !["root", ""].contains(environmentVariable("USER") ?? ""))
        guard isUsersSession else { return "/run/mvrun" }
        if let runtimeDirectory, !runtimeDirectory.isEmpty { return runtimeDirectory + "/mvrun" }
        return "/tmp/mvrun-\(user)"
    }

    /// Refuses what cannot be a container's id: it names a directory and cgroups.
    package static func check(id: String) throws(RuntimeError) {
        let isPlain = id.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"),
                UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard isPlain, !id.isEmpty, id != ".", id != "..", id.utf8.count <= 255 else {
            throw RuntimeError(
                .usage, "\"\(id)\" cannot be a container's id",
                hint: "an id is made of letters, digits, and the characters _ + - .")
        }
    }

    /// The directory of a container.
    package func directory(of id: String) -> String {
        root + "/" + id
    }

    /// Makes the directory of a new container and locks it.
    ///
    /// It is made under another name, locked, and then given its own: at no time is there a container that nobody holds.
    package func add(_ id: String) throws(RuntimeError) -> ContainerDirectory {
        let path = directory(of: id)
        let temporary = root + "/\(Self.temporaryPrefix)\(getpid())"
        do throws(SystemError) {
            try refuseForeignRoot()
            try makeRootIfMissing { () throws(SystemError) in try makeDirectory(temporary, mode: 0o711) }
            let made = try OwnedDescriptor.open(temporary, [.directory])
            try made.lock(exclusive: true, wait: false)
            do throws(SystemError) {
                try renameFile(temporary, toNew: path)
            } catch {
                try? removeDirectory(temporary)
                throw error
            }
            return ContainerDirectory(path: path, descriptor: made)
        } catch {
            if error.errno == .exists {
                throw RuntimeError(
                    .alreadyExists, "container \"\(id)\" exists already under \(root)",
                    hint: "choose another id, or remove it with \"mvrun delete \(id)\"")
            }
            throw RuntimeError(error).during("make the container's directory")
        }
    }

    /// Opens and locks the directory of a container that exists.
    package func open(_ id: String) throws(RuntimeError) -> ContainerDirectory {
        try Self.check(id: id)
        let path = directory(of: id)
        do throws(SystemError) {
            let descriptor = try OwnedDescriptor.open(path, [.directory, .noFollow])
            try descriptor.lock(exclusive: true, wait: true)
            // While this process waited for the lock, whoever held it may have removed the container.
            guard let now = try? status(of: path), try now.isSameFile(as: descriptor.status()) else {
                throw absent(path)
            }
            return ContainerDirectory(path: path, descriptor: descriptor)
        } catch {
            throw translate(error, id)
        }
    }

    /// Opens the directory of a container and locks it unless somebody holds it.
    ///
    /// - Returns: nil where somebody holds it, or it is gone.
    package func openIfFree(_ name: String) -> ContainerDirectory? {
        let path = directory(of: name)
        guard let descriptor = try? OwnedDescriptor.open(path, [.directory, .noFollow]),
            (try? descriptor.lock(exclusive: true, wait: false)) != nil,
            let opened = try? descriptor.status(), let now = try? status(of: path), now.isSameFile(as: opened)
        else { return nil }
        return ContainerDirectory(path: path, descriptor: descriptor)
    }

    /// What is kept of a container; no lock is taken, since records are replaced as a whole.
    package func record(of id: String) throws(RuntimeError) -> ContainerRecord {
        try Self.check(id: id)
        return try ContainerRecord.read("state.json", in: directory(of: id)) { translate($0, id) }
    }

    /// The ids of all containers, in the order of the alphabet.
    package func ids() throws(RuntimeError) -> [String] {
        try names().filter { !$0.hasPrefix(Self.temporaryPrefix) && exists(directory(of: $0) + "/state.json") }
    }

    /// Everything in the root: the containers, and what killed runtimes left.
    package func names() throws(RuntimeError) -> [String] {
        do {
            return try OwnedDescriptor.open(root, [.directory]).entries().sorted()
        } catch {
            if error.errno == .noEntry { return [] }
            throw RuntimeError(error).during("list the containers")
        }
    }

    /// The start of a name that no container can have, since an id has no such letter.
    static let temporaryPrefix = "~"

    /// Refuses a root in /tmp that somebody else has made there first, to put states of theirs under our eyes.
    private func refuseForeignRoot() throws(SystemError) {
        guard root.hasPrefix("/tmp/"), let found = try? status(of: root, followLinks: false) else { return }
        guard found.kind == .directory, found.userID == geteuid() else {
            throw SystemError("open", root, .notPermitted)
        }
    }

    private func makeRootIfMissing(_ make: () throws(SystemError) -> Void) throws(SystemError) {
        do throws(SystemError) {
            try make()
        } catch {
            guard error.errno == .noEntry else { throw error }
            // Others may pass through, which a user namespace's root must, but not look around.
            try makeDirectories(root, mode: 0o711)
            try make()
        }
    }

    private func absent(_ path: String) -> SystemError {
        SystemError("open", path, .noEntry)
    }

    private func translate(_ error: SystemError, _ id: String) -> RuntimeError {
        if error.errno == .noEntry {
            return RuntimeError(.notFound, "container \"\(id)\" does not exist under \(root)")
        }
        return RuntimeError(error).during("read the container's state")
    }
}

/// The directory of one container, locked by this process.
package struct ContainerDirectory: ~Copyable {
    /// The directory.
    package let path: String
    private let descriptor: OwnedDescriptor

    init(path: String, descriptor: consuming OwnedDescriptor) {
        self.path = path
        self.descriptor = descriptor
    }

    /// The bundle's config.json as it was read.
    package var config: String { path + "/config.json" }

    /// What is kept of the container; nil where its creation was cut short before anything was written.
    package borrowing func record() throws(RuntimeError) -> ContainerRecord? {
        for name in ["state.json", Self.removedRecord] where exists(path + "/" + name) {
            return try ContainerRecord.read(name, in: path) { RuntimeError($0).during("read the container's state") }
        }
        return nil
    }

    /// The record of a container whose removal has begun: it exists for nobody but for who finishes that.
    private static let removedRecord = "removed.json"

    /// Makes the container one that does not exist any more, though not all of it is removed yet.
    package borrowing func beginRemoval() throws(RuntimeError) {
        do {
            try renameFile(path + "/state.json", to: path + "/" + Self.removedRecord)
        } catch {
            // Somebody who was killed has begun it before.
            guard error.errno == .noEntry else { throw RuntimeError(error).during("remove the container's state") }
        }
    }

    /// Takes a removal back that could not be finished, so that the container can be looked at and deleted again.
    package borrowing func cancelRemoval() {
        // Should that fail too, `delete` and `gc` find the record under its other name.
        try? renameFile(path + "/" + Self.removedRecord, to: path + "/state.json")
    }

    /// Whether the removal of the container has begun.
    package var isBeingRemoved: Bool { exists(path + "/" + Self.removedRecord) }

    /// Writes the first record, in a directory that nobody else looks at yet.
    package borrowing func begin(_ record: ContainerRecord) throws(RuntimeError) {
        try write("state.json", record.json)
    }

    /// Writes a file that is not there yet.
    package borrowing func write(_ name: String, _ bytes: [UInt8]) throws(RuntimeError) {
        do {
            try OwnedDescriptor.open(at: descriptor, name, [.writeOnly, .create, .exclusive], mode: 0o600)
                .writeAll(bytes, subject: path + "/" + name)
        } catch {
            throw RuntimeError(error).during("write the container's \(name)")
        }
    }

    /// Replaces the record: a reader sees the old one or the new one.
    package borrowing func replace(_ record: ContainerRecord) throws(RuntimeError) {
        try replace("state.json", record.json)
    }

    /// Replaces a file: a reader sees the old one or the new one.
    package borrowing func replace(_ name: String, _ bytes: [UInt8]) throws(RuntimeError) {
        do {
            try writeFileAtomically(bytes, to: path + "/" + name)
        } catch {
            throw RuntimeError(error).during("write the container's \(name)")
        }
    }

    /// The socket on which a created container waits for its start.
    ///
    /// It is named by way of the open directory: the path of a socket is short, and that of a store may be long.
    private var startSocket: String { descriptor.procPath + "/start.sock" }

    /// Makes the place of the notification socket.
    borrowing func makeNotifyDirectory() throws(RuntimeError) {
        do {
            try descriptor.makeDirectory("notify", mode: 0o755)
        } catch {
            throw RuntimeError(error).during("make the directory of the notification socket")
        }
    }

    /// Begins to listen for the program's notifications.
    borrowing func listenForNotifications(managerPath: String) throws(RuntimeError) -> NotifyProxy {
        try NotifyProxy(in: descriptor.procPath, managerPath: managerPath)
    }

    /// Makes the start socket.
    borrowing func listenForStart() throws(RuntimeError) -> OwnedDescriptor {
        do {
            return try UnixSocket.listen(at: startSocket, .packets)
        } catch {
            throw RuntimeError(error).during("make the start socket")
        }
    }

    /// Makes the socket on which a machine's monitor takes requests as long as it runs.
    ///
    /// It is the start socket under a second name, so that the container counts as created until it is started.
    borrowing func listenForControl() throws(RuntimeError) -> OwnedDescriptor {
        let socket = try listenForStart()
        do {
            try UnixSocket.link(startSocket, as: descriptor.procPath + "/" + MachineFile.control)
        } catch {
            throw RuntimeError(error).during("make the control socket")
        }
        return socket
    }

    /// Makes the directory of a machine's sockets.
    ///
    /// - Parameters:
    ///   - user: who the monitor is on the host.
    ///   - group: its group.
    borrowing func makeVsockDirectory(user: UInt32, group: UInt32) throws(RuntimeError) {
        do {
            try descriptor.makeDirectory(MachineFile.vsock, mode: 0o700)
            let made = try OwnedDescriptor.open(at: descriptor, MachineFile.vsock, [.path, .directory, .noFollow])
            if user != Credentials.effectiveUser || group != Credentials.effectiveGroup {
                try made.changeOwner(user: user, group: group)
            }
        } catch {
            throw RuntimeError(error).during("make the directory of the machine's sockets")
        }
    }

    /// Opens what a machine's monitor works with.
    borrowing func machineFiles(
        _ machine: MachinePlan, diskPath: String?, _ images: consuming GuestImage
    ) throws(RuntimeError) -> MachineFiles {
        try MachineFiles(machine, diskPath: diskPath, images, in: self)
    }

    /// Makes a file of the container's and opens it.
    borrowing func make(_ name: String) throws(RuntimeError) -> OwnedDescriptor {
        do {
            return try OwnedDescriptor.open(at: descriptor, name, [.readWrite, .create, .exclusive], mode: 0o600)
        } catch {
            throw RuntimeError(error).during("make the container's \(name)")
        }
    }

    /// Connects to the container that waits at the start socket.
    borrowing func connectForStart() throws(SystemError) -> CreatedSandbox {
        try CreatedSandbox(waitingAt: startSocket)
    }

    /// Removes the start socket: from now on the container counts as started.
    borrowing func forgetStartSocket() throws(RuntimeError) {
        do {
            try removeIfThere("start.sock")
        } catch {
            throw RuntimeError(error).during("remove the start socket")
        }
    }

    /// Removes the directory with all that is in it; what is gone already is no error.
    package borrowing func remove() throws(RuntimeError) {
        do throws(SystemError) {
            for name in [Self.removedRecord, "config.json"] { try removeIfThere(name) }
            do throws(SystemError) {
                try removeDirectory(path)
            } catch {
                guard error.errno == .notEmpty else { throw error }
                try removeContent(of: descriptor, depth: 0)
                try removeDirectory(path)
            }
        } catch {
            if error.errno == .noEntry { return }
            throw RuntimeError(error).during("remove the container's directory")
        }
    }

    private borrowing func removeIfThere(_ name: String) throws(SystemError) {
        do {
            try descriptor.remove(name)
        } catch {
            guard error.errno == .noEntry else { throw error }
        }
    }

    private borrowing func removeContent(of directory: borrowing OwnedDescriptor, depth: Int) throws(SystemError) {
        for name in try directory.entries() {
            guard try directory.status(of: name).kind == .directory else {
                try directory.remove(name)
                continue
            }
            // mvrun makes no deeper ones; should there be, removing the directory says so.
            if depth < 2 {
                try removeContent(
                    of: OwnedDescriptor.open(at: directory, name, [.directory, .noFollow]), depth: depth + 1)
            }
            try directory.remove(name, directory: true)
        }
    }
}

extension ContainerRecord {
    /// Reads a record in a container's directory.
    fileprivate static func read(
        _ name: String, in directory: String, _ translate: (SystemError) -> RuntimeError
    ) throws(RuntimeError) -> ContainerRecord {
        let bytes: [UInt8]
        do {
            bytes = try readFile(directory + "/" + name, limit: sizeLimit)
        } catch {
            throw translate(error)
        }
        do throws(RuntimeError) {
            return try ContainerRecord(parsing: bytes)
        } catch {
            throw error.during("\(directory)/\(name)")
        }
    }
}
