import Foundation
import TestSupport
import Testing

/// containerd's CRI, by which Kubernetes drives a runtime.
///
/// `make test-engines` installs it and runs these in both isolations.
@Suite(
    .serialized,
    .requires(
        .root, .mvrun, .program("containerd"), .program("ctr"), .program("busybox"), .program("iptables"),
        .file("/usr/lib/cni/bridge"), .file("/usr/lib/python3/dist-packages/grpc"),
        .file("/usr/lib/python3/dist-packages/google/protobuf"))
) final class CRITests {
    private let cri: CRI

    init() throws { cri = try CRI() }

    private struct Answer {
        let code: Int
        let output: String
    }

    private func exec(_ container: String, _ script: String) throws -> Answer {
        let reply = try cri.call(
            "ExecSync", ["container_id": .string(container), "cmd": ["/bin/sh", "-c", .string(script)], "timeout": 60])
        let bytes = Data(base64Encoded: reply.stdout.text ?? "") ?? Data()
        return Answer(code: reply.exit_code.number ?? 0, output: String(decoding: bytes, as: UTF8.self))
    }

    private func status(_ container: String) throws -> JSON {
        try cri.call("ContainerStatus", ["container_id": .string(container)]).status
    }

    private func fetch(_ address: String) -> String? {
        try? ChildProcess.run(["timeout", "5", "busybox", "wget", "-q", "-O", "-", "http://\(address)/"]).line
    }

    private let server = "echo up; echo served > /tmp/index.html; exec /bin/busybox httpd -f -p 80 -h /tmp"

    @Test func aPodLivesThroughWhatTheKubeletDoes() throws {
        let pod = try Pod(cri, "mvt-pod")
        let id = pod.id
        let address = try pod.address()
        #expect(address.hasPrefix("10.98.0."))
        let preparation = try pod.start("preparation", "ip -o -4 addr show eth0; exit 5")
        #expect(try eventually(timeout: 60) { try status(preparation).state.text == "CONTAINER_EXITED" })
        #expect(try status(preparation).exit_code.number == 5)

        let web = try pod.start("web", server)
        #expect(try status(web).state.text == "CONTAINER_RUNNING")
        #expect(eventually(timeout: 30) { fetch(address) == "served" })
        let port = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
        let seen = try exec(web, "hostname; cat \(port); ip -o -4 addr show eth0; exit 4")
        #expect(seen.code == 4 && seen.output.hasPrefix("mvt-pod\n81\n") && seen.output.contains(address), "\(seen)")
        let resolver = try exec(web, "cat /etc/resolv.conf")
        #expect(resolver.output.contains("nameserver 10.98.0.1"), "\(resolver)")
        let missing = try cri.refusal("ExecSync", ["container_id": .string(web), "cmd": ["/no/such/program"]])
        #expect(missing?.contains("/no/such/program: no such file") == true, "\(missing ?? "")")
        let stats = try cri.call("ContainerStats", ["container_id": .string(web)]).stats
        #expect((Int(stats.memory.working_set_bytes.value.text ?? "") ?? 0) > 100_000, "\(stats)")
        #expect((Int(stats.cpu.usage_core_nano_seconds.value.text ?? "") ?? 0) > 100_000, "\(stats)")
        let change: JSON = ["memory_limit_in_bytes": 167_772_160, "cpu_quota": 50000, "cpu_period": 100_000]
        try cri.call("UpdateContainerResources", ["container_id": .string(web), "linux": change])
        let listed = try cri.call("ListContainers", ["filter": ["pod_sandbox_id": .string(id)]]).containers
        #expect(Set(listed.elements.compactMap(\.state.text)) == ["CONTAINER_EXITED", "CONTAINER_RUNNING"])

        try cri.call("RemoveContainer", ["container_id": .string(preparation)])
        #expect(fetch(address) == "served")
        try cri.call("StopContainer", ["container_id": .string(web), "timeout": 0])
        #expect(try status(web).exit_code.number == 137)
        let log = try String(contentsOfFile: "\(cri.folder)/logs/mvt-pod/web.log", encoding: .utf8)
        #expect(log.hasSuffix(" stdout F up\n"), "\(log)")
        try pod.remove()
        #expect(cri.leases.isEmpty && cri.links == "")
        #expect(HostInventory(naming: id).isEmpty && HostInventory(naming: web).isEmpty)
        #expect(try cri.call("ListPodSandbox", [:]).items.elements.isEmpty)
    }

    @Test func aContainerIsToldToStop() throws {
        let pod = try Pod(cri, "mvt-told")
        let container = try pod.start(
            "told", "trap 'echo told; exit 3' TERM; echo up; while :; do sleep 0.2; done")
        let log = "\(cri.folder)/logs/mvt-told/told.log"
        func lines() -> String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
        #expect(eventually(timeout: 60) { lines().hasSuffix(" stdout F up\n") })
        try cri.call("StopContainer", ["container_id": .string(container), "timeout": 60])
        #expect(try status(container).exit_code.number == 3)
        #expect(lines().hasSuffix(" stdout F told\n"))
    }

    @Test(.requires(.container)) func containersOfAPodShareItsNetwork() throws {
        let pod = try Pod(cri, "mvt-shared")
        let web = try pod.start("web", server)
        let side = try pod.start("side", "sleep 1000")
        let fetch = "/bin/busybox wget -q -O - http://127.0.0.1/"
        #expect(try eventually(timeout: 30) { try exec(side, fetch).output == "served\n" })
        let links = "for kind in net ipc uts pid; do readlink /proc/self/ns/$kind; done"
        let (first, second) = (try exec(web, links).output, try exec(side, links).output)
        let shared = Set(first.split(separator: "\n")).intersection(second.split(separator: "\n"))
        #expect(shared.count == 3 && shared.allSatisfy { !$0.hasPrefix("pid") }, "\(first) \(second)")
    }

    @Test(.requires(.virtualMachine)) func oneMachineOfAPodHasItsNetwork() throws {
        let pod = try Pod(cri, "mvt-two")
        let web = try pod.start("web", server)
        // containerd asks for the runtime's `create` when the container is started.
        let side = try pod.create("side", "sleep 1000")
        let refusal = try cri.refusal("StartContainer", ["container_id": .string(side)]) ?? ""
        #expect(refusal.contains("give eth0 to the machine: another virtual machine has it already"), "\(refusal)")
        #expect(try exec(web, "ip -o -4 addr show eth0").output.contains("10.98.0."))
    }

    @Test(.requires(.virtualMachine)) func aPodSaysWhichOfItsMachinesHasTheNetwork() throws {
        let pod = try Pod(cri, "mvt-named", annotations: ["dev.mvrun.vm.network": "web"])
        let side = try pod.start("side", "sleep 1000")
        #expect(try exec(side, "ls /sys/class/net").output == "lo\n")
        _ = try pod.start("web", server)
        let address = try pod.address()
        #expect(eventually(timeout: 60) { fetch(address) == "served" })
    }

    @Test func podsOutliveTheDaemon() throws {
        let pod = try Pod(cri, "mvt-outlives")
        let web = try pod.start("web", server)
        let address = try pod.address()
        #expect(eventually(timeout: 30) { fetch(address) == "served" })
        cri.stop(SIGKILL)
        #expect(fetch(address) == "served")
        try cri.start()
        #expect(try eventually(timeout: 60) { try status(web).state.text == "CONTAINER_RUNNING" })
        #expect(try exec(web, "exit 6").code == 6)
        try pod.remove()
        #expect(cri.leases.isEmpty && cri.links == "")
        #expect(HostInventory(naming: web).isEmpty)
    }
}
