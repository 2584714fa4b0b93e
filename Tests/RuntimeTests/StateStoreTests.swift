import Diagnostics
import OCI
import Planning
import Plans
import Syscalls
import Testing

@testable import Runtime

/// A store in a directory of its own.
private func withStore(_ body: (StateStore) throws -> Void) throws {
    let root = "/tmp/mvrun-store-test.\(currentProcess()).\(UInt64.random(in: 0...UInt64.max))"
    defer { _ = try? outputOfProgram("rm", ["-rf", root]) }
    try body(StateStore(root: root))
}

private func isFree(_ id: String, in store: StateStore) -> Bool {
    if store.openIfFree(id) == nil { false } else { true }
}

private func record(_ id: String) -> ContainerRecord {
    ContainerRecord(
        id: id, bundle: "/b", rootfs: "/b/rootfs", created: "2026-11-23T12:53:54.000000001Z",
        owner: 0)
}

@Suite struct StateStoreTests {
    // MARK: Bad input first

    @Test(arguments: ["", ".", "..", "a/b", "a b", "ü", "a\u{0}", String(repeating: "x", count: 256)])
    func whatCannotNameADirectoryIsNoId(id: String) {
        #expect(throws: RuntimeError.self) { try StateStore.check(id: id) }
    }

    @Test(arguments: ["web", "A-b_c+d.e", ".x", "0"]) func anIdHasLettersDigitsAndFourOthers(id: String) throws {
        try StateStore.check(id: id)
    }

    @Test func aContainerThatDoesNotExistIsSaidNotTo() throws {
        try withStore { store in
            #expect { _ = try store.record(of: "web") } throws: {
                let error = $0 as? RuntimeError
                return error?.kind == .notFound
                    && error?.description == "container \"web\" does not exist under \(store.root)"
            }
            let ids = try store.ids()
            #expect(ids == [])
        }
    }

    @Test(arguments: [
        ("", "the text is empty"), ("{\"version\":2}", "newer mvrun"), ("{\"version\":1}", "id is missing"),
        ("[", "expected"),
        ("{\"version\":1,\"id\":7}", "id is missing or of another type"),
    ]) func aRecordThatIsNoneSaysSo(text: String, reason: String) {
        #expect { _ = try ContainerRecord(parsing: Array(text.utf8)) } throws: { "\($0)".contains(reason) }
    }

    @Test func anIdIsTakenOnce() throws {
        try withStore { store in
            let first = try store.add("web")
            try first.begin(record("web"))
            #expect { _ = try store.add("web") } throws: { ($0 as? RuntimeError)?.kind == .alreadyExists }
            #expect(try store.names() == ["web"])
        }
    }

    // MARK: What is kept

    @Test func aRecordIsReadAsItWasWritten() throws {
        var full = record("web")
        full.annotations = [Entry(key: "a\"b", value: "line\nline"), Entry(key: "ü", value: "")]
        full.launcher = ProcessIdentity(pid: 7, startTime: 42)
        full.process = ProcessIdentity(pid: 8, startTime: UInt64.max)
        full.namespaces = NamespaceKind.pid.cloneFlag | NamespaceKind.network.cloneFlag
        full.cgroups = [
            CgroupRecord(
                version: .v1, mountPoint: "/sys/fs/cgroup/cpu", controllers: ["cpu"], path: "/web", madeDirectories: 2),
            CgroupRecord(version: .v2, mountPoint: "/sys/fs/cgroup", controllers: [], path: "/web", madeDirectories: 0),
        ]
        full.hasPoststart = true
        full.isForeground = true
        full.hasPoststop = true
        full.systemdUnit = "web.scope"
        full.resctrlGroup = "/sys/fs/resctrl/web"
        full.ownsResctrlGroup = true
        full.resctrlMonitoring = "/sys/fs/resctrl/web/mon_groups/web"
        #expect(try ContainerRecord(parsing: full.json) == full)
        #expect(try ContainerRecord(parsing: record("x").json) == record("x"))
    }

    @Test func membersOfALaterReleaseAreLeftAlone() throws {
        let text = String(decoding: record("x").json, as: UTF8.self).dropLast() + ",\"later\":{\"a\":[1]}}"
        #expect(try ContainerRecord(parsing: Array(text.utf8)) == record("x"))
    }

    @Test func aReplacedRecordIsTheOneThatIsRead() throws {
        try withStore { store in
            var record = record("web")
            let directory = try store.add("web")
            try directory.begin(record)
            record.process = ProcessIdentity(pid: 1, startTime: 1)
            try directory.replace(record)
            #expect(try store.record(of: "web") == record)
            #expect(try store.ids() == ["web"])
        }
    }

    @Test func aRemovedContainerLeavesNothing() throws {
        try withStore { store in
            let directory = try store.add("web")
            try directory.begin(record("web"))
            try directory.write("config.json", [])
            try makeDirectory(directory.path + "/notify", mode: 0o700)
            try directory.beginRemoval()
            try directory.remove()
            try directory.remove()
            #expect(try store.names() == [])
        }
    }

    @Test func aContainerWhoseRemovalHasBegunExistsForNobodyElse() throws {
        try withStore { store in
            let directory = try store.add("web")
            try directory.begin(record("web"))
            try directory.beginRemoval()
            #expect { _ = try store.record(of: "web") } throws: { ($0 as? RuntimeError)?.kind == .notFound }
            let left = try directory.record()
            #expect(left == record("web"))
            directory.cancelRemoval()
            let again = try store.record(of: "web")
            #expect(again == record("web"))
        }
    }

    @Test func aLockedContainerIsNotFree() throws {
        try withStore { store in
            let held = try store.add("web")
            #expect(!isFree("web", in: store))
            _ = consume held
            #expect(isFree("web", in: store))
        }
    }

    // MARK: Where it stands

    @Test(arguments: [
        ("/a/./b//../c", "/a/c"), ("/", "/"), ("/../x/", "/x"),
    ]) func aPathIsResolvedByName(path: String, expected: String) {
        #expect(absolutePath(path) == expected)
    }
}

