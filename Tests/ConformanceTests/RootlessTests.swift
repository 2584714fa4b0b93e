import Foundation
import TestSupport
import Testing

/// An ordinary user's containers.
@Suite(.requires(.root, .program("setpriv"))) struct RootlessTests {
    @Test func anOrdinaryUserRunsAContainer() throws {
        let bundle = try usersBundle()
        let outcome = try bundle.shell("id -u; hostname; cat /proc/self/uid_map; exit 7")
        #expect(outcome.status == .exited(7), "\(outcome)")
        let words = outcome.output.split(whereSeparator: \.isWhitespace).map(String.init)
        // In a guest the mapping is the monitor's, outside.
        let map = RuntimeUnderTest.current.isolation == .vm ? ["0", "0", "4294967295"] : ["0", "1000", "1"]
        #expect(words == ["0", "conformance"] + map, "\(outcome)")
    }

    @Test func whatRootWritesInsideIsTheUsersOutside() throws {
        let bundle = try usersBundle()
        let outcome = try bundle.shell("echo kept > /tmp/made; stat -c %u:%g /tmp/made")
        #expect(outcome.line == "0:0", "\(outcome)")
        #expect(try owners(of: "\(bundle.rootfs)/tmp/made") == [1000, 1000])
    }

    private func owners(of path: String) throws -> [Int?] {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return [.ownerAccountID, .groupOwnerAccountID].map { attributes[$0] as? Int }
    }

    @Test(.requires(.mvrun)) func theSpecForAnOrdinaryUserRuns() throws {
        let bundle = try usersBundle()
        let folder = try bundle.folder("fresh")
        chown(folder, 1000, 1000)
        let verb = bundle.command(["spec", "--rootless"] + RuntimeUnderTest.current.isolationOptions)
        let made = try ChildProcess.run(verb, environment: bundle.environment, directory: folder)
        try #require(made.succeeded, "\(made)")
        bundle.spec = try JSON(parsing: String(contentsOfFile: "\(folder)/config.json", encoding: .utf8))
        bundle.spec.process.terminal = false
        let outcome = try bundle.run(["/bin/echo", "hello"])
        #expect(outcome.line == "hello" && outcome.errors.isEmpty, "\(outcome)")
    }

    @Test func theWholeLifecycleWorksForAnOrdinaryUser() throws {
        let bundle = try usersBundle()
        _ = try bundle.create(["/bin/sleep", "1000"])
        #expect(try bundle.state().status == "created")
        try bundle.succeed("start", bundle.identifier)
        #expect(try bundle.exec("/bin/id", "-u").line == "0")
        #expect(try bundle.state().status == "running")
        try bundle.succeed("kill", bundle.identifier, "9")
        #expect(try bundle.wait(for: "stopped"))
        try bundle.succeed("delete", bundle.identifier)
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }

    @Test(.requires(.container)) func setgroupsIsDenied() throws {
        // user_namespaces(7): without it a user could drop a group that denies him something.
        #expect(try usersBundle().run(["/bin/cat", "/proc/self/setgroups"]).line == "deny")
    }

    @Test func theStateDirectoryIsTheUsersOwn() throws {
        let bundle = try usersBundle()
        bundle.spec.process.args = ["/bin/true"]
        try bundle.writeConfiguration()
        let command = bundle.wrapper + [RuntimeUnderTest.current.path] + bundle.making("run", ["--keep"])
        let outcome = try ChildProcess.run(command, environment: bundle.environment)
        #expect(outcome.succeeded, "\(outcome)")
        let name = RuntimeUnderTest.current.kind.rawValue
        #expect(try names(in: "\(bundle.path("run"))/\(name)").contains(bundle.identifier))
        let delete = bundle.wrapper + [RuntimeUnderTest.current.path, "delete", "-f", bundle.identifier]
        #expect(try ChildProcess.run(delete, environment: bundle.environment).succeeded)
    }

    @Test(.requires(.program("newuidmap"))) func theSubordinateIDsAreMappedByNewuidmap() throws {
        let bundle = try usersBundle {
            let second: JSON = ["containerID": 1, "hostID": 400_000, "size": 65536]
            $0.linux.uidMappings.append(second)
            $0.linux.gidMappings.append(second)
        }
        // The machine's own files stay as they are: this mount namespace has others.
        let text = "mvtuser:x:1000:1000::/tmp:/bin/sh"
        let script = """
            cp /etc/passwd \(bundle.path("passwd")); echo '\(text)' >> \(bundle.path("passwd"))
            mount --bind \(bundle.path("passwd")) /etc/passwd
            for f in subuid subgid; do
              echo 'mvtuser:400000:65536' > \(bundle.path("run"))/$f
              [ -e /etc/$f ] || touch /etc/$f; mount --bind \(bundle.path("run"))/$f /etc/$f
            done
            """
        let wrapper = bundle.wrapper
        bundle.prepareMounts(script)
        bundle.wrapper += wrapper
        let inside = "cat /proc/self/uid_map /proc/self/gid_map; echo kept > /tmp/made; chown 7:8 /tmp/made"
        let outcome = try bundle.shell(inside)
        #expect(outcome.succeeded, "\(outcome)")
        #expect(try owners(of: "\(bundle.rootfs)/tmp/made") == [400_006, 400_007])
        // In a guest the mapping is the monitor's, outside.
        if RuntimeUnderTest.current.isolation == .vm { return }
        let fields = outcome.output.split(whereSeparator: \.isWhitespace).map(String.init)
        #expect(
            fields == Array(repeating: ["0", "1000", "1", "1", "400000", "65536"], count: 2).flatMap { $0 },
            "\(outcome)")
    }

    @Test func aUserWithoutAUserNamespaceIsTold() throws {
        let bundle = try usersBundle {
            $0.removeNamespace("user")
            $0.linux.uidMappings = nil
            $0.linux.gidMappings = nil
        }
        expectRefusal(try bundle.run(), naming: "user")
    }

    @Test func aLimitThatTheUserMayNotSetIsNamed() throws {
        let bundle = try usersBundle { $0.linux.resources = ["memory": ["limit": 67_108_864]] }
        expectRefusal(try bundle.run(), naming: "memory", "permission denied")
    }

    @Test func aMappingThatTheUserMayNotMakeIsNamed() throws {
        let bundle = try usersBundle { $0.linux.uidMappings = [["containerID": 0, "hostID": 4242, "size": 10]] }
        expectRefusal(try bundle.run(), naming: "uid", "4242", "not allowed")
    }
}
