import Foundation
import TestSupport
import Testing

/// containerd with its CRI plugin, and somebody who calls it as the kubelet does.
///
/// The runtimes that it knows are those of docs/engines.md, word for word, but for where they are installed.
final class CRI {
    /// Where everything of it is.
    let folder: String
    /// The handler that chooses the isolation under test.
    let handler: String
    /// The image of all containers.
    let image = "localhost/busybox:mvrun"
    /// The bridge of its pods.
    let bridge = "mvt-cri0"
    private var daemon: ChildProcess?
    private var client: ChildProcess?
    private let engines = "\(RuntimeUnderTest.repository)/Tests/ConformanceTests/Engines"

    /// What a call was answered with.
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    init() throws {
        folder = "/run/mvt-cri-\(ProcessInfo.processInfo.processIdentifier)"
        handler = RuntimeUnderTest.current.isolation == .vm ? "mvrun-vm" : "mvrun"
        try Self.configure(folder, bridge)
        try RootFileSystem.make(at: "\(folder)/busybox")
        let image = try ChildProcess.run(
            [
                "\(engines)/make-image", "\(folder)/busybox", image, "\(folder)/image.tar", "/bin/sh", "-c",
                "trap exit TERM; while :; do sleep 1; done",
            ], timeout: 120)
        guard image.succeeded else { throw TestSupportError("make-image: \(image)") }
        try startDaemon()
        let load = [
            "ctr", "--address", "\(folder)/containerd.sock", "--namespace", "k8s.io", "images", "import",
            "\(folder)/image.tar",
        ]
        let loaded = try ChildProcess.run(load, timeout: 120)
        guard loaded.succeeded else { throw TestSupportError("import: \(loaded)") }
        client = try ChildProcess(["\(engines)/cri-client", "\(folder)/containerd.sock"])
        try awaitAnswers()
    }

    deinit {
        client?.closeInput()
        stop()
        let script =
            "umount -R \(folder)/state 2>/dev/null; umount -R \(folder)/root 2>/dev/null; rm -rf \(folder); "
            + "ip link del \(bridge)"
        _ = try? ChildProcess.run(["sh", "-c", script], timeout: 60)
    }

    private static func configure(_ folder: String, _ bridge: String) throws {
        try FileManager.default.createDirectory(atPath: folder + "/net", withIntermediateDirectories: true)
        for name in ["mvrun", "mvrun-vm"] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/\(name)", withDestinationPath: RuntimeUnderTest.current.path)
        }
        let runtimes = try documented("toml", with: "containerd.runtimes.mvrun-vm", in: folder)
        let configuration = """
            version = 2
            root = "\(folder)/root"
            state = "\(folder)/state"
            [grpc]
              address = "\(folder)/containerd.sock"
            [plugins."io.containerd.grpc.v1.cri"]
              sandbox_image = "localhost/busybox:mvrun"
              restrict_oom_score_adj = true
              disable_tcp_service = true
            [plugins."io.containerd.grpc.v1.cri".cni]
              bin_dir = "/usr/lib/cni"
              conf_dir = "\(folder)/net"
            \(runtimes)
            """
        try configuration.write(toFile: "\(folder)/config.toml", atomically: true, encoding: .utf8)
        let network = """
            {"cniVersion": "0.4.0", "name": "mvt-cri", "plugins": [
              {"type": "bridge", "bridge": "\(bridge)", "isGateway": true, "ipMasq": false,
               "ipam": {"type": "host-local", "dataDir": "\(folder)/leases", "routes": [{"dst": "0.0.0.0/0"}],
                        "ranges": [[{"subnet": "10.98.0.0/24"}]]}},
              {"type": "portmap", "capabilities": {"portMappings": true}}]}
            """
        try network.write(toFile: "\(folder)/net/10-mvt.conflist", atomically: true, encoding: .utf8)
    }

    /// Starts the daemon, and waits until it answers.
    func start() throws {
        try startDaemon()
        try awaitAnswers()
    }

    private func startDaemon() throws {
        let launch = "exec containerd --config \(folder)/config.toml >> \(folder)/log 2>&1"
        daemon = try ChildProcess(["sh", "-c", launch])
        let ask = ["ctr", "--address", "\(folder)/containerd.sock", "version"]
        guard try eventually(timeout: 60, { try ChildProcess.run(ask).succeeded }) else {
            throw TestSupportError("containerd does not answer")
        }
    }

    /// The CRI is a plugin, which looks at what there is before it answers.
    private func awaitAnswers() throws {
        guard try eventually(timeout: 60, { try refusal("ListPodSandbox", [:]) == nil }) else {
            throw TestSupportError("containerd's CRI does not answer")
        }
    }

    /// Ends the daemon, and nothing of its containers.
    func stop(_ signal: Int32 = SIGTERM) {
        daemon?.send(signal)
        _ = daemon?.finish(timeout: 30)
        daemon = nil
    }

    /// Calls a method.
    ///
    /// - Throws: `Refusal` with what the CRI says against it.
    @discardableResult
    func call(_ method: String, _ request: JSON) throws -> JSON {
        client?.write("{\"\(method)\": \(request)}\n")
        guard let line = client?.read(until: "\n", timeout: 120) else {
            throw TestSupportError("\(method): no answer; \(client?.explanation.description ?? "")")
        }
        let answer = try JSON(parsing: line)
        if let error = answer.error.text { throw Refusal(description: "\(method): \(error)") }
        return answer.reply
    }

    /// What a call is refused with; nil where it is not.
    func refusal(_ method: String, _ request: JSON) throws -> String? {
        do {
            try call(method, request)
            return nil
        } catch let refusal as Refusal {
            return refusal.description
        }
    }

    /// The addresses that are given away.
    var leases: [String] {
        let names = try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/leases/mvt-cri")
        return (names ?? []).filter { $0.hasPrefix("10.") }
    }

    /// The links of its bridge.
    var links: String { (try? ChildProcess.run(["ip", "-o", "link", "show", "master", bridge]).output) ?? "" }
}

