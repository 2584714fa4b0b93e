import Plans
import Testing

@Suite struct WireTests {
    private static let steps: [SetupStep] = [
        .joinNamespaces([NamespaceJoin(kind: .network, path: "/run/netns/a", field: "linux.namespaces[0]")]),
        .joinProcess(kinds: 0x4000_0000), .fork(namespaces: 0x2000_0000, mapped: true),
        .newTimeNamespace([ClockOffset(clock: "boottime", seconds: -3, nanoseconds: 7)]), .newCgroupNamespace,
        .newSession, .newKeyring(name: "_ses.a"), .hostname("a"), .domainname("b"), .loopbackUp, .propagation(1 << 19),
        .prepareRoot(path: "/b/rootfs"), .mount(mount(.fileSystem(type: "proc", source: "proc", flags: 6, data: "x"))),
        .mount(mount(.bind(.path("/a"), recursive: true))), .mount(mount(.bind(.launcher(2), recursive: false))),
        .mount(
            mount(
                .cgroup(
                    MountStep.CgroupMount(
                        ownNamespace: true, unified: "/c",
                        hierarchies: [
                            .init(directory: "cpu", data: "cpu", links: ["cpuacct"], hostPath: "/h", type: "cgroup")
                        ], flags: 1)))), .mount(mount(.remount(flags: 1, data: "size=1"))),
        .devices(
            [
                DeviceStep(
                    path: "/dev/null", kind: .character, major: 1, minor: 3, mode: 0o666, userID: 1, groupID: 2,
                    field: "linux.devices[0]")
            ], bind: true), .defaultLinks, .terminal(rows: 24, columns: 80, bindConsole: true), .awaitHooks,
        .hooks([hook]), .enterRoot(.pivot), .rootPropagation(1 << 20), .readOnlyRoot,
        .sysctl([.init(name: "a.b", path: "a/b", value: "1")]), .maskPaths(["/proc/kcore"]),
        .readOnlyPaths(["/proc/sys"]), .personality(8), .memoryPolicy(mode: 2, nodes: [1]), .makeDirectory("/w"),
        .ioPriority(0x2004),
        .scheduler(
            SchedulerAttributes(policy: 3, flags: 1, nice: -2, priority: 0, runtime: 1, deadline: 2, period: 3)),
        .affinity([3]), .securityLabel(.appArmor("p")), .securityLabel(.seLinux("l")), .limits([limit]), .findProgram,
        .noNewPrivileges,
        .identity(Identity(userID: 1, groupID: 2, additionalGroups: [3], umask: 0o22), keepCapabilities: true),
        .capabilities(CapabilitySets(bounding: 1, effective: 2, inheritable: 3, permitted: 4, ambient: 5)),
        .boundingSet(9), .seccomp(SeccompFilter(instructions: [1, 2, 3, 4, 5, 6, 7, 8], flags: 2, notifies: true)),
        .workingDirectory("/"),
    ]
    private static let limit = ResourceLimit(name: "RLIMIT_CORE", resource: 4, soft: 0, hard: 1, field: "f")
    private static let hook = HookStep(
        list: "startContainer", index: 1, path: "/h", arguments: ["h", "x"], environment: ["A=b"], timeoutSeconds: 3)

    private static func mount(_ kind: MountStep.Kind) -> MountStep {
        var step = MountStep(index: 3, destination: "/proc", kind: kind)
        step.attributes = MountStep.Attributes(set: 1, clear: 2)
        step.recursiveAttributes = MountStep.Attributes(set: 3, clear: 4)
        step.propagation = [1 << 18]
        step.copiesUp = true
        step.destinationNoFollow = true
        return step
    }

    private static var plan: StagePlan {
        var plan = StagePlan(
            id: "a", steps: steps,
            program: Program(
                arguments: ["sh", "-c", "é"], environment: ["A=b"], workingDirectory: "/w", preservedDescriptors: 2,
                listenDescriptors: 2))
        plan.finalSteps = [.noNewPrivileges]
        plan.startHooks = [hook]
        plan.hookState = "{}"
        plan.waitsOnSocket = true
        return plan
    }

    @Test func everyStepCrossesTheWireUnchanged() throws {
        var writer = PlanWriter()
        writer.write(Self.plan)
        var reader = PlanReader(writer.bytes)
        #expect(try StagePlan(from: &reader) == Self.plan)
        #expect(reader.remaining == 0)
    }

    @Test func aPlanCutAnywhereIsRefusedWithoutATrap() {
        var writer = PlanWriter()
        writer.write(Self.plan)
        for length in 0..<writer.bytes.count {
            var reader = PlanReader(Array(writer.bytes.prefix(length)))
            #expect(throws: PlanFault.self) { _ = try StagePlan(from: &reader) }
        }
    }

    @Test func aTextIsItsLengthAndItsBytes() {
        var writer = PlanWriter()
        writer.write("ab")
        // 4 bytes of length, little-endian; then the UTF-8 bytes.
        #expect(writer.bytes == [2, 0, 0, 0, 0x61, 0x62])
    }

    @Test func aLengthBeyondTheEndIsRefused() {
        var reader = PlanReader([0xff, 0xff, 0xff, 0xff, 0x61])
        #expect(throws: PlanFault.truncated) { _ = try reader.text() }
    }
}
