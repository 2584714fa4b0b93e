import TestSupport
import Testing

/// runtime-spec, config-linux.md, "Devices" and "Default devices": the nodes.
///
/// Access to them is the cgroup's affair.
@Suite(.requires(.root)) struct DevicesTests {
    @Test(.requires(.container)) func aDeviceHasItsKindNumberModeAndOwner() throws {
        let bundle = try TemporaryBundle {
            $0.linux.devices = [
                ["type": "c", "path": "/dev/one", "major": 10, "minor": 200, "fileMode": 0o640, "uid": 12, "gid": 34],
                ["type": "b", "path": "/dev/deep/er/two", "major": 7, "minor": 9, "fileMode": 0o600],
                ["type": "u", "path": "/dev/three", "major": 10, "minor": 229],
                ["type": "p", "path": "/dev/four", "fileMode": 0o622],
            ]
        }
        let seen = try bundle.probe("status", "/dev/one", "/dev/deep/er/two", "/dev/three", "/dev/four")
        #expect(seen["/dev/one"] == "character 0640 12 34 10:200")
        #expect(seen["/dev/deep/er/two"] == "block 0600 0 0 7:9")
        #expect(seen["/dev/three"]?.hasPrefix("character") == true && seen["/dev/three"]?.hasSuffix("10:229") == true)
        #expect(seen["/dev/four"] == "fifo 0622 0 0 0:0")
    }

    @Test(arguments: [
        ("null", "1:3"), ("zero", "1:5"), ("full", "1:7"), ("random", "1:8"), ("urandom", "1:9"), ("tty", "5:0"),
    ])
    func aDefaultDeviceIsThereForEverybody(name: String, number: String) throws {
        let seen = try TemporaryBundle().probe("status", "/dev/\(name)")
        #expect(seen["/dev/\(name)"]?.hasPrefix("character 0666 0 0 \(number)") == true, "\(seen)")
    }

    @Test func theStandardLinksAreThere() throws {
        let seen = try TemporaryBundle().probe(
            "status", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/ptmx")
        #expect(seen["/dev/fd"]?.hasSuffix(" /proc/self/fd") == true)
        #expect(seen["/dev/stdin"]?.hasSuffix(" /proc/self/fd/0") == true)
        #expect(seen["/dev/stdout"]?.hasSuffix(" /proc/self/fd/1") == true)
        #expect(seen["/dev/stderr"]?.hasSuffix(" /proc/self/fd/2") == true)
        #expect(seen["/dev/ptmx"]?.hasSuffix("pts/ptmx") == true)
    }

    @Test func theDefaultDevicesWork() throws {
        let bundle = try TemporaryBundle()
        let script = "head -c 4 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c; echo x > /dev/null && echo ok"
        #expect(try bundle.shell(script).output == "4\n3\nok\n")
        #expect(try bundle.shell("echo x > /dev/full").errors.contains("No space left"))
    }

    @Test func aDeviceOfAnUnknownTypeIsRefusedWithItsPath() throws {
        let bundle = try TemporaryBundle {
            $0.linux.devices = [["type": "q", "path": "/dev/x", "major": 1, "minor": 1]]
        }
        expectRefusal(try bundle.run(), naming: "linux.devices[0].type")
    }

    @Test func aDevFolderThatIsALinkLeavesTheHostAlone() throws {
        // CVE-2026-47766: device nodes made through a link of the image's.
        let bundle = try TemporaryBundle { $0.linux.devices = [["type": "p", "path": "/dev/x"]] }
        let outside = try bundle.folder("outside")
        bundle.spec.mounts.elements.removeAll { $0.destination.text?.hasPrefix("/dev") == true }
        try makeLink(at: "\(bundle.rootfs)/dev", to: outside)
        _ = try bundle.run()
        #expect(try names(in: outside) == [])
    }
}
