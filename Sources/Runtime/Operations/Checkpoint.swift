import Cgroups
package import Diagnostics
import OCI
import Plans
import Syscalls

extension Session {
    /// Saves a running container to disk with CRIU.
    ///
    /// It is gone afterwards, as by `delete`, unless it is to go on. Where criu fails the container goes on in any case.
    package func checkpoint(_ id: String, _ options: CriuOptions) throws(RuntimeError) {
        let directory = try store.open(id)
        let container = try container(id)
        if container.record.isolation == .vm {
            throw RuntimeError(
                .unsupported, "a container in a virtual machine cannot be saved: criu sees only its monitor")
        }
        let status = container.status
        guard status == .running || status == .paused, let process = container.record.process else {
            throw RuntimeError(.wrongState, "the container is \(status.rawValue); only a running one can be saved")
        }
        let criu = try CriuProgram(options, logFile: "dump.log", makesImages: true, in: self)
        let mountInfo = try during("find the container's mounts") {
            try readText("/proc/\(process.pid)/mountinfo", limit: 64 << 20)
        }
        let streams = StandardStreams(of: process.pid, mountInfo: mountInfo)
        var opts = try dumpOptions(options, container, process.pid)
        criu.write(into: &opts)
        if !options.preDump {
            try addOutside(mountInfo, streams, container, &opts)
            try during("write descriptors.json") {
                try writeFileAtomically(streams.json, to: absolutePath(options.imagePath) + "/descriptors.json")
            }
        }
        try dump(opts, criu, options)
        log.info("saved \(id)")
        guard !options.leaveRunning, !options.preDump else { return }
        // What criu has killed may still be ending.
        if !container.record.cgroups.isEmpty { try container.cgroups.kill() }
        try remove(container, in: directory)
    }

    private func dump(
        _ opts: CriuMessageWriter, _ program: borrowing CriuProgram, _ options: CriuOptions
    ) throws(RuntimeError) {
        let errors: OwnedDescriptor
        do {
            errors = try OwnedDescriptor.memory([], name: "criu-stderr")
        } catch {
            throw RuntimeError(error)
        }
        var criu = try program.start(errors: errors)
        do throws(RuntimeError) {
            _ = try criu.ask(options.preDump ? .preDump : .dump, opts) { notice throws(RuntimeError) in
                if notice.name == "status-ready", let number = options.statusDescriptor {
                    try? writeFile("\0", to: "/proc/self/fd/\(number)")
                }
            }
            criu.finish()
        } catch {
            criu.finish()
            throw program.explain(error, (try? readText(errors.procPath)) ?? "")
        }
    }

    private func dumpOptions(
        _ options: CriuOptions, _ container: Container, _ pid: Int32
    ) throws(RuntimeError) -> CriuMessageWriter {
        let spec = try storedSpec(container.directory + "/config.json")
        var opts = CriuMessageWriter()
        opts.integer(2, Int(pid))
        opts.flag(3, options.leaveRunning)
        opts.text(13, container.record.rootfs)
        options.write(into: &opts, logFile: "dump.log")
        if let parent = options.parentPath {
            opts.text(14, parent)
            opts.flag(15, true)
        }
        if let server = options.pageServer {
            opts.message(11) { message in
                message.text(1, server.address)
                message.integer(2, server.port)
            }
        }
        // A container's processes are stopped all at once by their freezer; without one criu stops each.
        if let freezer = container.cgroups.v1("freezer") ?? container.cgroups.unified {
            opts.text(44, freezer.directory)
        }
        for (kind, name) in ExternalNamespace.all {
            guard spec.linux.namespace(kind)?.path != nil else { continue }
            opts.text(37, "\(kind.procName)[\(try inode(ofNamespace: kind.procName, pid))]:\(name)")
        }
        return opts
    }

    /// Names what the container has from outside.
    private func addOutside(
        _ mountInfo: String, _ streams: StandardStreams, _ container: Container, _ opts: inout CriuMessageWriter
    ) throws(RuntimeError) {
        let spec = try storedSpec(container.directory + "/config.json")
        for mount in ExternalMounts(of: spec, mountInfo: mountInfo).dumped {
            opts.message(23) { message in
                message.text(1, mount.destination)
                message.text(2, mount.name)
            }
        }
        for key in streams.external { opts.text(37, key) }
    }

    private func inode(ofNamespace name: String, _ pid: Int32) throws(RuntimeError) -> UInt64 {
        do {
            return try status(of: "/proc/\(pid)/ns/\(name)").inode
        } catch {
            throw RuntimeError(error).during("find the container's namespaces")
        }
    }
}

/// A kind of namespace that a container may have joined, and the name under which CRIU saves that it did.
enum ExternalNamespace {
    /// The kinds that CRIU knows of, with runc's names for them.
    static let all: [(kind: Spec.Namespace.Kind, name: String)] = [
        (.network, "extRootNetNS"), (.pid, "extRootPidNS"),
    ]
}

extension Spec.Namespace.Kind {
    /// Its file under /proc/PID/ns.
    var procName: String { NamespaceKind(name: rawValue)?.procName ?? rawValue }
}
