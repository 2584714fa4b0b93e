import CLinux
import Diagnostics
import Glibc
import Plans
import Syscalls

extension Stage {
    /// Makes device nodes.
    ///
    /// - Parameters:
    ///   - devices: what to make.
    ///   - bind: bind the host's nodes, since mknod(2) is not allowed in a user namespace.
    func make(_ devices: [DeviceStep], bind: Bool) throws {
        var directory = ""
        var parent: SharedDescriptor?
        for device in devices {
            let parts = device.path.pathComponents
            guard let name = parts.last else {
                throw RuntimeError(.invalidBundle, "\(device.field ?? "device"): \"\(device.path)\" is not a path")
            }
            let path = rootedPath(Array(parts.dropLast()))
            if path != directory || parent == nil {
                parent = SharedDescriptor(try openDestination(path, creating: .directory))
                directory = path
            }
            guard let parent else { continue }
            try during(device.path) {
                if bind && device.kind != .fifo {
                    try bindHostNode(device, name: name, in: parent.file)
                } else {
                    try makeNode(device, name: name, in: parent.file)
                }
            }
        }
    }

    private func makeNode(
        _ device: DeviceStep, name: String, in parent: borrowing OwnedDescriptor
    ) throws {
        let number = clx_makedev(device.major, device.minor)
        let type: UInt32 =
            switch device.kind {
            case .character: S_IFCHR
            case .block: S_IFBLK
            case .fifo: S_IFIFO
            }
        let made = try parent.makeNodeIfAbsent(
            name, mode: type | device.mode, device: device.kind == .fifo ? 0 : number)
        if !made {
            // A node that is there already, because the image or a mount brought it, has to be the right one.
            let found = try parent.status(of: name)
            let isSame = device.kind == .fifo || found.representedDevice == number
            guard found.kind == device.fileKind, isSame else {
                throw RuntimeError(.invalidBundle, "something else exists there")
            }
        }
        if device.userID != 0 || device.groupID != 0 {
            let node = try OwnedDescriptor.open(at: parent, name, [.path, .noFollow])
            try node.changeOwner(user: device.userID, group: device.groupID)
        }
    }

    private func bindHostNode(
        _ device: DeviceStep, name: String, in parent: borrowing OwnedDescriptor
    ) throws {
        let source = try OwnedDescriptor.open(device.path, [.path, .noFollow])
        let found = try source.status()
        guard found.kind == device.fileKind, found.representedDevice == clx_makedev(device.major, device.minor) else {
            throw RuntimeError(
                .unsupported, "in a user namespace a device is bound from the host, and there it is another one")
        }
        _ = try OwnedDescriptor.open(at: parent, name, [.writeOnly, .create, .noFollow], mode: device.mode)
        let target = try OwnedDescriptor.open(at: parent, name, [.path, .noFollow])
        let tree = try Mounting.cloneTree(of: source, recursive: false, subject: device.path)
        try Mounting.attach(tree, to: target, subject: device.path)
    }

    /// Makes the links that programs expect in /dev (runtime-spec, runtime-linux.md, "Dev symbolic links").
    func makeDefaultLinks() throws(SystemError) {
        let directory = try openDestination("/dev", creating: .directory)
        let links = [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"),
        ]
        for (name, target) in links {
            do {
                try directory.makeLink(name, to: target)
            } catch {
                // What the image brought stays, except for ptmx, which must be the container's own.
                guard error.errno == .exists else { throw error }
                guard name == "ptmx" else { continue }
                try directory.remove(name)
                try directory.makeLink(name, to: target)
            }
        }
    }
}

extension DeviceStep {
    /// The kind as stat(2) shows it.
    fileprivate var fileKind: FileStatus.Kind {
        switch kind {
        case .character: .characterDevice
        case .block: .blockDevice
        case .fifo: .fifo
        }
    }
}

extension OwnedDescriptor {
    /// Makes a node; false where the name is taken.
    fileprivate borrowing func makeNodeIfAbsent(
        _ name: String, mode: UInt32, device: UInt64
    ) throws(SystemError) -> Bool {
        do {
            try makeNode(name, mode: mode, device: device)
            return true
        } catch let error where error.errno == .exists {
            return false
        }
    }
}
