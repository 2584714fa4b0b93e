import Foundation
import TestSupport
import Testing

/// The monitor of a running virtual machine as the host sees it: what a guest finds that has taken it over.
///
/// docs/security.md says what each limit is for.
@Suite(.serialized, .requires(.root, .mvrun, .bootingKVM, .guestKernel)) struct GuestJailTests {
    /// A running machine of two processors with a root file system, a folder to write to and one to read.
    private final class Machine {
        let bundle: TemporaryBundle
        let monitor: Int
        var process: String { "/proc/\(monitor)" }

        init(processors: Int = 2) throws {
            bundle = try TemporaryBundle { $0.vm = ["hwConfig": ["vcpus": JSON(processors), "memory": 268_435_456]] }
            for (name, option) in [("written", "rw"), ("fixed", "ro")] {
                try FileManager.default.createDirectory(
                    atPath: bundle.path(name), withIntermediateDirectories: true)
                bundle.spec.mounts.append([
                    "destination": .string("/" + name), "type": "bind", "source": .string(bundle.path(name)),
                    "options": ["rbind", .string(option)],
                ])
            }
            bundle.spec.process.args = [
                "/bin/sh", "-c", "echo up > /written/up; while :; do sleep 0.2; done",
            ]
            try bundle.writeConfiguration()
            bundle.wrapper = ["sh", "-c", "exec \"$@\" < /dev/null > /dev/null 2>&1", "sh"]
            let words = ["run", "--detach", "--isolation", "vm", "--bundle", bundle.directory, bundle.identifier]
            let made = try bundle.call(words, timeout: 180)
            bundle.wrapper = []
            try #require(made.succeeded, "\(made)")
            monitor = try #require(try bundle.state().pid.number)
            let mark = bundle.path("written") + "/up"
            try #require(eventually(timeout: 60) { FileManager.default.fileExists(atPath: mark) })
        }

        deinit { _ = try? bundle.call(["delete", "--force", bundle.identifier]) }

        func text(_ name: String) throws -> String {
            try String(contentsOfFile: "\(process)/\(name)", encoding: .utf8)
        }

        /// The fields of a status file, proc_pid_status(5).
        func status(_ name: String) throws -> [String: String] {
            var fields: [String: String] = [:]
            for line in try text(name).split(separator: "\n") {
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts.count == 2 { fields[String(parts[0])] = parts[1].trimmingCharacters(in: .whitespaces) }
            }
            return fields
        }

        func links(in directory: String) throws -> [String: String] {
            var links: [String: String] = [:]
            for name in try FileManager.default.contentsOfDirectory(atPath: "\(process)/\(directory)") {
                // One that closes meanwhile is none.
                links[name] = try? FileManager.default.destinationOfSymbolicLink(
                    atPath: "\(process)/\(directory)/\(name)")
            }
            return links
        }
    }

    @Test func whoTakesTheMonitorOverFindsNothingButTheShares() throws {
        let machine = try Machine()
        try everyThreadHasItsFilterAndNoPrivilegesBeyondItsFiles(machine)
        try itsLimitsAndItsEnvironmentAreThePlans(machine)
        try itsNamespacesAreItsOwn(machine)
        try nothingIsOpenButWhatItWorksWith(machine)
        try itsRootHoldsItsProgramAndTheSharesAlone(machine)
    }

    private func everyThreadHasItsFilterAndNoPrivilegesBeyondItsFiles(_ machine: Machine) throws {
        var names: [String] = []
        for thread in try FileManager.default.contentsOfDirectory(atPath: machine.process + "/task") {
            let status = try machine.status("task/\(thread)/status")
            names.append(status["Name"] ?? "")
            #expect(status["Seccomp"] == "2", "\(status)")
            // The field is there since Linux 5.9.
            #expect(status["Seccomp_filters"] ?? "1" == "1", "\(status)")
            #expect(status["NoNewPrivs"] == "1")
            // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETGID, SETUID, MKNOD and SETFCAP, of its user namespace alone. The file
            // server gives some of them up now and then.
            for set in ["CapPrm", "CapBnd"] { #expect(status[set] == "00000000880000db", "\(set)") }
            let effective = UInt64(status["CapEff"] ?? "", radix: 16) ?? .max
            #expect(effective & ~0x8800_00DB == 0)
            for set in ["CapInh", "CapAmb"] { #expect(status[set] == "0000000000000000", "\(set)") }
        }
        #expect(names.sorted() == ["files", "mvrun-vmm", "vcpu0", "vcpu1"])
    }

    private func itsLimitsAndItsEnvironmentAreThePlans(_ machine: Machine) throws {
        var limits: [String: [Substring]] = [:]
        for line in try machine.text("limits").split(separator: "\n").dropFirst() {
            limits[line.prefix(26).trimmingCharacters(in: .whitespaces)] = line.dropFirst(26).split(separator: " ")
        }
        for name in [
            "Max core file size", "Max locked memory", "Max msgqueue size", "Max nice priority",
            "Max realtime priority",
        ] { #expect(limits[name]?.prefix(2) == ["0", "0"], "\(name): \(limits)") }
        #expect(limits["Max open files"]?.prefix(2) == ["32768", "32768"], "\(limits)")
        let environment = try machine.text("environ").split(separator: "\0")
        #expect(environment == ["SWIFT_BACKTRACE=enable=off", "HOME=/"], "\(environment)")
        #expect(try machine.text("cmdline") == "/mvrun-vmm\0")
        #expect(try machine.links(in: ".")["cwd"] == "/")
    }

    private func itsNamespacesAreItsOwn(_ machine: Machine) throws {
        let its = try machine.links(in: "ns")
        for kind in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"] {
            let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(kind)")
            #expect(its[kind] != nil && its[kind] != own, "\(kind)")
        }
        // In its network there is a loopback that is down, and nothing that listens.
        let devices = try machine.text("net/dev").split(separator: "\n").dropFirst(2)
        #expect(devices.count == 1 && devices.first?.contains("lo:") == true, "\(devices)")
    }

    private func nothingIsOpenButWhatItWorksWith(_ machine: Machine) throws {
        let kinds = [
            "anon_inode:[eventfd]", "anon_inode:[eventpoll]", "anon_inode:[signalfd]", "anon_inode:[timerfd]",
            "anon_inode:kvm-vm", "anon_inode:kvm-vcpu:0", "anon_inode:kvm-vcpu:1", "/dev/kvm", "/dev/null",
        ]
        var shares = 0
        for (number, target) in try machine.links(in: "fd") {
            if kinds.contains(target) || target.hasPrefix("socket:[") || target.hasPrefix("pipe:[") { continue }
            if target.hasSuffix("/statm") || target.hasSuffix("/console") || target.hasSuffix("/console.log") {
                continue
            }
            // What the guest has open at the moment.
            if target.hasPrefix("/shares/") { continue }
            // Directories and names without access to any content, O_PATH: the shares, and /proc/self/fd.
            let information = try machine.status("fdinfo/\(number)")
            let flags = Int(information["flags"] ?? "", radix: 8) ?? 0
            #expect(flags & 0o10_000_000 != 0, "\(number) is \(target)")
            shares += 1
        }
        #expect(shares >= 1)
    }

    private func itsRootHoldsItsProgramAndTheSharesAlone(_ machine: Machine) throws {
        let root = try FileManager.default.contentsOfDirectory(atPath: machine.process + "/root")
        #expect(Set(root).isSubset(of: ["mvrun-vmm", "proc", "shares", "dev"]), "\(root)")
        let mounts = MountTable(try machine.text("mountinfo")).entries
        let points = mounts.map(\.point)
        #expect(points == ["/", "/mvrun-vmm", "/shares/0", "/shares/1", "/shares/2", "/proc"], "\(points)")
        for mount in mounts {
            let isWritable = ["/shares/0", "/shares/1"].contains(mount.point)
            #expect(mount.options.contains("ro") == !isWritable, "\(mount)")
            if mount.point != "/" {
                #expect(mount.options.contains("nosuid") && mount.options.contains("nodev"), "\(mount)")
            }
            if mount.point != "/", mount.point != "/mvrun-vmm" { #expect(mount.options.contains("noexec"), "\(mount)") }
        }
        let proc = try #require(mounts.last)
        #expect(proc.type == "proc" && proc.superOptions.contains { $0.hasPrefix("hidepid=") }, "\(proc)")
    }

    /// A wait that a frozen cgroup interrupts goes on by restart_syscall(2), which the filters know.
    @Test func manyProcessorsOutliveAPause() throws {
        let machine = try Machine(processors: 12)
        let id = machine.bundle.identifier
        for _ in 0..<3 {
            try machine.bundle.succeed("pause", id)
            try machine.bundle.succeed("resume", id)
        }
        let outcome = try machine.bundle.call(
            ["exec", id, "/bin/grep", "-c", "^processor", "/proc/cpuinfo"], timeout: 60)
        #expect(outcome.line == "12", "\(outcome)")
        try machine.bundle.succeed("kill", id, "KILL")
        #expect(eventually(timeout: 60) { (try? machine.bundle.state().status) == "stopped" })
    }

    /// What every opcode of the file server does, by the shortest way to it.
    private static let fileWork = """
        import ctypes, errno, fcntl, os, socket, stat
        os.chdir("/work")
        f = os.open("a", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
        os.write(f, b"0123456789" * 1000); os.fsync(f); os.fdatasync(f); os.ftruncate(f, 5000); os.posix_fallocate(f, 0, 20000)
        os.lseek(f, 0, os.SEEK_HOLE); os.fchmod(f, 0o6755); os.chown("a", 1000, 1000); os.utime("a", (1, 2))
        g = os.open("b", os.O_RDWR | os.O_CREAT, 0o600); os.copy_file_range(f, g, 1000); fcntl.flock(g, fcntl.LOCK_EX)
        fcntl.lockf(g, fcntl.LOCK_EX)
        os.truncate("b", 7); os.link("a", "c"); os.symlink("a", "l"); os.readlink("l"); os.rename("c", "d")
        os.mkdir("e", 0o777); os.rename("d", "e/d"); os.mkfifo("p"); os.listdir("e"); os.statvfs("."); os.access("a", os.R_OK)
        libc = ctypes.CDLL(None, use_errno=True)
        libc.renameat2(-100, b"a", -100, b"b", 2)
        libc.syncfs(f)
        # Not every file system of a host has them.
        libc.setxattr(b"b", b"user.k", b"v", 1, 0); libc.getxattr(b"b", b"user.k", None, 0); os.listxattr("b")
        libc.removexattr(b"b", b"user.k")
        # Guests have it from Linux 6.2 on.
        try:
            t = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600)
            libc.linkat(-100, f"/proc/self/fd/{t}".encode(), -100, b"from-nothing", 0x400); os.stat("from-nothing")
        except OSError as error: assert error.errno == errno.EOPNOTSUPP, error
        socket.socket(socket.AF_UNIX).bind("s")
        os.mkdir("owned"); os.chown("owned", 1000, 1000); os.chmod("owned", 0o2777)
        if os.fork() == 0:
            os.setgroups([1000, 2000]); os.setgid(1000); os.setuid(1000); os.umask(0o27)
            h = os.open("owned/of-a-user", os.O_RDWR | os.O_CREAT, 0o666); os.write(h, b"x"); os.mkdir("owned/folder")
            i = os.open("b", os.O_WRONLY); os.write(i, b"drops bits")
            os._exit(0)
        os.wait()
        for name in ("l", "p", "s", "e/d"): os.unlink(name)
        os.rmdir("e"); os.close(f); os.sync()
        for name in ("etc/passwd", "usr/made"):
            try: os.open("/" + name, os.O_RDWR | os.O_CREAT); raise SystemExit(1)
            except OSError as error: assert error.errno == errno.EROFS, error
        out = socket.socket(socket.AF_VSOCK); out.connect((2, 53)); out.sendall(b"from the guest"); out.shutdown(socket.SHUT_WR)
        heard = out.recv(100)
        listener = socket.socket(socket.AF_VSOCK); listener.bind((socket.VMADDR_CID_ANY, 5200)); listener.listen()
        open("listening", "w").close()
        caller = listener.accept()[0]; caller.sendall(caller.recv(100)); caller.close()
        print("done", heard.decode(), os.stat("owned/of-a-user").st_uid, oct(os.stat("b").st_mode & 0o7777))
        """

    /// A program of the host that the guest connects to, and that connects to the guest.
    private static let hostWork = """
        import os, socket, sys, time
        directory, work = sys.argv[1:]
        while not os.path.isdir(directory): time.sleep(0.01)
        listener = socket.socket(socket.AF_UNIX); listener.bind(directory + "/vsock.sock_53"); listener.listen()
        guest = listener.accept()[0]; said = b""
        while part := guest.recv(100): said += part
        guest.sendall(said[::-1]); guest.close()
        while not os.path.exists(work + "/listening"): time.sleep(0.01)
        caller = socket.socket(socket.AF_UNIX); caller.connect(directory + "/vsock.sock"); caller.sendall(b"CONNECT 5200\\n")
        answer = caller.recv(100); caller.sendall(b"from the host")
        print(answer.split()[0].decode(), caller.recv(100).decode())
        """

    @Test(.requires(.program("python3"))) func whatFileServersAndSocketsDoIsLetThrough() throws {
        let bundle = try TemporaryBundle()
        for path in ["/bin", "/lib", "/lib64", "/usr", "/etc"] {
            try? FileManager.default.removeItem(atPath: bundle.rootfs + path)
            if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) {
                try FileManager.default.createSymbolicLink(
                    atPath: bundle.rootfs + path, withDestinationPath: target)
            } else if FileManager.default.fileExists(atPath: path) {
                bundle.spec.mount(path, type: "bind", source: path, options: ["bind", "ro"])
            }
        }
        let work = bundle.path("work")
        try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: true)
        bundle.spec.mount("/work", type: "bind", source: work, options: ["bind", "rw"])
        bundle.spec.process.capabilities = [:]
        for set in ["bounding", "effective", "permitted"] {
            bundle.spec.process.capabilities[set] = [
                "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD", "CAP_SETGID", "CAP_SETUID",
            ]
        }
        bundle.spec.process.args = ["/usr/bin/python3", "-c", .string(Self.fileWork)]
        try bundle.writeConfiguration()
        let host = try ChildProcess([
            "/usr/bin/python3", "-c", Self.hostWork, "\(bundle.stateRoot)/\(bundle.identifier)/vsock", work,
        ])
        let outcome = try bundle.call(
            ["run", "--isolation", "vm", "--vsock", "--bundle", bundle.directory, bundle.identifier], timeout: 300)
        #expect(outcome.line == "done tseug eht morf 1000 0o755", "\(outcome)")
        let other = host.finish(timeout: 60)
        #expect(other.line == "OK from the host", "\(other)")
    }
}
