import Foundation
import TestSupport
import Testing

/// The network of a virtual machine: what is in its namespace, by whomever it was put there.
///
/// `make test-lab` runs these in the machine of Tests/Lab where the host's own KVM cannot boot a kernel.
@Suite(.serialized, .requires(.root, .mvrun, .bootingKVM, .guestKernel, .program("ip"), .file("/dev/net/tun")))
struct GuestNetworkTests {
    private func bundle(_ script: String) throws -> TemporaryBundle {
        let bundle = try TemporaryBundle()
        bundle.spec.grant("CAP_NET_RAW")
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        return bundle
    }

    private func run(_ bundle: TemporaryBundle, verb: String = "run") throws -> Outcome {
        try bundle.writeConfiguration()
        return try bundle.call(
            [verb, "--isolation", "vm", "--bundle", bundle.directory, bundle.identifier], timeout: 180)
    }

    /// A file of noise, and its digest.
    private func noise(_ bundle: TemporaryBundle, megabytes: Int) throws -> (path: String, digest: String) {
        let path = bundle.path("noise")
        let text = try onHost("head -c \(megabytes)M /dev/urandom > \(path); sha256sum < \(path)")
        return (path, String(text.prefix(64)))
    }

    /// A namespace as CNI makes it, with a link to this one; it goes with the value.
    private final class Namespace {
        let name: String
        var path: String { "/run/netns/\(name)" }
        init(_ name: String, mtu: Int = 1500, _ run: (String) throws -> String) throws {
            self.name = name
            _ = try run(
                """
                ip netns add \(name)
                ip link add v\(name) mtu \(mtu) type veth peer name eth0 mtu \(mtu) netns \(name)
                ip addr add 10.77.0.1/24 dev v\(name); ip addr add fd77::1/64 dev v\(name) nodad; ip link set v\(name) up
                ip -n \(name) link set lo up
                ip -n \(name) addr add 10.77.0.2/24 dev eth0; ip -n \(name) addr add fd77::2/64 dev eth0 nodad
                ip -n \(name) link set eth0 up; ip -n \(name) route add default via 10.77.0.1
                ip -n \(name) -6 route add default via fd77::1
                """)
        }
        deinit { _ = try? ChildProcess.run(["ip", "netns", "del", name]) }
    }

    private func isClean(_ namespace: Namespace) throws -> Bool {
        let left = try onHost("tc -n \(namespace.name) qdisc show; ip -n \(namespace.name) link")
        return !left.contains("ingress") && !left.contains("mvrun")
    }

    @Test func aGuestWithoutIPv6SaysSo() throws {
        let namespace = try Namespace("mvt-no6") { try onHost($0) }
        let bundle = try bundle("true")
        bundle.spec.setNamespace("network", path: namespace.path)
        bundle.spec.annotations["dev.mvrun.isolation"] = "vm"
        bundle.spec.vm = ["kernel": ["path": .string(try anyKernel()), "parameters": ["ipv6.disable=1"]]]
        let outcome = try run(bundle)
        #expect(!outcome.succeeded && outcome.errors.contains("RTM_NEWADDR(fd77::2/64)"), "\(outcome)")
        #expect(outcome.errors.contains("IPv6 perhaps"), "\(outcome)")
        #expect(try isClean(namespace))
    }

    @Test func theHostsOwnNetworkIsRefusedByWhateverPath() throws {
        let bundle = try bundle("true")
        bundle.spec.setNamespace("network", path: "/proc/self/ns/net")
        expectRefusal(try run(bundle), naming: "the host's network, and a guest cannot use it")
    }