@Suite struct ContainerStatusTests {
    @Test func aContainerWhoseProcessEndedIsStopped() throws {
        try withStore { store in
            var record = record("web")
            record.process = ProcessIdentity(pid: currentProcess(), startTime: 1)
            #expect(Container(record, in: store).status == .stopped)
        }
    }

    @Test func theSocketTellsCreatedFromRunning() throws {
        try withStore { store in
            var record = record("web")
            record.process = try ProcessIdentity(of: currentProcess())
            let directory = try store.add("web")
            #expect(Container(record, in: store).status == .running)
            try directory.write("start.sock", [])
            #expect(Container(record, in: store).status == .created)
        }
    }

    @Test func aContainerIsBeingMadeAsLongAsItsMakerLives() throws {
        try withStore { store in
            var record = record("web")
            record.launcher = try ProcessIdentity(of: currentProcess())
            #expect(Container(record, in: store).status == .creating)
            record.launcher?.startTime = 1
            #expect(Container(record, in: store).status == .stopped)
        }
    }
}

@Suite struct SignalNameTests {
    @Test(arguments: ["", "SIG", "FOO", "-1", "65", "RTMIN+99", "RTMIN+", "RTMIN-1", "9x"]) func thisIsNoSignal(
        text: String
    ) {
        #expect(SignalNames.number(of: text) == nil)
    }

    @Test(arguments: [
        ("9", 9), ("KILL", 9), ("SIGKILL", 9), ("sigterm", 15), ("0", 0), ("RTMIN", 34), ("SIGRTMIN+3", 37),
        ("RTMAX", 64),
        ("RTMAX-1", 63), ("CLD", 17),
    ]) func aSignalHasSeveralNames(text: String, number: Int32) {
        #expect(SignalNames.number(of: text) == number)
    }
}

@Suite struct SampleSpecTests {
    @Test func theSampleIsAValidSpec() throws {
        let spec = try Spec(config: Array(SampleSpec.text(.privileged).utf8))
        #expect(spec.linux.namespaces.count == 6)
        #expect(spec.process?.terminal == true)
    }

    @Test func theSampleOfAUserMapsTheUserToRoot() throws {
        let spec = try Spec(config: Array(SampleSpec.text(.rootless(userID: 1000, groupID: 100)).utf8))
        #expect(spec.linux.uidMappings == [Spec.IDMapping(containerID: 0, hostID: 1000, size: 1)])
        #expect(spec.linux.gidMappings == [Spec.IDMapping(containerID: 0, hostID: 100, size: 1)])
        #expect(spec.linux.namespace(.network) == nil)
        #expect(spec.linux.resources == nil)
    }

    @Test func theSampleOfAUsersMachineAsksForItAndHasWhatOnlyTheGuestsRootMayHave() throws {
        let text = SampleSpec.text(.rootless(userID: 1000, groupID: 100), isolation: .vm)
        let spec = try Spec(config: Array(text.utf8))
        #expect(spec.linux.uidMappings == [Spec.IDMapping(containerID: 0, hostID: 1000, size: 1)])
        #expect(spec.annotation("dev.mvrun.isolation") == "vm")
        #expect(MicroVMFindings(of: spec).errors == [])
        #expect(spec.mounts.first { $0.destination == "/sys" }?.type == "sysfs")
        #expect(spec.mounts.first { $0.destination == "/dev/pts" }?.options.contains("gid=5") == true)
    }
}
