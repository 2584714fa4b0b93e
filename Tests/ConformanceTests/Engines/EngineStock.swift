import Foundation
import TestSupport

/// What a host has of an engine's containers: what has to be as before when they are gone.
struct EngineStock: Equatable, CustomStringConvertible {
    private var things: Set<String> = []

    /// Where runtimes keep what they know of the containers of podman, docker and containerd.
    private static let stateFolders = ["/run/mvrun", "/run/docker/runtime-runc/moby"]

    /// Takes stock.
    ///
    /// - Parameter folder: the engine's.
    init(_ folder: String) {
        let files = FileManager.default
        func names(_ path: String) -> [String] { (try? files.contentsOfDirectory(atPath: path)) ?? [] }
        things.formUnion(names("/sys/class/net").map { "link \($0)" })
        for place in ["/run/netns", "\(folder)/exec/netns"] {
            things.formUnion(names(place).map { "network namespace \($0)" })
        }
        for mount in MountTable.current().entries where Self.isContainers(mount.point) {
            things.insert("mount \(mount.point)")
        }
        for place in Self.stateFolders {
            things.formUnion(names(place).filter(Self.isContainers).map { "state \(place)/\($0)" })
        }
        let cgroups = (try? onHost("find /sys/fs/cgroup -type d 2>/dev/null || true").split(separator: "\n")) ?? []
        things.formUnion(cgroups.map(String.init).filter(Self.isContainers).map { "cgroup \($0)" })
        for pid in HostInventory.processIDs() {
            let command = Self.text("/proc/\(pid)/cmdline").replacing("\0", with: " ")
            guard !command.isEmpty else { continue }
            let isEngines = command.contains(folder) && (command.contains("conmon") || command.contains("shim"))
            guard isEngines || Self.isContainers(Self.text("/proc/\(pid)/cgroup")) else { continue }
            things.insert("process \(pid) \(command)")
        }
    }

    /// What came since.
    func added(since earlier: EngineStock) -> EngineStock {
        var added = self
        added.things.subtract(earlier.things)
        return added
    }

    /// Whether there is nothing.
    var isEmpty: Bool { things.isEmpty }

    var description: String { things.sorted().joined(separator: "\n") }

    /// Whether the name of a container, 64 digits, is in a text.
    private static func isContainers(_ text: String) -> Bool {
        var count = 0
        for byte in text.utf8 {
            let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            count = isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte) ? count + 1 : 0
            if count == 64 { return true }
        }
        return false
    }

    private static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
