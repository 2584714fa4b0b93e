import Foundation
import TestSupport
import Testing

/// runtime-spec, config.md, "Mounts": what is mounted where.
@Suite(.requires(.root)) struct MountsTests {
    @Test func aFolderIsBoundWhereTheSpecSays() throws {
        let bundle = try TemporaryBundle()
        let source = try bundle.folder("data", ["file": "from the host"])
        bundle.spec.mount("/mnt/data", type: "bind", source: source, options: ["bind"])
        #expect(try bundle.run(["/bin/cat", "/mnt/data/file"]).output == "from the host")
        #expect(try bundle.shell("echo back > /mnt/data/answer").succeeded)
        #expect(try String(contentsOfFile: "\(source)/answer", encoding: .utf8) == "back\n")
    }

    @Test func aFileIsBoundOverAFileThatIsMadeForIt() throws {
        let bundle = try TemporaryBundle()
        let source = try bundle.file("one", "only this file")
        bundle.spec.mount("/etc/deep/one", type: "none", source: source, options: ["bind"])
        #expect(try bundle.run(["/bin/cat", "/etc/deep/one"]).output == "only this file")
    }

    @Test func aRelativeSourceIsRelativeToTheBundle() throws {
        let bundle = try TemporaryBundle()
        try FileManager.default.createDirectory(atPath: "\(bundle.directory)/beside", withIntermediateDirectories: true)
        try Data("here".utf8).write(to: URL(fileURLWithPath: "\(bundle.directory)/beside/file"))
        bundle.spec.mount("/mnt", type: "bind", source: "beside", options: ["bind"])
        #expect(try bundle.run(["/bin/cat", "/mnt/file"]).output == "here")
    }

    @Test func aRelativeDestinationIsRelativeToTheRoot() throws {
        let bundle = try TemporaryBundle()
        bundle.spec.mount("some/where", type: "tmpfs", source: "tmpfs")
        #expect(try bundle.mountTable()["/some/where"]?.type == "tmpfs")
    }

    @Test func bindTakesOneMountAndRbindTheMountsBelowToo() throws {
        for (option, expected) in [("bind", "outer"), ("rbind", "inner")] {
            let bundle = try TemporaryBundle()
            let source = try bundle.folder("tree", ["below/file": "outer"])
            bundle.prepareMounts("mount -t tmpfs none \(source)/below; printf inner > \(source)/below/file")
            bundle.spec.mount("/mnt", type: "bind", source: source, options: [option])
            #expect(try bundle.run(["/bin/cat", "/mnt/below/file"]).output == expected, "\(option)")
        }
    }

    @Test func mountsAreMadeInTheOrderOfTheSpec() throws {
        let bundle = try TemporaryBundle()
        let first = try bundle.folder("first", ["name": "first", "sub/x": ""])
        let second = try bundle.folder("second", ["name": "second"])
        bundle.spec.mount("/mnt", type: "bind", source: first, options: ["bind"])
        bundle.spec.mount("/mnt/sub", type: "bind", source: second, options: ["bind"])
        #expect(try bundle.run(["/bin/cat", "/mnt/name", "/mnt/sub/name"]).output == "firstsecond")
        bundle.spec.mount("/mnt", type: "bind", source: second, options: ["bind"])
        #expect(try bundle.run(["/bin/cat", "/mnt/name"]).output == "second")
    }

    @Test func aTmpfsHasItsSizeModeAndOwner() throws {
        let bundle = try TemporaryBundle()
        bundle.spec.mount(
            "/scratch", type: "tmpfs", source: "scratch", options: ["size=1m", "mode=0711", "uid=3", "gid=4"])
        let mount = try #require(try bundle.mountTable()["/scratch"])
        #expect(mount.type == "tmpfs" && mount.source == "scratch" && mount.superOptions.contains("size=1024k"))
        #expect(try bundle.probe("status", "/scratch")["/scratch"] == "directory 0711 3 4 0:0")
        #expect(try bundle.shell("dd if=/dev/zero of=/scratch/x bs=1M count=2").succeeded == false)
    }

    @Test func tmpcopyupFillsATmpfsWithWhatWasThere() throws {
        let bundle = try TemporaryBundle()
        try bundle.writeFile("/data/inner/file", "kept", mode: 0o640)
        bundle.spec.mount("/data", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"])
        let outcome = try bundle.shell("cat /data/inner/file; stat -c %a /data/inner/file; echo new > /data/inner/file")
        #expect(outcome.output == "kept640\n")
        #expect(try String(contentsOfFile: "\(bundle.rootfs)/data/inner/file", encoding: .utf8) == "kept")
    }

    @Test func procShowsTheContainersOwnProcesses() throws {
        let bundle = try TemporaryBundle()
        let outcome = try bundle.shell("ls /proc | grep -c '^[0-9]'; readlink /proc/self")
        let numbers = outcome.output.split(separator: "\n").compactMap { Int($0) }
        #expect(numbers.count == 2 && numbers.allSatisfy { $0 < 10 }, "\(outcome)")
        #expect(try bundle.mountTable()["/proc"]?.type == "proc")
    }

    @Test func devptsIsAnInstanceOfItsOwnWithItsOptions() throws {
        let bundle = try TemporaryBundle()
        let mount = try #require(try bundle.mountTable()["/dev/pts"])
        #expect(mount.type == "devpts")
        for option in ["gid=5", "mode=620", "ptmxmode=666"] { #expect(mount.superOptions.contains(option)) }
        #expect(try bundle.run(["/bin/ls", "/dev/pts"]).line == "ptmx")
    }

    @Test(arguments: [("/dev/mqueue", "mqueue"), ("/sys", "sysfs"), ("/dev/shm", "tmpfs"), ("/dev", "tmpfs")])
    func theOtherKernelFileSystemsAreMounted(point: String, type: String) throws {
        #expect(try TemporaryBundle().mountTable()[point]?.type == type)
    }

    @Test(.requires(.cgroupV1("memory"))) func aCgroupMountShowsEveryHierarchyOfVersion1() throws {
        let bundle = try TemporaryBundle()
        bundle.spec.mount(
            "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "ro"])
        let table = try bundle.mountTable()
        for controller in ["memory", "pids", "devices"] {
            let mount = try #require(table["/sys/fs/cgroup/\(controller)"], "\(controller)")
            #expect(mount.superOptions.contains(controller) && mount.options.contains("ro"))
        }
        let script = "cat /sys/fs/cgroup/memory/cgroup.procs; echo 1 > /sys/fs/cgroup/memory/tasks"
        let outcome = try bundle.shell(script)
        #expect(outcome.output.hasPrefix("1\n") && outcome.errors.contains("Read-only"), "\(outcome)")
    }

    @Test(.requires(.unifiedCgroups)) func aCgroupMountShowsTheContainersCgroupOfVersion2() throws {
        let bundle = try TemporaryBundle()
        bundle.spec.setNamespace("cgroup")
        bundle.spec.mount("/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"])
        #expect(try bundle.mountTable()["/sys/fs/cgroup"]?.type == "cgroup2")
        #expect(try bundle.run(["/bin/cat", "/sys/fs/cgroup/cgroup.procs"]).line == "1")
    }

    @Test(.requires(.container)) func anOverlayIsMountedFromItsData() throws {
        let bundle = try TemporaryBundle()
        // An overlay's upper directory has to lie on a file system that has extended attributes.
        let lower = try bundle.folder("lower", ["file": "below"])
        let upper = try bundle.folder("upper")
        let work = try bundle.folder("work")
        let options = ["lowerdir=\(lower)", "upperdir=\(upper)", "workdir=\(work)"]
        bundle.spec.mount("/mnt", type: "overlay", source: "overlay", options: options)
        #expect(try bundle.shell("cat /mnt/file; echo above > /mnt/file").output == "below")
        #expect(try String(contentsOfFile: "\(upper)/file", encoding: .utf8) == "above\n")
    }

    @Test func aDestinationThatIsASymbolicLinkStaysInTheRoot() throws {
        let bundle = try TemporaryBundle()
        let outside = try bundle.folder("outside", ["here": ""])
        symlink(outside, "\(bundle.rootfs)/way")
        bundle.spec.mount("/way/out", type: "tmpfs", source: "tmpfs")
        _ = try bundle.run()
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == ["here"])
        let table = try bundle.mountTable()
        #expect(table.entries.contains { $0.point == "\(outside)/out" && $0.type == "tmpfs" })
    }

    /// A slash and a combining mark behind it are one character, but the kernel sees a slash: what stands before it is a
    /// component, and where the image has a link in its place that leads out, nothing is to be made there.
    @Test(arguments: ["/way/\u{301}out", "/way/\u{301}out/deep", "/up/\u{301}out"])
    func aDestinationIsTakenApartByBytes(destination: String) throws {
        let bundle = try TemporaryBundle()
        let outside = try bundle.folder("outside", ["here": ""])
        symlink(outside, "\(bundle.rootfs)/way")
        // One level above the root, by a link whose text is a single character to those who count characters.
        symlink("..", "\(bundle.rootfs)/up")
        try bundle.writeConfiguration()
        let before = try FileManager.default.contentsOfDirectory(atPath: bundle.directory).sorted()
        bundle.spec.mount(destination, type: "tmpfs", source: "tmpfs")
        _ = try bundle.run()
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == ["here"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: bundle.directory).sorted() == before)
    }

    @Test func procIsNotMountedThroughALinkOfTheImages() throws {
        // Behind the link could stand a procfs of the image's making, into which the runtime would write labels.
        let bundle = try TemporaryBundle()
        try makeLink(at: "\(bundle.rootfs)/proc", to: "tmp")
        expectRefusal(try bundle.run(), naming: "/proc", "symbolic link")
    }

    @Test func aMissingBindSourceIsNamedWithItsMount() throws {
        let bundle = try TemporaryBundle()
        let index = bundle.spec.mounts.elements.count
        bundle.spec.mount("/mnt", type: "bind", source: "/no/such/source", options: ["bind"])
        expectRefusal(try bundle.run(), naming: "mounts[\(index)]", "/no/such/source", "no such file or directory")
    }

    @Test func anUnknownFileSystemIsNamedWithItsMount() throws {
        let bundle = try TemporaryBundle()
        bundle.spec.mount("/mnt", type: "magicfs", source: "none")
        expectRefusal(try bundle.run(), naming: "/mnt", "magicfs")
    }

    @Test func aContainerSeesNoMountOfTheHosts() throws {
        let bundle = try TemporaryBundle()
        let points = Set(try bundle.mountTable().entries.map(\.point))
        let asked = Set(bundle.spec.mounts.elements.compactMap(\.destination.text) + ["/"])
        #expect(points.subtracting(asked).isEmpty, "\(points.subtracting(asked))")
    }
}
