import Foundation
import TestSupport
import Testing

/// runtime-spec, config-linux.md, "Namespaces".
@Suite(.requires(.root)) struct NamespacesTests {
    /// The types of the spec by their names in /proc.
    private static let types = [
        ("pid", "pid"), ("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("mount", "mnt"), ("cgroup", "cgroup"),
        ("time", "time"),
    ]

    private func host(_ name: String) throws -> String {
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(name)")
    }

    @Test(.requires(.container), arguments: types) func aNewNamespaceIsTheContainersOwn(type: String, name: String)
        throws
    {
        let bundle = try TemporaryBundle { $0.setNamespace(type) }
        let seen = try bundle.probe("namespaces")[name]
        #expect(seen?.isEmpty == false)
        #expect(try seen != host(name))
    }

    @Test(.requires(.container)) func aNewUserNamespaceIsTheContainersOwn() throws {
        let bundle = try TemporaryBundle {
            $0.setNamespace("user")
            $0.linux.uidMappings = [["containerID": 0, "hostID": 100_000, "size": 65536]]
            $0.linux.gidMappings = [["containerID": 0, "hostID": 100_000, "size": 65536]]
        }
        #expect(try bundle.probe("namespaces")["user"] != host("user"))
    }

    @Test(.requires(.container), arguments: types.filter { $0.0 != "mount" })
    func aNamespaceThatIsLeftOutIsTheCallers(type: String, name: String) throws {
        let bundle = try TemporaryBundle {
            $0.removeNamespace(type)
            if type == "uts" { $0.hostname = nil }
            if type == "network" || type == "ipc" { $0.mounts.elements.removeAll { $0.destination == "/sys" } }
            if type == "ipc" { $0.mounts.elements.removeAll { $0.destination == "/dev/mqueue" } }
        }
        #expect(try bundle.probe("namespaces")[name] == host(name))
    }

    @Test(.requires(.container), arguments: [("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("cgroup", "cgroup")])
    func aNamespaceIsJoinedByItsPath(type: String, name: String) throws {
        let other = try ChildProcess(["unshare", "--\(name)", "sh", "-c", "echo ready; exec sleep 100"])
        try #require(other.read(until: "ready") != nil)
        let path = "/proc/\(other.pid)/ns/\(name)"
        let bundle = try TemporaryBundle {
            $0.setNamespace(type, path: path)
            if type == "uts" { $0.hostname = nil }
        }
        let seen = try bundle.probe("namespaces")[name]
        #expect(try seen == FileManager.default.destinationOfSymbolicLink(atPath: path))
        #expect(try seen != host(name))
    }

    @Test(.requires(.container)) func aTimeNamespaceIsJoinedByItsPath() throws {
        let arguments = ["--fork", "--time", "--boottime", "50000", "sh", "-c", "echo ready; exec sleep 100"]
        let other = try ChildProcess(["unshare"] + arguments)
        try #require(other.read(until: "ready") != nil)
        let path = "/proc/\(other.pid)/ns/time_for_children"
        let bundle = try TemporaryBundle { $0.setNamespace("time", path: path) }
        let seen = try bundle.probe("namespaces")["time"]
        #expect(try seen == FileManager.default.destinationOfSymbolicLink(atPath: path))
    }

    @Test(.requires(.container)) func aUserNamespaceIsJoinedByItsPath() throws {
        let other = try TemporaryBundle {
            $0.setNamespace("user")
            $0.linux.uidMappings = [["containerID": 0, "hostID": 100_000, "size": 65536]]
            $0.linux.gidMappings = [["containerID": 0, "hostID": 100_000, "size": 65536]]
        }
        try other.withRunning { _ throws in
            let path = "/proc/\(try other.state().pid.number ?? 0)/ns/user"
            let bundle = try TemporaryBundle { $0.setNamespace("user", path: path) }
            let seen = try bundle.probe("namespaces")["user"]
            #expect(try seen == FileManager.default.destinationOfSymbolicLink(atPath: path))
        }
    }

    @Test(.requires(.container)) func aPidNamespaceIsJoinedAndTheExitStatusStillArrives() throws {
        let other = try TemporaryBundle()
        try other.withRunning { _ throws in
            let path = "/proc/\(try other.state().pid.number ?? 0)/ns/pid"
            let bundle = try TemporaryBundle { $0.setNamespace("pid", path: path) }
            let outcome = try bundle.shell("readlink /proc/self/ns/pid; exit 9")
            #expect(outcome.status == .exited(9))
            #expect(try outcome.line == FileManager.default.destinationOfSymbolicLink(atPath: path))
        }
    }

    @Test(.requires(.container)) func theContainersOfAPodShareTheirNamespaces() throws {
        let pod = try TemporaryBundle { $0.hostname = "the-pod" }
        try pod.withRunning { _ throws in
            let pid = try pod.state().pid.number ?? 0
            let member = try TemporaryBundle {
                for (type, name) in [("pid", "pid"), ("network", "net"), ("ipc", "ipc"), ("uts", "uts")] {
                    $0.setNamespace(type, path: "/proc/\(pid)/ns/\(name)")
                }
                $0.hostname = nil
            }
            let outcome = try member.shell("hostname; cat /proc/1/cmdline")
            #expect(outcome.output.hasPrefix("the-pod\n/bin/sleep"), "\(outcome)")
        }
    }

    @Test func aPathToANamespaceOfAnotherTypeIsRefused() throws {
        let bundle = try TemporaryBundle { $0.setNamespace("network", path: "/proc/self/ns/uts") }
        expectRefusal(try bundle.run(), naming: "network", "/proc/self/ns/uts")
    }

    @Test(arguments: ["/proc/self/ns/nothing", "/dev/null"])
    func aPathThatIsNoNamespaceIsRefused(path: String) throws {
        let bundle = try TemporaryBundle { $0.setNamespace("network", path: path) }
        expectRefusal(try bundle.run(), naming: "network", path)
    }

    @Test func anUnknownNamespaceIsRefusedWithItsPath() throws {
        let bundle = try TemporaryBundle { $0.setNamespace("astral") }
        let index = bundle.spec.linux.namespaces.elements.count - 1
        expectRefusal(try bundle.run(), naming: "linux.namespaces[\(index)].type", "astral")
    }

    @Test func aNamespaceGivenTwiceIsRefused() throws {
        let bundle = try TemporaryBundle { $0.linux.namespaces.append(["type": "uts"]) }
        expectRefusal(try bundle.run(), naming: "linux.namespaces", "uts")
    }

    @Test func hostnameAndDomainnameAreTheSpecs() throws {
        let bundle = try TemporaryBundle {
            $0.hostname = "alpha"
            $0.domainname = "beta.example"
        }
        let seen = try bundle.probe("uts")
        #expect(seen["hostname"] == "alpha" && seen["domainname"] == "beta.example")
    }

    @Test(.requires(.container), arguments: ["hostname", "domainname"])
    func aNameOnTheHostsUtsNamespaceIsRefused(field: String) throws {
        let before = ProcessInfo.processInfo.hostName
        let bundle = try TemporaryBundle {
            $0.hostname = nil
            $0[field] = "stolen"
            $0.removeNamespace("uts")
        }
        expectRefusal(try bundle.run(), naming: field, "uts")
        #expect(ProcessInfo.processInfo.hostName == before)
    }

    @Test func theLoopbackInterfaceOfANewNetworkNamespaceIsUp() throws {
        let bundle = try TemporaryBundle()
        #expect(try bundle.run(["/bin/ip", "-o", "link", "show", "lo"]).output.contains("UP"))
    }

    @Test func theCgroupNamespaceHidesThePathAbove() throws {
        let bundle = try TemporaryBundle { $0.setNamespace("cgroup") }
        let lines = try bundle.run(["/bin/cat", "/proc/self/cgroup"]).output.split(separator: "\n")
        #expect(!lines.isEmpty && lines.allSatisfy { $0.hasSuffix(":/") }, "\(lines)")
    }
}
