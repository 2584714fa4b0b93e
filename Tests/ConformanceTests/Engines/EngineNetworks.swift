import Foundation
import TestSupport
import Testing

/// A network of an engine's, with a container, the isolation under test and the host on it.
struct EngineNetworks {
    let engine: Engine

    /// Calls the engine with the runtime for containers.
    private func callContainers(_ words: [String]) throws -> Outcome {
        try ChildProcess.run(engine.wordsForContainers(words), environment: engine.variables, timeout: 180)
    }

    /// - Parameters:
    ///   - mtu: what the engine calls the option of a network for the largest packet.
    ///   - subnet: the first three bytes of addresses that no other engine's tests use meanwhile.
    func neighboursReachEachOtherByName(mtu: String, subnet: String) throws {
        let make = ["network", "create", "--opt", "\(mtu)=9000", "--subnet", "\(subnet).0/24", "mvt-net"]
        let made = try engine.call(make)
        try #require(made.succeeded, "\(made)")
        defer {
            _ = try? engine.call("rm", "--force", "one", "two")
            _ = try? engine.call("network", "rm", "mvt-net")
        }
        let server = "echo $0 > /tmp/index.html; exec /bin/busybox httpd -f -p 80 -h /tmp"
        func serve(_ name: String) -> [String] {
            ["run", "--detach", "--name", name, "--network", "mvt-net"] + engine.limits + [
                engine.image, "sh", "-c", server, name,
            ]
        }
        let container = try callContainers(serve("one"))
        try #require(container.succeeded, "\(container)")
        let tested = try engine.call(serve("two"))
        try #require(tested.succeeded, "\(tested)")
        let onHost = try ChildProcess(["busybox", "httpd", "-f", "-p", "\(subnet).1:18093", "-h", "/etc"])
        defer { onHost.send(SIGKILL) }

        func client(_ server: String) -> String {
            "cat /sys/class/net/eth0/mtu; /bin/busybox wget -q -O - http://\(server)/; "
                + "/bin/busybox ping -q -c 2 -s 8900 \(server) | grep packets; "
                + "/bin/busybox wget -q -O - http://\(subnet).1:18093/hostname"
        }
        let name = try String(contentsOfFile: "/etc/hostname", encoding: .utf8)
        let words = ["run", "--rm", "--cap-add", "NET_RAW", "--network", "mvt-net"] + engine.limits + [engine.image]
        let first = try engine.call(words + ["sh", "-c", client("one")])
        #expect(first.output.hasPrefix("9000\none\n2 packets transmitted, 2 packets received"), "\(first)")
        #expect(first.output.hasSuffix(name), "\(first)")
        let second = try callContainers(words + ["sh", "-c", client("two")])
        #expect(second.output.hasPrefix("9000\ntwo\n2 packets transmitted, 2 packets received"), "\(second)")
        #expect(try engine.call("rm", "--force", "two").succeeded)
        #expect(try callContainers(["rm", "--force", "one"]).succeeded)
    }
}
