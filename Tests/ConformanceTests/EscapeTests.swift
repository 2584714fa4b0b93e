import Foundation
import TestSupport
import Testing

/// Escapes of the public record, attempted: each test is named after its CVE and says what the attack does.
///
/// What decides is the host: files outside of the root are as they were, and nothing has come to be there.
@Suite(.requires(.root, .container)) struct EscapeTests {
    /// Files of the host that attacks aim at, and a folder into which none may make anything.
    private final class Target {
        let folder: String
        let file: String
        init(_ bundle: TemporaryBundle) throws {
            folder = try bundle.folder("outside", ["secret": "secret"])
            file = "\(folder)/secret"
        }
        /// Whether all is as it was.
        func expectUntouched(sourceLocation: SourceLocation = #_sourceLocation) throws {
            #expect(try names(in: folder) == ["secret"], sourceLocation: sourceLocation)
            #expect(try String(contentsOfFile: file, encoding: .utf8) == "secret", sourceLocation: sourceLocation)
        }
    }

    /// Exchanges two names of the host as fast as it can while a body runs.
    private func exchanging(_ first: String, _ second: String, _ body: () throws -> Void) throws {
        let racer = try ChildProcess([Probe.path.get(), "host-exchange", first, second])
        try #require(racer.read(until: "exchanging\n") != nil, racer.explanation)
        defer {
            racer.send(SIGKILL)
            _ = racer.finish()
        }
        try body()
    }

    private static let rounds = Requirement.long.isMet() ? 400 : 40

    /// The programs that a container could overwrite, and their content.
    private func programs() -> [Data?] {
        let folder = (RuntimeUnderTest.current.path as NSString).deletingLastPathComponent
        return ["mvrun", "mvrun-init", "mvrun-vmm"].map { FileManager.default.contents(atPath: "\(folder)/\($0)") }
    }

    // MARK: /proc/self/exe

    /// CVE-2019-5736: the image's program is a link to /proc/self/exe, so that the runtime executes itself inside; a process
    /// of the container opens that and writes as soon as nobody executes it any more.
    @Test func cve2019_5736TheRuntimeIsNotOverwrittenThroughItsOwnLink() throws {
        let bundle = try TemporaryBundle()
        let before = programs()
        try makeLink(at: "\(bundle.rootfs)/bin/self", to: "/proc/self/exe")
        try bundle.writeFile("/bin/again", "#!/proc/self/exe\n", mode: 0o755)
        for program in ["/bin/self", "/bin/again", "/proc/self/exe"] {
            // Whatever becomes of it, it is not the host's file that is written to.
            _ = try bundle.run([program, "--version"])
        }
        let script = """
            while :; do for p in /proc/[0-9]*; do
              [ ${p#/proc/} != 1 ] && [ ${p#/proc/} != $$ ] || continue
              exec 3< $p/exe || continue
              i=0; while [ $i -lt 20 ]; do ( echo overwritten > /proc/self/fd/3 ) && break; i=$((i + 1)); done
              exec 3<&-
            done; done 2> /dev/null
            """
        try bundle.withRunning(["/bin/sh", "-c", script]) { _ throws in
            for _ in 0..<Self.rounds / 4 {
                for program in ["/bin/true", "/bin/self", "/bin/again"] { _ = try bundle.exec(program) }
            }
        }
        #expect(programs() == before)
    }

    // MARK: Mounts

    /// CVE-2021-30465 and CVE-2024-45310: a component of a mount's destination is exchanged for a link that leads to the host
    /// while the runtime makes the destination and mounts there; the second one had empty files and folders made outside.
    @Test(arguments: ["tmpfs", "file"])
    func cve2021_30465AndCve2024_45310ADestinationThatIsExchangedStaysInTheRoot(kind: String) throws {
        let bundle = try TemporaryBundle()
        let target = try Target(bundle)
        let volume = try bundle.folder("volume", ["real/kept": "", "source": "bound"])
        try makeLink(at: "\(volume)/link", to: target.folder)
        bundle.spec.mount("/vol", type: "bind", source: volume, options: ["rbind"])
        if kind == "tmpfs" {
            bundle.spec.mount("/vol/real/made/deep", type: "tmpfs", source: "tmpfs")
        } else {
            bundle.spec.mount("/vol/real/made", type: "bind", source: "\(volume)/source", options: ["bind"])
        }
        try exchanging("\(volume)/real", "\(volume)/link") {
            for _ in 0..<Self.rounds {
                // It may fail, or make its way inside the root; where it succeeds, each mount is below the root.
                let outcome = try bundle.run(["/bin/cat", "/proc/self/mountinfo"])
                try target.expectUntouched()
                if outcome.succeeded {
                    let hosts = MountTable(outcome.output).entries.filter { $0.point.contains("/outside/secret") }
                    #expect(hosts.isEmpty)
                }
            }
        }
    }

    /// Exchanged is the root of a mount, and the root file system itself: what the program gets as its root is never the
    /// host's.
    @Test func aRootThatIsExchangedWhileItIsEnteredIsNeverTheHosts() throws {
        let bundle = try TemporaryBundle()
        let target = try Target(bundle)
        try makeLink(at: bundle.path("way"), to: "/")
        bundle.spec.mount("/mnt", type: "tmpfs", source: "tmpfs")
        bundle.spec.mount("/mnt/deep/er", type: "tmpfs", source: "tmpfs")
        let inner = "\(bundle.rootfs)/mnt"
        try makeLink(at: "\(bundle.rootfs)/other", to: target.folder)
        try exchanging(inner, "\(bundle.rootfs)/other") {
            for _ in 0..<Self.rounds {
                _ = try bundle.run(["/bin/true"])
                try target.expectUntouched()
            }
        }
    }

    /// CVE-2019-19921, CVE-2023-27561 and CVE-2023-28642: /proc of the image is a link, so that the labels and settings which
    /// the runtime writes go to files of the image's making.
    @Test(arguments: ["/tmp", "tmp", "/", "."])
    func cve2019_19921AndCve2023_27561ProcThatIsALinkIsRefused(to: String) throws {
        let bundle = try TemporaryBundle()
        try makeLink(at: "\(bundle.rootfs)/proc", to: to)
        expectRefusal(try bundle.run(), naming: "/proc", "symbolic link")
    }

    // MARK: Working directories and descriptors

    /// CVE-2024-21626: the working directory is a link of procfs to a descriptor that the runtime has left open on the host.
    @Test func cve2024_21626AWorkingDirectoryBehindADescriptorIsNotTheHosts() throws {
        let bundle = try TemporaryBundle()
        try makeLink(at: "\(bundle.rootfs)/work", to: "/proc/self/fd")
        for number in 0..<24 {
            for path in ["/proc/self/fd/\(number)", "/proc/self/fd/\(number)/../../..", "/work/\(number)"] {
                bundle.spec.process.cwd = .string(path)
                let outcome = try bundle.run(["/bin/ls"])
                #expect(!outcome.succeeded && outcome.errors.contains(path), "\(path): \(outcome)")
            }
        }
    }

    /// CVE-2024-21626, by exec: the same with `--cwd`, and with a process of the container that waits for a descriptor.
    @Test func cve2024_21626AnExecsWorkingDirectoryIsNotTheHosts() throws {
        let bundle = try TemporaryBundle()
        try makeLink(at: "\(bundle.rootfs)/work", to: "/proc/self/fd/8")
        try bundle.withRunning { _ throws in
            for path in (3..<16).map({ "/proc/self/fd/\($0)" }) + ["/work", "/proc/self/cwd", "/proc/1/cwd"] {
                let outcome = try bundle.exec("/bin/pwd", options: ["--cwd", path])
                #expect(!outcome.succeeded && outcome.errors.contains("process.cwd"), "\(path): \(outcome)")
            }
        }
    }

    /// Descriptors that somebody has left open in the caller, one of them the host's root, reach neither a container nor what
    /// is executed in it.
    @Test func descriptorsOfTheCallerLeakNeitherIntoAContainerNorIntoAnExec() throws {
        let bundle = try TemporaryBundle()
        bundle.wrapper = ["sh", "-c", "exec 5< / 6< /etc 9> '\(bundle.path("open"))'; exec \"$@\"", "sh"]
        #expect(try bundle.probe("descriptors").keys == ["0", "1", "2"])
        try bundle.withRunning { _ throws in
            let outcome = try bundle.exec("/bin/probe", "descriptors")
            #expect(Report(outcome.output).keys == ["0", "1", "2"], "\(outcome)")
            // Nor can the first process's be looked at: what it has are its own three.
            let seen = try bundle.exec("/bin/ls", "-l", "/proc/1/fd")
            #expect(!seen.output.contains("/etc") && !seen.output.contains("open"), "\(seen)")
        }
    }

    /// CVE-2016-9962: a process of the container traces the one that enters it, or takes its descriptors, before it has
    /// become the program.
    ///
    /// The stage is not dumpable, so that its directory in procfs is root's of the host alone.
    @Test func cve2016_9962AnEnteringProcessShowsNobodyItsDescriptors() throws {
        let bundle = try TemporaryBundle { $0.process.capabilities = ["bounding": ["CAP_SYS_PTRACE"]] }
        let script = """
            while :; do for p in /proc/[0-9]*; do
              case $(readlink $p/exe) in */busybox|"") continue;; esac
              ls -l $p/fd/ >> /tmp/seen
            done; done 2> /dev/null
            """
        try bundle.withRunning(["/bin/sh", "-c", script]) { _ throws in
            for _ in 0..<Self.rounds { _ = try bundle.exec("/bin/true") }
        }
        let seen = FileManager.default.contents(atPath: "\(bundle.rootfs)/tmp/seen") ?? Data()
        #expect(!String(decoding: seen, as: UTF8.self).contains("->"))
    }

    // MARK: Masked paths and writes to procfs

    /// CVE-2025-31133: /dev/null of the container, by which paths are masked, is exchanged for a link, so that a file that is
    /// to be masked becomes a way to another one.
    ///
    /// Here the masks are the host's own.
    @Test func cve2025_31133AMaskIsTheNullDeviceWhateverTheContainersIs() throws {
        let bundle = try TemporaryBundle { $0.linux.maskedPaths = ["/proc/kcore", "/proc/timer_list", "/hidden"] }
        let target = try Target(bundle)
        // One of the host's that takes a number alone: a runtime that fails here is to harm nobody.
        let sysctl = "/proc/sys/kernel/printk_ratelimit"
        // Its /dev is the image's.
        bundle.spec.mounts.elements.removeAll { $0.destination.text?.hasPrefix("/dev") == true }
        try bundle.writeFile("/hidden", "do not tell")
        try bundle.writeFile("/dev/bait", "")
        try makeLink(at: "\(bundle.rootfs)/dev/null", to: sysctl)
        try makeLink(at: "\(bundle.rootfs)/dev/other", to: target.file)
        let before = try String(contentsOfFile: sysctl, encoding: .utf8)
        let script =
            "for f in /proc/kcore /proc/timer_list /hidden; do stat -c '%F %t:%T' $f; cat $f; echo evil > $f; done"
        try exchanging("\(bundle.rootfs)/dev/null", "\(bundle.rootfs)/dev/other") {
            for _ in 0..<Self.rounds {
                let outcome = try bundle.shell(script)
                #expect(!outcome.output.contains("secret"), "\(outcome)")
                let kinds = outcome.output.split(separator: "\n")
                #expect(
                    kinds.isEmpty || kinds == Array(repeating: "character special file 1:3", count: 3), "\(outcome)")
                try target.expectUntouched()
            }
        }
        #expect(try String(contentsOfFile: sysctl, encoding: .utf8) == before)
    }

    /// CVE-2025-52565: what is bound over /dev/console is exchanged for a link, or /dev/console is one, so that a file of the
    /// host's or of procfs comes to be there, or is mounted over.
    @Test func cve2025_52565TheConsoleIsTheTerminalAndNothingElse() throws {
        let bundle = try TemporaryBundle { $0.process.terminal = true }
        let target = try Target(bundle)
        bundle.spec.mounts.elements.removeAll { $0.destination == "/dev" }
        try FileManager.default.createDirectory(atPath: "\(bundle.rootfs)/dev/pts", withIntermediateDirectories: true)
        try makeLink(at: "\(bundle.rootfs)/dev/console", to: target.file)
        try bundle.writeFile("/dev/other", "")
        bundle.spec.process.args = ["/bin/sh", "-c", "stat -L -c %F /dev/console; echo evil > /dev/console"]
        #expect(try bundle.run().output.contains("character special file"))
        try exchanging("\(bundle.rootfs)/dev/console", "\(bundle.rootfs)/dev/other") {
            for _ in 0..<Self.rounds {
                _ = try bundle.run()
                try target.expectUntouched()
            }
        }
        let hosts = MountTable.current().entries.filter { $0.point.contains(target.folder) }
        #expect(hosts.isEmpty)
    }

    /// CVE-2025-52881: writes of the runtime to procfs (labels, sysctls, oom_score_adj) are redirected by a procfs of the
    /// image's making: to harmless files, so that a label is missing, or to dangerous ones as sysrq-trigger.
    @Test func cve2025_52881WritesToProcfsDoNotGoThroughTheContainersProc() throws {
        let bundle = try TemporaryBundle {
            $0.linux.sysctl = ["kernel.domainname": "mvt.example", "net.ipv4.ip_forward": "1"]
            $0.process.oomScoreAdj = 321
        }
        let target = try Target(bundle)
        // The image's own "procfs": nothing is mounted over it.
        bundle.spec.mounts.elements.removeAll { $0.destination == "/proc" }
        for file in ["sys/kernel/domainname", "sys/net/ipv4/ip_forward", "self/oom_score_adj", "self/attr/exec"] {
            let path = "\(bundle.rootfs)/proc/\(file)"
            let parent = (path as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
            symlink(target.file, path)
        }
        bundle.spec.mount("/real", type: "proc", source: "proc")
        let paths = "/real/sys/kernel/domainname /real/sys/net/ipv4/ip_forward /real/self/oom_score_adj"
        let outcome = try bundle.shell("cat \(paths)")
        #expect(outcome.output == "mvt.example\n1\n321\n", "\(outcome)")
        try target.expectUntouched()
    }

    /// CVE-2025-52881 and CVE-2019-16884, by a race: a component of the place where procfs is mounted is exchanged for a link.
    @Test func cve2025_52881AProcThatIsExchangedIsNotMountedElsewhere() throws {
        let bundle = try TemporaryBundle { $0.linux.sysctl = ["kernel.domainname": "mvt.example"] }
        let target = try Target(bundle)
        try makeLink(at: "\(bundle.rootfs)/other", to: target.folder)
        try exchanging("\(bundle.rootfs)/proc", "\(bundle.rootfs)/other") {
            for _ in 0..<Self.rounds {
                let outcome = try bundle.shell("cat /proc/sys/kernel/domainname; [ -e /proc/secret ] && echo seen")
                #expect(!outcome.output.contains("seen") && !outcome.output.contains("secret"), "\(outcome)")
                try target.expectUntouched()
            }
        }
    }

    // MARK: Privileges

    /// CVE-2022-29162 and CVE-2022-27650: what exec adds has capabilities that are inheritable, so that a program of another
    /// user with file capabilities gains them.
    @Test func cve2022_29162AnExecHasNoInheritableCapabilities() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            for options in [[], ["--cap", "CAP_NET_RAW"], ["--cap", "CAP_NET_RAW", "--user", "1000"]] {
                let outcome = try bundle.exec("/bin/grep", "CapInh", "/proc/self/status", options: options)
                #expect(outcome.line.hasSuffix("0000000000000000"), "\(options): \(outcome)")
            }
        }
    }

    /// CVE-2025-24965: crun's krun handler wrote /.krun_config.json into the root file system, and followed a link there to
    /// the host.
    ///
    /// mvrun writes nothing into it.
    @Test(.requires(.mvrun)) func cve2025_24965NoFileIsWrittenThroughALinkOfTheImages() throws {
        let bundle = try TemporaryBundle { $0.annotations = ["run.oci.handler": "krun"] }
        let target = try Target(bundle)
        try makeLink(at: "\(bundle.rootfs)/.krun_config.json", to: target.file)
        for name in [".krun_vm.json", ".mvrun", ".mvrun.json"] {
            try makeLink(at: "\(bundle.rootfs)/\(name)", to: "\(target.folder)/made")
        }
        // With a virtual machine, where there can be one, and without.
        _ = try bundle.run(timeout: 120)
        try target.expectUntouched()
        _ = try bundle.run(options: ["--isolation", "container"])
        try target.expectUntouched()
    }

    /// CVE-2026-47766: device nodes and links of /dev are made through a link of the image's, here one that is exchanged.
    @Test func cve2026_47766DevThatIsExchangedLeavesTheHostAlone() throws {
        let bundle = try TemporaryBundle { $0.linux.devices = [["type": "p", "path": "/dev/deep/x"]] }
        let target = try Target(bundle)
        bundle.spec.mounts.elements.removeAll { $0.destination.text?.hasPrefix("/dev") == true }
        try makeLink(at: "\(bundle.rootfs)/other", to: target.folder)
        try exchanging("\(bundle.rootfs)/dev", "\(bundle.rootfs)/other") {
            for _ in 0..<Self.rounds {
                _ = try bundle.run(["/bin/true"])
                try target.expectUntouched()
            }
        }
    }
}
