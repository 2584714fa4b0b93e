import Diagnostics
import OCI
import Planning
import Plans
import Syscalls

extension Session {
    /// Compiles the container that holds a pod's namespaces, where the pod's other containers are virtual machines.
    func podPlan(
        _ bundle: Bundle, _ request: CreateRequest, startsLater: Bool
    ) throws(RuntimeError) -> ContainerPlan {
        if request.offersVsock {
            throw RuntimeError(.usage, "--vsock: a pod's own container runs nothing that could be connected to")
        }
        let networks = try ContainerNetworks(request, isPrivileged: isPrivileged)
        var options = planOptions(bundle, request, networks)
        options.startsLater = startsLater
        let scope = try systemdScope(bundle.spec.linux.cgroupsPath, id: request.id)
        let cgroups = try plannedCgroups(bundle.spec, scope, id: request.id, &options)
        var jail = MicroVMIsolation.Options(
            container: options, monitor: try monitorPath(), coveredDirectory: store.directory(of: request.id))
        jail.descriptorLimit = descriptorLimit(most: jail.descriptorLimit)
        var plan = ContainerPlan(
            sandbox: try MicroVMIsolation.podPlan(bundle, options: jail), cgroups: cgroups, scope: scope,
            networks: networks)
        plan.holdsPod = true
        return plan
    }

    /// A bundle with what it would find in the namespaces of another container that it is to join: the host name, and the kernel
    /// parameters that were set there.
    ///
    /// A guest has namespaces of its own kernel, and cannot look into those.
    func withParametersOfJoined(_ bundle: Bundle) throws(RuntimeError) -> Bundle {
        var spec = bundle.spec
        // Most often all of them are one container's, which is looked for once.
        var known: [Int32: Spec?] = [:]
        for namespace in bundle.spec.linux.namespaces {
            guard let pid = namespace.processOfPath else { continue }
            if known[pid] == nil { known[pid] = .some(try configuration(ofProcess: pid)) }
            guard let joined = known[pid] ?? nil else { continue }
            if namespace.type == .uts {
                spec.hostname = spec.hostname ?? joined.hostname
                spec.domainname = spec.domainname ?? joined.domainname
            }
            for parameter in joined.linux.sysctl {
                guard let file = Spec.sysctlFile(parameter.key), Spec.Linux.sysctlOwner(file) == namespace.type,
                    !spec.linux.sysctl.contains(where: { Spec.sysctlFile($0.key) == file })
                else { continue }
                spec.linux.sysctl.append(parameter)
            }
        }
        return bundle.replacing(spec: spec, rootPath: bundle.rootPath)
    }

    /// The configuration of the container whose first process this is; nil where it is none of this store's.
    private func configuration(ofProcess pid: Int32) throws(RuntimeError) -> Spec? {
        guard let found = try containers().first(where: { $0.record.process?.pid == pid && $0.status != .stopped })
        else { return nil }
        return try storedSpec(found.directory + "/config.json")
    }
}

extension Spec.Namespace {
    /// The process by which the path names the namespace, as in /proc/17/ns/net; nil for another path or none.
    fileprivate var processOfPath: Int32? {
        let parts = (path ?? "").split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "proc", parts[3] == "ns" else { return nil }
        return Int32(parts[2])
    }
}
