/// The tags of the steps on the wire, in the order of the enumeration.
private enum Tag: UInt8 {
    case joinNamespaces
    case joinProcess
    case fork
    case newTimeNamespace
    case newCgroupNamespace
    case newSession
    case newKeyring
    case hostname
    case domainname
    case loopbackUp
    case propagation
    case prepareRoot
    case mount
    case devices
    case defaultLinks
    case terminal
    case awaitHooks
    case hooks
    case enterRoot
    case rootPropagation
    case readOnlyRoot
    case sysctl
    case maskPaths
    case readOnlyPaths
    case personality
    case memoryPolicy
    case ioPriority
    case scheduler
    case affinity
    case securityLabel
    case makeDirectory
    case limits
    case findProgram
    case noNewPrivileges
    case identity
    case capabilities
    case boundingSet
    case seccomp
    case workingDirectory
    case emptyRoot
    case mountPoints
}

extension SetupStep: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        if writeNamespaceStep(to: &writer) || writeFileStep(to: &writer) { return }
        writeProcessStep(to: &writer)
    }

    /// Writes the steps up to the mounts; false for others.
    private func writeNamespaceStep(to writer: inout PlanWriter) -> Bool {
        switch self {
        case .joinNamespaces(let a):
            writer.write(Tag.joinNamespaces.rawValue)
            writer.write(a)
        case .joinProcess(let kinds):
            writer.write(Tag.joinProcess.rawValue)
            writer.write(kinds)
        case .fork(let namespaces, let mapped):
            writer.write(Tag.fork.rawValue)
            writer.write(namespaces)
            writer.write(mapped)
        case .newTimeNamespace(let a):
            writer.write(Tag.newTimeNamespace.rawValue)
            writer.write(a)
        case .newCgroupNamespace:
            writer.write(Tag.newCgroupNamespace.rawValue)
        case .newSession:
            writer.write(Tag.newSession.rawValue)
        case .newKeyring(let name):
            writer.write(Tag.newKeyring.rawValue)
            writer.write(name)
        case .hostname(let a):
            writer.write(Tag.hostname.rawValue)
            writer.write(a)
        case .domainname(let a):
            writer.write(Tag.domainname.rawValue)
            writer.write(a)
        case .loopbackUp:
            writer.write(Tag.loopbackUp.rawValue)
        case .propagation(let a):
            writer.write(Tag.propagation.rawValue)
            writer.write(a)
        case .prepareRoot(let path):
            writer.write(Tag.prepareRoot.rawValue)
            writer.write(path)
        case .mount(let a):
            writer.write(Tag.mount.rawValue)
            writer.write(a)
        case .emptyRoot(let path):
            writer.write(Tag.emptyRoot.rawValue)
            writer.write(path)
        case .mountPoints(let tree, let points):
            writer.write(Tag.mountPoints.rawValue)
            writer.write(tree)
            writer.write(points)
        default:
            return false
        }
        return true
    }

    /// Writes the steps that concern files and the root; false for others.
    private func writeFileStep(to writer: inout PlanWriter) -> Bool {
        switch self {
        case .devices(let a, let bind):
            writer.write(Tag.devices.rawValue)
            writer.write(a)
            writer.write(bind)
        case .defaultLinks:
            writer.write(Tag.defaultLinks.rawValue)
        case .terminal(let rows, let columns, let bindConsole):
            writer.write(Tag.terminal.rawValue)
            writer.write(rows)
            writer.write(columns)
            writer.write(bindConsole)
        case .awaitHooks:
            writer.write(Tag.awaitHooks.rawValue)
        case .hooks(let a):
            writer.write(Tag.hooks.rawValue)
            writer.write(a)
        case .enterRoot(let a):
            writer.write(Tag.enterRoot.rawValue)
            writer.write(a.rawValue)
        case .rootPropagation(let a):
            writer.write(Tag.rootPropagation.rawValue)
            writer.write(a)
        case .readOnlyRoot:
            writer.write(Tag.readOnlyRoot.rawValue)
        case .sysctl(let a):
            writer.write(Tag.sysctl.rawValue)
            writer.write(a)
        case .maskPaths(let a):
            writer.write(Tag.maskPaths.rawValue)
            writer.write(a)
        case .readOnlyPaths(let a):
            writer.write(Tag.readOnlyPaths.rawValue)
            writer.write(a)
        case .personality(let a):
            writer.write(Tag.personality.rawValue)
            writer.write(a)
        case .memoryPolicy(let mode, let nodes):
            writer.write(Tag.memoryPolicy.rawValue)
            writer.write(mode)
            writer.writeNumbers(nodes)
        default:
            return false
        }
        return true
    }

    /// Writes the steps that concern the process itself.
    private func writeProcessStep(to writer: inout PlanWriter) {
        switch self {
        case .ioPriority(let a):
            writer.write(Tag.ioPriority.rawValue)
            writer.write(a)
        case .scheduler(let a):
            writer.write(Tag.scheduler.rawValue)
            writer.write(a)
        case .affinity(let a):
            writer.write(Tag.affinity.rawValue)
            writer.write(a)
        case .securityLabel(let a):
            writer.write(Tag.securityLabel.rawValue)
            writer.write(a)
        case .makeDirectory(let a):
            writer.write(Tag.makeDirectory.rawValue)
            writer.write(a)
        case .limits(let a):
            writer.write(Tag.limits.rawValue)
            writer.write(a)
        case .findProgram:
            writer.write(Tag.findProgram.rawValue)
        case .noNewPrivileges:
            writer.write(Tag.noNewPrivileges.rawValue)
        case .identity(let a, let keepCapabilities):
            writer.write(Tag.identity.rawValue)
            writer.write(a)
            writer.write(keepCapabilities)
        case .capabilities(let a):
            writer.write(Tag.capabilities.rawValue)
            writer.write(a)
        case .boundingSet(let a):
            writer.write(Tag.boundingSet.rawValue)
            writer.write(a)
        case .seccomp(let a):
            writer.write(Tag.seccomp.rawValue)
            writer.write(a)
        case .workingDirectory(let a):
            writer.write(Tag.workingDirectory.rawValue)
            writer.write(a)
        default:
            return
        }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        let tag: Tag = try reader.enumeration()
        if let step = try Self.namespaceStep(tag, from: &reader) {
            self = step
        } else if let step = try Self.fileStep(tag, from: &reader) {
            self = step
        } else if let step = try Self.processStep(tag, from: &reader) {
            self = step
        } else {
            throw .malformed
        }
    }

    private static func namespaceStep(
        _ tag: Tag, from reader: inout PlanReader
    ) throws(PlanFault) -> SetupStep? {
        switch tag {
        case .joinNamespaces: .joinNamespaces(try reader.list())
        case .joinProcess: .joinProcess(kinds: try reader.number())
        case .fork: .fork(namespaces: try reader.number(), mapped: try reader.flag())
        case .newTimeNamespace: .newTimeNamespace(try reader.list())
        case .newCgroupNamespace: .newCgroupNamespace
        case .newSession: .newSession
        case .newKeyring: .newKeyring(name: try reader.text())
        case .hostname: .hostname(try reader.text())
        case .domainname: .domainname(try reader.text())
        case .loopbackUp: .loopbackUp
        case .propagation: .propagation(try reader.number())
        case .prepareRoot: .prepareRoot(path: try reader.text())
        case .mount: .mount(try MountStep(from: &reader))
        case .emptyRoot: .emptyRoot(at: try reader.text())
        case .mountPoints: .mountPoints(in: try reader.text(), try reader.list())
        default: nil
        }
    }

    private static func fileStep(
        _ tag: Tag, from reader: inout PlanReader
    ) throws(PlanFault) -> SetupStep? {
        switch tag {
        case .devices: .devices(try reader.list(), bind: try reader.flag())
        case .defaultLinks: .defaultLinks
        case .terminal:
            .terminal(rows: try reader.number(), columns: try reader.number(), bindConsole: try reader.flag())
        case .awaitHooks: .awaitHooks
        case .hooks: .hooks(try reader.list())
        case .enterRoot: .enterRoot(try reader.enumeration())
        case .rootPropagation: .rootPropagation(try reader.number())
        case .readOnlyRoot: .readOnlyRoot
        case .sysctl: .sysctl(try reader.list())
        case .maskPaths: .maskPaths(try reader.texts())
        case .readOnlyPaths: .readOnlyPaths(try reader.texts())
        case .personality: .personality(try reader.number())
        case .memoryPolicy: .memoryPolicy(mode: try reader.number(), nodes: try reader.numbers())
        default: nil
        }
    }

    private static func processStep(
        _ tag: Tag, from reader: inout PlanReader
    ) throws(PlanFault) -> SetupStep? {
        switch tag {
        case .ioPriority: .ioPriority(try reader.number())
        case .scheduler: .scheduler(try SchedulerAttributes(from: &reader))
        case .affinity: .affinity(try reader.content())
        case .securityLabel: .securityLabel(try SetupStep.SecurityLabel(from: &reader))
        case .makeDirectory: .makeDirectory(try reader.text())
        case .limits: .limits(try reader.list())
        case .findProgram: .findProgram
        case .noNewPrivileges: .noNewPrivileges
        case .identity: .identity(try Identity(from: &reader), keepCapabilities: try reader.flag())
        case .capabilities: .capabilities(try CapabilitySets(from: &reader))
        case .boundingSet: .boundingSet(try reader.number())
        case .seccomp: .seccomp(try SeccompFilter(from: &reader))
        case .workingDirectory: .workingDirectory(try reader.text())
        default: nil
        }
    }
}

extension SetupStep.MountPoint: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(path)
        writer.write(isFile)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(path: try reader.text(), isFile: try reader.flag())
    }
}

extension SetupStep.SecurityLabel: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        switch self {
        case .appArmor(let profile):
            writer.write(0 as UInt8)
            writer.write(profile)
        case .seLinux(let label):
            writer.write(1 as UInt8)
            writer.write(label)
        }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        switch try reader.number(UInt8.self) {
        case 0: self = .appArmor(try reader.text())
        case 1: self = .seLinux(try reader.text())
        default: throw .malformed
        }
    }
}