/// A pod, made as the kubelet makes one.
final class Pod {
    let cri: CRI
    let configuration: JSON
    private(set) var id = ""

    init(_ cri: CRI, _ name: String, annotations: JSON = [:], _ change: (inout JSON) -> Void = { _ in }) throws {
        self.cri = cri
        var configuration: JSON = [
            "metadata": ["name": .string(name), "uid": .string(name), "namespace": "default"],
            "hostname": .string(name), "log_directory": .string("\(cri.folder)/logs/\(name)"),
            "annotations": annotations, "dns_config": ["servers": ["10.98.0.1"]],
            "linux": [
                "cgroup_parent": .string("/mvt-cri/\(name)"),
                "security_context": ["namespace_options": Self.namespaces],
                "sysctls": ["net.ipv4.ip_unprivileged_port_start": "81"],
            ],
        ]
        change(&configuration)
        self.configuration = configuration
        id =
            try cri.call(
                "RunPodSandbox", ["config": configuration, "runtime_handler": .string(cri.handler)]
            ).pod_sandbox_id.text ?? ""
    }

    deinit { try? remove() }

    private static let namespaces: JSON = ["network": "POD", "pid": "CONTAINER", "ipc": "POD"]

    /// The address that its network gave it.
    func address() throws -> String {
        try cri.call("PodSandboxStatus", ["pod_sandbox_id": .string(id)]).status.network.ip.text ?? ""
    }

    /// Makes a container and starts it.
    ///
    /// - Returns: its id.
    func start(_ name: String, _ script: String) throws -> String {
        let container = try create(name, script)
        try cri.call("StartContainer", ["container_id": .string(container)])
        return container
    }

    /// Makes a container.
    ///
    /// - Returns: its id.
    func create(_ name: String, _ script: String) throws -> String {
        try cri.call("CreateContainer", request(name, script)).container_id.text ?? ""
    }

    /// What `CreateContainer` is asked.
    func request(_ name: String, _ script: String) -> JSON {
        [
            "pod_sandbox_id": .string(id), "sandbox_config": configuration,
            "config": [
                "metadata": ["name": .string(name)], "image": ["image": .string(cri.image)],
                "command": ["/bin/sh", "-c", .string(script)], "log_path": .string("\(name).log"),
                "linux": [
                    "resources": ["memory_limit_in_bytes": 201_326_592, "cpu_shares": 512],
                    "security_context": [
                        "namespace_options": Self.namespaces, "capabilities": ["add_capabilities": ["NET_RAW"]],
                    ],
                ],
            ],
        ]
    }

    /// Removes it with all its containers.
    func remove() throws {
        guard !id.isEmpty else { return }
        try cri.call("StopPodSandbox", ["pod_sandbox_id": .string(id)])
        try cri.call("RemovePodSandbox", ["pod_sandbox_id": .string(id)])
        id = ""
    }
}