    /// A kernel that guests boot.
    private func anyKernel() throws -> String {
        let names = try names(in: "/boot").filter {
            $0.hasPrefix("vmlinuz-") && FileManager.default.fileExists(atPath: "/lib/modules/\($0.dropFirst(8))")
        }
        return "/boot/" + (try #require(names.first))
    }

    @Test func aNamespaceWithoutLinksGivesNone() throws {
        let outcome = try run(try bundle("ls /sys/class/net; ip -o link show lo"))
        #expect(outcome.output.hasPrefix("lo\n") && outcome.output.contains("LOOPBACK,UP"), "\(outcome)")
    }

    @Test func aJoinedNamespaceIsTheGuestsAndIsLeftAsItWas() throws {
        let script = """
            ip addr show eth0; ip route; ip -6 route
            busybox ping -c 2 -W 5 10.77.0.1; busybox ping6 -c 2 -W 5 fd77::1
            busybox ping -c 2 -s 8900 -W 5 10.77.0.1
            """
        let bundle = try bundle(script.replacing("busybox", with: "/bin/busybox"))
        let namespace = try Namespace("mvt-ping", mtu: 9000, onHost)
        bundle.spec.setNamespace("network", path: namespace.path)
        let address = try onHost("ip -n \(namespace.name) -o link show eth0").split(separator: " ")
        let outcome = try run(bundle)
        #expect(outcome.succeeded, "\(outcome)")
        #expect(outcome.output.contains("mtu 9000") && outcome.output.contains("10.77.0.2/24"), "\(outcome)")
        #expect(outcome.output.contains("fd77::2/64"), "\(outcome)")
        #expect(outcome.output.contains("default via 10.77.0.1") && outcome.output.contains("default via fd77::1"))
        let mark = try #require(address.firstIndex(of: "link/ether"))
        #expect(outcome.output.contains(address[mark + 1]), "the same hardware address")
        #expect(outcome.output.components(separatedBy: "2 packets received").count == 4, "\(outcome)")
        #expect(try isClean(namespace))
    }

    /// Into the guest, and what came there out of it again: busybox's own ways to send a file stop at a zero byte.
    @Test func manyBytesArriveAsTheyWere() throws {
        let bundle = try bundle(
            """
            /bin/busybox wget -q -O /tmp/got http://10.77.0.1:8077/noise; sha256sum < /tmp/got > /tmp/sum
            exec /bin/busybox httpd -f -p 80 -h /tmp
            """)
        let namespace = try Namespace("mvt-bulk", onHost)
        bundle.spec.setNamespace("network", path: namespace.path)
        let (path, digest) = try noise(bundle, megabytes: 20)
        let folder = (path as NSString).deletingLastPathComponent
        let server = try ChildProcess(["busybox", "httpd", "-f", "-p", "10.77.0.1:8077", "-h", folder])
        defer { kill(server.pid, SIGKILL) }
        try #require(try run(bundle, verb: "create").succeeded)
        try bundle.succeed("start", bundle.identifier)
        func fetch(_ file: String, _ filter: String) throws -> String {
            try ChildProcess.run(
                ["sh", "-c", "timeout 120 busybox wget -q -O - http://10.77.0.2/\(file) | \(filter)"], timeout: 180
            ).output
        }
        #expect(eventually(timeout: 120) { (try? fetch("sum", "cat"))?.hasPrefix(digest) == true })
        #expect(try fetch("got", "sha256sum").hasPrefix(digest))
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    @Test func aServiceInTheGuestIsReachedFromOutside() throws {
        let bundle = try bundle("echo served > /tmp/index.html; exec /bin/busybox httpd -f -p 80 -h /tmp")
        let namespace = try Namespace("mvt-serve", onHost)
        bundle.spec.setNamespace("network", path: namespace.path)
        try #require(try run(bundle, verb: "create").succeeded)
        try bundle.succeed("start", bundle.identifier)
        func served(_ host: String) -> Bool {
            let got = try? ChildProcess.run(["timeout", "5", "busybox", "wget", "-q", "-O", "-", "http://\(host)/"])
            return got?.line == "served"
        }
        #expect(eventually(timeout: 30) { served("10.77.0.2") })
        #expect(served("[fd77::2]"))
        try bundle.succeed("delete", "--force", bundle.identifier)
        #expect(try isClean(namespace))
    }

    /// docker has a resolver on a loopback address of the namespace; here one that knows a single name is in its place.
    ///
    /// The guest asks by a datagram and by a connection, and has port 53 for itself.
    @Test(.requires(.program("python3"))) func theResolverOfTheNamespaceAnswersInTheGuest() throws {
        let query = "\\0\\035\\253\\315\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\6server\\4test\\0\\0\\1\\0\\1"
        let bundle = try bundle(
            """
            /bin/busybox nslookup -type=a server.test
            printf '\(query)' | /bin/busybox nc -w 20 127.0.0.11 53 | od -An -tx1 | tr -d ' \\n'; echo
            cd /tmp; /bin/busybox httpd -p 53 -h /tmp && echo serves names itself
            """)
        let namespace = try Namespace("mvt-names", onHost)
        let server = try ChildProcess([
            "ip", "netns", "exec", namespace.name, "python3", "-c",
            """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.11", 53))
            while True:
                q, peer = s.recvfrom(4096)
                end = q.index(b"\\0", 12) + 5
                known = q[12:end] == b"\\6server\\4test\\0\\0\\1\\0\\1"
                head = q[:2] + (b"\\x81\\x80" if known else b"\\x81\\x83") + b"\\0\\1" + bytes([0, known]) + b"\\0\\0\\0\\0"
                s.sendto(head + q[12:end] + (b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\5\\0\\4\\x0a\\x4d\\0\\x09" if known else b""), peer)
            """,
        ])
        defer { server.send(SIGKILL) }
        let file = bundle.path("resolv.conf")
        try "search mvt\nnameserver 127.0.0.11\noptions ndots:0\n".write(
            toFile: file, atomically: true, encoding: .utf8)
        bundle.spec.mount("/etc/resolv.conf", type: "bind", source: file, options: ["bind", "ro"])
        bundle.spec.setNamespace("network", path: namespace.path)
        bundle.spec.grant("CAP_NET_BIND_SERVICE")
        let outcome = try run(bundle)
        #expect(outcome.succeeded, "\(outcome)")
        #expect(outcome.output.contains("10.77.0.9"), "\(outcome)")
        #expect(outcome.output.contains("\n002dabcd8180") && outcome.output.contains("0a4d0009\n"), "\(outcome)")
        #expect(outcome.output.hasSuffix("serves names itself\n"), "\(outcome)")
        #expect(try isClean(namespace))
    }

    @Test func hooksBringSeveralLinks() throws {
        let bundle = try bundle(
            "ip -o link; /bin/busybox ping -c 1 -W 5 10.78.0.1; /bin/busybox ping -c 1 -W 5 10.79.0.1")
        let script = """
            pid=$(tr -d '\\n' | sed -E 's/.*"pid": *([0-9]+).*/\\1/')
            for n in 8 9; do
                ip link add mvt-hook$n type veth peer name net$n netns $pid
                ip addr add 10.7$n.0.1/24 dev mvt-hook$n; ip link set mvt-hook$n up
                nsenter --net=/proc/$pid/ns/net sh -ec "ip addr add 10.7$n.0.2/24 dev net$n; ip link set net$n up"
            done
            """
        bundle.spec.hooks.createRuntime = [
            [
                "path": "/bin/sh", "args": ["sh", "-ec", .string(script)],
                "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            ]
        ]
        let outcome = try run(bundle)
        #expect(outcome.succeeded, "\(outcome)")
        #expect(outcome.output.contains("net8") && outcome.output.contains("net9"), "\(outcome)")
        #expect(outcome.output.components(separatedBy: "1 packets received").count == 3, "\(outcome)")
    }

    @Test func aLinkThatComesBetweenCreateAndStartIsThereForTheProgram() throws {
        let bundle = try bundle("ip addr show late0; /bin/busybox ping -c 1 -W 5 10.76.0.1")
        let output = bundle.path("output")
        bundle.wrapper = ["sh", "-c", "exec \"$@\" < /dev/null > \(output) 2>&1", "sh"]
        try #require(try run(bundle, verb: "create").succeeded)
        bundle.wrapper = []
        let pid = try #require(try bundle.state().pid.number)
        try onHost(
            """
            ip link add mvt-late type veth peer name late0 netns \(pid)
            ip addr add 10.76.0.1/24 dev mvt-late; ip link set mvt-late up
            nsenter --net=/proc/\(pid)/ns/net sh -ec 'ip addr add 10.76.0.2/24 dev late0; ip link set late0 up'
            """)
        try bundle.succeed("start", bundle.identifier)
        #expect(eventually(timeout: 60) { (try? bundle.state().status) == "stopped" })
        let said = try String(contentsOfFile: output, encoding: .utf8)
        #expect(said.contains("10.76.0.2/24") && said.contains("1 packets received"), "\(said)")
        try bundle.succeed("delete", bundle.identifier)
    }

    @Test func aDeviceOfTheHostsMovesIntoTheGuest() throws {
        let bundle = try bundle("ip addr show inner0; /bin/busybox ping -c 1 -W 5 10.75.0.1")
        try onHost(
            """
            ip link add mvt-in type veth peer name mvt-out; ip addr add 10.75.0.2/24 dev mvt-in
            ip addr add 10.75.0.1/24 dev mvt-out; ip link set mvt-in up; ip link set mvt-out up
            """)
        defer { _ = try? ChildProcess.run(["ip", "link", "del", "mvt-out"]) }
        bundle.spec.linux.netDevices = ["mvt-in": ["name": "inner0"]]
        let outcome = try run(bundle)
        #expect(outcome.succeeded && outcome.output.contains("10.75.0.2/24"), "\(outcome)")
    }
}
