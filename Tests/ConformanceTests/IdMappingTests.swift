import Foundation
import TestSupport
import Testing

/// runtime-spec, config-linux.md, "User namespace mappings", and config.md, mappings of a mount.
@Suite(.requires(.root)) struct IdMappingTests {
    private static let mapping: JSON = [["containerID": 0, "hostID": 100_000, "size": 65536]]

    private func userNamespaced() throws -> TemporaryBundle {
        try TemporaryBundle {
            $0.setNamespace("user")
            $0.linux.uidMappings = Self.mapping
            $0.linux.gidMappings = [["containerID": 0, "hostID": 200_000, "size": 65536]]
            $0.mounts.elements.removeAll { $0.destination == "/sys" }
        }
    }

    @Test(.requires(.container)) func theMappingsAreTheOnesOfTheSpec() throws {
        let bundle = try userNamespaced()
        let outcome = try bundle.run(["/bin/cat", "/proc/self/uid_map", "/proc/self/gid_map"])
        let fields = outcome.output.split(whereSeparator: \.isWhitespace).map(String.init)
        #expect(fields == ["0", "100000", "65536", "0", "200000", "65536"], "\(outcome)")
    }

    @Test(.requires(.container)) func aMappingOfSeveralLinesIsWrittenWhole() throws {
        let bundle = try userNamespaced()
        bundle.spec.linux.uidMappings = [
            ["containerID": 0, "hostID": 100_000, "size": 10], ["containerID": 10, "hostID": 300_000, "size": 1000],
        ]
        let outcome = try bundle.run(["/bin/cat", "/proc/self/uid_map"])
        let fields = outcome.output.split(whereSeparator: \.isWhitespace).map(String.init)
        #expect(fields == ["0", "100000", "10", "10", "300000", "1000"], "\(outcome)")
    }

    @Test func rootInTheContainerIsTheMappedUserOutside() throws {
        let bundle = try userNamespaced()
        try bundle.withRunning { _ throws in
            let pid = try bundle.state().pid.number ?? 0
            let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            #expect(status.contains("Uid:\t100000\t100000"))
            #expect(status.contains("Gid:\t200000\t200000"))
        }
    }

    @Test func theDefaultDevicesWorkInAUserNamespace() throws {
        let bundle = try userNamespaced()
        let seen = try bundle.probe("open", "rw", "/dev/null", "/dev/zero", "/dev/tty")
        #expect(seen["/dev/null"] == "ok" && seen["/dev/zero"] == "ok" && seen["/dev/tty"] == "ENXIO")
    }

    @Test func mappingsWithoutAUserNamespaceAreRefused() throws {
        let bundle = try TemporaryBundle { $0.linux.uidMappings = Self.mapping }
        expectRefusal(try bundle.run(), naming: "linux.uidMappings")
    }

    @Test func aUserNamespaceWithoutMappingsIsRefused() throws {
        let bundle = try TemporaryBundle { $0.setNamespace("user") }
        expectRefusal(try bundle.run(), naming: "linux.uidMappings")
    }

    @Test(.requires(.mappableFiles)) func aMountWithMappingsOfItsOwnShowsMappedOwners() throws {
        let bundle = try TemporaryBundle()
        let source = try bundle.folder("source", ["file": ""])
        chown("\(source)/file", 7, 8)
        bundle.spec.mounts.append([
            "destination": "/mnt", "type": "bind", "source": .string(source), "options": ["bind"],
            "uidMappings": [["containerID": 0, "hostID": 1000, "size": 100]],
            "gidMappings": [["containerID": 0, "hostID": 2000, "size": 100]],
        ])
        #expect(try bundle.probe("status", "/mnt/file")["/mnt/file"]?.hasPrefix("file 0644 1007 2008") == true)
    }

    @Test(.requires(.mappableFiles), arguments: [("idmap", "bind"), ("ridmap", "rbind")])
    func anIdmappedMountFollowsTheContainersMapping(option: String, bind: String) throws {
        let bundle = try userNamespaced()
        let source = try bundle.folder("source", ["file": "", "below/x": ""])
        // A mount of the same file system: a tmpfs can be mapped since Linux 6.3 alone.
        let below = try bundle.folder("below", ["file": ""])
        bundle.prepareMounts("mount --bind \(below) \(source)/below")
        bundle.spec.mount("/mnt", type: "bind", source: source, options: [bind, option])
        let seen = try bundle.probe("status", "/mnt/file", "/mnt/below/file")
        #expect(seen["/mnt/file"]?.hasPrefix("file 0644 0 0") == true)
        if option == "ridmap" { #expect(seen["/mnt/below/file"]?.hasPrefix("file 0644 0 0") == true) }
    }

    @Test func withoutIdmapTheOwnerIsNobody() throws {
        let bundle = try userNamespaced()
        let source = try bundle.folder("source", ["file": ""])
        bundle.spec.mount("/mnt", type: "bind", source: source, options: ["bind"])
        #expect(try bundle.probe("status", "/mnt/file")["/mnt/file"]?.hasPrefix("file 0644 65534 65534") == true)
    }
}
