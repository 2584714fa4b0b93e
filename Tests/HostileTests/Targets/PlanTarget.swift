import Plans

/// Plans in their wire form, as they cross to the monitor, to the guest and to a container's second stage.
enum PlanTarget {
    static func run(_ input: inout FuzzInput) {
        switch input.choice(4) {
        case 0: check(MachinePlan.self, input.rest())
        case 1: check(GuestPlan.self, input.rest())
        case 2: check(StagePlan.self, input.rest())
        default: check(SandboxPlan.self, input.rest())
        }
    }

    /// What is accepted is the same after another journey.
    private static func check<Value: PlanCoded & Equatable>(_ type: Value.Type, _ bytes: [UInt8]) {
        var reader = PlanReader(bytes)
        guard let value = try? Value(from: &reader) else { return }
        precondition(reader.remaining >= 0 && reader.remaining <= bytes.count, "nothing is read beyond the end")
        var writer = PlanWriter()
        writer.write(value)
        var second = PlanReader(writer.bytes)
        precondition((try? Value(from: &second)) == value && second.remaining == 0, "a plan survives the wire")
    }

    private static func bytes<Value: PlanCoded>(_ value: Value) -> [UInt8] {
        var writer = PlanWriter()
        writer.write(value)
        return writer.bytes
    }

    private static let program = Program(
        arguments: ["sh", "-c", "é"], environment: ["A=b"], workingDirectory: "/w", preservedDescriptors: 2,
        listenDescriptors: 2)
    private static let hook = HookStep(
        list: "startContainer", index: 1, path: "/h", arguments: ["h"], environment: ["A=b"], timeoutSeconds: 3)

    private static let steps: [SetupStep] = [
        .joinNamespaces([NamespaceJoin(kind: .network, path: "/run/netns/a", field: "f")]), .joinProcess(kinds: 1),
        .fork(namespaces: 1, mapped: true), .newTimeNamespace([ClockOffset(clock: "boottime", seconds: -3, nanoseconds: 7)]),
        .newKeyring(name: "k"), .hostname("a"), .prepareRoot(path: "/b"),
        .mount(MountStep(index: 3, destination: "/proc", kind: .fileSystem(type: "proc", source: "p", flags: 6, data: "x"))),
        .mount(MountStep(index: nil, destination: "/a", kind: .bind(.path("/a"), recursive: true))),
        .mount(MountStep(index: 1, destination: "/c", kind: .remount(flags: 1, data: "size=1"))),
        .terminal(rows: 24, columns: 80, bindConsole: true), .hooks([hook]), .enterRoot(.pivot),
        .sysctl([.init(name: "a.b", path: "a/b", value: "1")]), .maskPaths(["/proc/kcore"]), .memoryPolicy(mode: 2, nodes: [1]),
        .affinity([3]), .securityLabel(.appArmor("p")),
        .scheduler(SchedulerAttributes(policy: 3, flags: 1, nice: -2, priority: 0, runtime: 1, deadline: 2, period: 3)),
        .identity(Identity(userID: 1, groupID: 2, additionalGroups: [3], umask: 0o22), keepCapabilities: true),
        .capabilities(CapabilitySets(bounding: 1, effective: 2, inheritable: 3, permitted: 4, ambient: 5)),
        .seccomp(SeccompFilter(instructions: [1, 2, 3, 4, 5, 6, 7, 8], flags: 2, notifies: true)),
    ]

    static var seeds: [[UInt8]] {
        var stage = StagePlan(id: "a", steps: steps, program: program)
        stage.startHooks = [hook]
        let guest = GuestPlan(sandbox: SandboxPlan(launch: LaunchPlan(), stage: stage), memoryLimit: 7, processLimit: 8)
        let machine = MachinePlan(
            id: "a", virtualCPUs: 2, memoryMiB: 256, kernelParameters: ["a=b"],
            shares: [FileShare(path: "/r", readOnly: true, isFile: false)], cacheMode: .auto, terminal: true, guest: guest)
        return [[0] + bytes(machine), [1] + bytes(guest), [2] + bytes(stage), [3] + bytes(guest.sandbox)]
            + steps.map { [2] + bytes(StagePlan(id: "a", steps: [$0], program: program)) }
    }
}
