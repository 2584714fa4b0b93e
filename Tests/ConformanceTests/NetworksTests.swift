import Foundation
import TestSupport
import Testing

/// `--network` and `--publish`: the network that the command line gives in place of the bundle's.
@Suite(.requires(.root, .mvrun, .program("ip"))) struct NetworksTests {
    private func bundle(_ script: String) throws -> TemporaryBundle {
        let bundle = try TemporaryBundle()
        bundle.spec.grant("CAP_NET_RAW")
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        try bundle.writeConfiguration()
        return bundle
    }

    private func run(_ bundle: TemporaryBundle, _ options: String...) throws -> Outcome {
        try bundle.call(bundle.making("run", options), timeout: 180)
    }

    /// A network of the plugins bridge, host-local and portmap, whose files go with the value.
    private final class Network {
        let name: String
        let folder: String
        let subnet: String
        /// - Parameter last: the name and the script of a plugin behind the others.
        init(
            _ bundle: TemporaryBundle, _ name: String, subnet: String, mtu: Int = 1500,
            last: (name: String, script: String)? = nil
        ) throws {
            (self.name, self.subnet, folder) = (name, subnet, bundle.path("networks"))
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let more = last.map { ", {\"type\": \"\($0.name)\"}" } ?? ""
            let text = """
                {"cniVersion": "1.0.0", "name": "\(name)", "plugins": [
                  {"type": "bridge", "bridge": "\(name)", "isGateway": true, "ipMasq": false, "mtu": \(mtu),
                   "ipam": {"type": "host-local", "dataDir": "\(folder)/leases", "routes": [{"dst": "0.0.0.0/0"}],
                            "ranges": [[{"subnet": "\(subnet).0/24"}]]}},
                  {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true}\(more)]}
                """
            if let last {
                try makeProgram(at: "\(folder)/\(last.name)", "#!/bin/sh\n" + last.script)
            }
            try text.write(toFile: "\(folder)/net.conflist", atomically: true, encoding: .utf8)
            var environment = ProcessInfo.processInfo.environment
            environment["NETCONFPATH"] = folder
            environment["CNI_PATH"] = "/usr/lib/cni:\(folder)"
            bundle.environment = environment
        }
        deinit { _ = try? ChildProcess.run(["ip", "link", "del", name]) }

        /// The addresses that are given away.
        var leases: [String] {
            let names = try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/leases/\(name)")
            return (names ?? []).filter { $0.hasPrefix(subnet) }
        }
        /// The links of its bridge.
        var links: String? { try? ChildProcess.run(["ip", "-o", "link", "show", "master", name]).output }
    }

    @Test func noneLeavesLoopbackAlone() throws {
        let bundle = try bundle("ls /sys/class/net; ip -o link show lo")
        bundle.spec.linux.namespaces = JSON.array(bundle.spec.linux.namespaces.elements.filter { $0.type != "network" })
        try bundle.writeConfiguration()
        let outcome = try run(bundle, "--network", "none")
        #expect(outcome.output.hasPrefix("lo\n") && outcome.output.contains("LOOPBACK,UP"), "\(outcome)")
    }

    @Test(.requires(.container)) func hostIsTheCallersOwn() throws {
        let outcome = try run(try bundle("readlink /proc/self/ns/net"), "--network=host")
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
        #expect(outcome.succeeded && outcome.line == own, "\(outcome)")
    }

    @Test(.requires(.virtualMachine)) func aVirtualMachineHasNoNetworkOfTheHosts() throws {
        let outcome = try run(try bundle("true"), "--network", "host")
        #expect(!outcome.succeeded && outcome.errors.contains("--network host: a virtual machine has"), "\(outcome)")
    }

    @Test(.requires(.container)) func aSysctlOfTheHostsNetworkIsStillRefused() throws {
        let bundle = try bundle("true")
        bundle.spec.linux.sysctl = ["net.ipv4.ip_forward": "1"]
        try bundle.writeConfiguration()
        let outcome = try run(bundle, "--network", "host")
        #expect(!outcome.succeeded && outcome.errors.contains("net.ipv4.ip_forward"), "\(outcome)")
    }

    @Test func aNamespaceOfSomebodyElsesIsJoined() throws {
        let name = "mvt-net-ns"
        _ = try onHost(
            "ip netns add \(name); ip -n \(name) link add d0 type veth peer name d1; ip -n \(name) link set d0 up")
        defer { _ = try? ChildProcess.run(["ip", "netns", "del", name]) }
        _ = try onHost("ip -n \(name) addr add 10.91.0.2/24 dev d0; ip -n \(name) link set d1 up")
        let outcome = try run(try bundle("ip -o addr show d0"), "--network", "ns:/run/netns/\(name)")
        #expect(outcome.succeeded && outcome.output.contains("10.91.0.2/24"), "\(outcome)")
    }

    @Test(.requires(.file("/usr/lib/cni/bridge"), .file("/usr/lib/cni/portmap"), .program("iptables")))
    func pluginsGiveALinkAndTakeItBack() throws {
        let bundle = try bundle("echo served > /tmp/index.html; exec /bin/busybox httpd -f -p 80 -h /tmp")
        let network = try Network(bundle, "mvt-cni0", subnet: "10.92.0", mtu: 1400)
        let id = bundle.identifier
        bundle.wrapper = ["sh", "-c", "exec \"$@\" < /dev/null > /dev/null 2>&1", "sh"]
        let options = ["--network", "cni:\(network.name)", "--publish", "18099:80"]
        try #require(try bundle.call(bundle.making("create", options), timeout: 180).succeeded)
        bundle.wrapper = []
        #expect(network.leases.count == 1)
        try bundle.succeed("start", id)
        let link = try bundle.exec(
            "/bin/sh", "-c", "ip addr show eth0; ip route; /bin/busybox ping -c 1 -W 5 10.92.0.1")
        #expect(link.output.contains("10.92.0.2/24") && link.output.contains("mtu 1400"), "\(link)")
        #expect(link.output.contains("default via 10.92.0.1") && link.output.contains("1 packets received"), "\(link)")
        func served(_ place: String) -> Bool {
            (try? ChildProcess.run(["timeout", "5", "busybox", "wget", "-q", "-O", "-", "http://\(place)/"]))?.line
                == "served"
        }
        #expect(eventually(timeout: 30) { served("10.92.0.2") })
        // By an address of this machine's: a published port is not for loopback alone.
        #expect(served("10.92.0.1:18099"))
        try bundle.succeed("delete", "--force", id)
        #expect(network.leases.isEmpty && network.links == "")
        #expect(!(try onHost("iptables -t nat -S")).contains("18099"))
        #expect(HostInventory(naming: id).isEmpty)
    }

    @Test(.requires(.file("/usr/lib/cni/bridge"))) func aContainerThatCannotBeMadeGivesItsLinkBack() throws {
        let bundle = try bundle("true")
        let network = try Network(bundle, "mvt-cni1", subnet: "10.93.0")
        bundle.spec.hooks.createRuntime = [["path": "/bin/false"]]
        try bundle.writeConfiguration()
        let outcome = try run(bundle, "--network", "cni:\(network.name)")
        #expect(!outcome.succeeded && outcome.errors.contains("hooks.createRuntime[0]"), "\(outcome)")
        #expect(network.leases.isEmpty && network.links == "")
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }

    @Test(.requires(.file("/usr/lib/cni/bridge"))) func whatARunWasGivenIsGivenBackAtItsEnd() throws {
        let bundle = try bundle("ip -o -4 addr show eth0; exit 3")
        let network = try Network(bundle, "mvt-cni2", subnet: "10.94.0")
        let outcome = try run(bundle, "--network", "cni:\(network.name)")
        #expect(outcome.code == 3 && outcome.output.contains("10.94.0.2/24"), "\(outcome)")
        #expect(network.leases.isEmpty && network.links == "")
    }

    @Test(.requires(.file("/usr/lib/cni/bridge"))) func whatAKilledCreateWasGivenIsGivenBackLater() throws {
        let bundle = try bundle("true")
        let slow = "case $CNI_COMMAND in ADD) sleep 60;; esac"
        let network = try Network(bundle, "mvt-cni3", subnet: "10.97.0", last: ("slow", slow))
        let making = try bundle.launch(verb: "create", options: ["--network", "cni:\(network.name)"])
        #expect(eventually(timeout: 60) { network.leases.count == 1 })
        kill(making.pid, SIGKILL)
        _ = making.finish(timeout: 30)
        try bundle.succeed("delete", "--force", bundle.identifier)
        #expect(network.leases.isEmpty && network.links == "")
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }

    @Test func aPluginThatIsNotInstalledIsNamedOnce() throws {
        let bundle = try bundle("true")
        let network = try Network(bundle, "mvt-cni4", subnet: "10.89.0", last: ("late", "exit 0"))
        try FileManager.default.removeItem(atPath: "\(network.folder)/late")
        let outcome = try run(bundle, "--network", "cni:\(network.name)")
        #expect(!outcome.succeeded && outcome.errors.contains("late: executable file not found"), "\(outcome)")
        #expect(outcome.errors.contains("hint: install the CNI plugins"), "\(outcome)")
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
        #expect(network.leases.isEmpty && network.links == "")
    }

    @Test(.requires(.container)) func anOrdinaryUserIsToldWhatPluginsTake() throws {
        let bundle = try usersBundle()
        let outcome = try bundle.run(["/bin/true"], options: ["--network", "cni:any"])
        #expect(!outcome.succeeded && outcome.errors.contains("which takes root\n  hint: "), "\(outcome)")
    }

    @Test(arguments: [
        (["--network", "bridge"], "--network: \"bridge\" is none of none, host, ns:PATH and cni:NAME"),
        (["--network", "ns:web"], "the path of a namespace is absolute"),
        (["--network", "ns:/no/such/namespace"], "hint: nobody has that namespace: \"ip netns add NAME\""),
        (["--network", "ns:/etc/passwd"], "/etc/passwd is not a namespace"),
        (["--network", "ns:/proc/self/ns/mnt"], "is a namespace of type mount, not network"),
        (["--network", "cni:nowhere"], "no network nowhere in /no/such/networks"),
        (["--network", "none", "--network", "host"], "only cni:NAME can be given more than once"),
        (["--network", "none", "--publish", "80:80"], "--publish needs a network that leads somewhere"),
        (["--publish", "eighty:80"], "--publish: \"eighty:80\" is not"),
    ])
    func whatCannotBeIsSaidBeforeAnythingIsMade(options: [String], reason: String) throws {
        let bundle = try bundle("true")
        var environment = ProcessInfo.processInfo.environment
        environment["NETCONFPATH"] = "/no/such/networks"
        bundle.environment = environment
        let outcome = try bundle.call(bundle.making("run", options), timeout: 60)
        #expect(!outcome.succeeded && outcome.errors.contains(reason), "\(outcome)")
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }
}
