import Foundation
import TestSupport
import Testing

/// runtime-spec, config-linux.md, "Seccomp".
@Suite(.requires(.root)) struct SeccompTests {
    /// System call numbers of x86-64 that the programs of the test need for nothing else.
    private static let getpriority = "140"
    private static let personality = "135"

    private func bundle(_ rules: JSON, _ change: (inout JSON) -> Void = { _ in }) throws -> TemporaryBundle {
        try TemporaryBundle {
            $0.linux.seccomp = [
                "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": rules,
            ]
            change(&$0)
        }
    }

    private func result(_ bundle: TemporaryBundle, _ arguments: String...) throws -> String? {
        let outcome = try bundle.run(["/bin/probe", "syscall"] + arguments)
        return outcome.succeeded ? Report(outcome.output)["result"] : "\(outcome.status)"
    }

    @Test func errnoAnswersWithEPERM() throws {
        let bundle = try bundle([["names": ["getpriority"], "action": "SCMP_ACT_ERRNO"]])
        #expect(try result(bundle, Self.getpriority, "0", "0") == "EPERM")
        #expect(try bundle.probe("capabilities")["seccomp"] == "2")
    }

    @Test func errnoRetChoosesTheErrno() throws {
        let bundle = try bundle([["names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38]])
        #expect(try result(bundle, Self.getpriority, "0", "0") == "ENOSYS")
        let other = try self.bundle([["names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 117]])
        #expect(try result(other, Self.getpriority, "0", "0") == "EUCLEAN")
    }

    @Test(arguments: ["SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"])
    func killAndTrapEndTheProgramWithSIGSYS(action: String) throws {
        let bundle = try bundle([["names": ["getpriority"], "action": .string(action)]])
        // As a child of the shell, because the first process of a namespace is spared the signal of a trap.
        let outcome = try bundle.shell("/bin/probe syscall \(Self.getpriority) 0 0; echo $?")
        #expect(outcome.line == "159", "\(outcome)")
    }

    @Test(arguments: [("SCMP_ACT_LOG", "ok"), ("SCMP_ACT_TRACE", "ENOSYS"), ("SCMP_ACT_ALLOW", "ok")])
    func theOtherActionsDoWhatTheKernelSays(action: String, expected: String) throws {
        #expect(
            try result(bundle([["names": ["getpriority"], "action": .string(action)]]), Self.getpriority, "0", "0")
                == expected)
    }

    @Test(arguments: [
        ("SCMP_CMP_EQ", [0, 7, 0]), ("SCMP_CMP_NE", [8, 0, 8]), ("SCMP_CMP_LT", [6, 0, 0]), ("SCMP_CMP_LE", [6, 7, 0]),
        ("SCMP_CMP_GE", [0, 7, 8]), ("SCMP_CMP_GT", [0, 0, 8]),
    ])
    func anArgumentIsComparedAsTheSpecSays(comparison: String, denied: [Int]) throws {
        let condition: JSON = ["index": 1, "value": 7, "op": .string(comparison)]
        let bundle = try bundle([
            ["names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 117, "args": [condition]]
        ])
        for (index, value) in [6, 7, 8].enumerated() {
            let seen = try result(bundle, Self.getpriority, "3", "\(value)")
            #expect((seen == "EUCLEAN") == (denied[index] != 0), "\(comparison) \(value): \(seen ?? "")")
        }
    }

    @Test func anArgumentIsComparedUnderAMask() throws {
        let condition: JSON = ["index": 0, "value": 0xF0, "valueTwo": 0x20, "op": "SCMP_CMP_MASKED_EQ"]
        let bundle = try bundle([
            ["names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 117, "args": [condition]]
        ])
        #expect(try result(bundle, Self.personality, "0x2f") == "EUCLEAN")
        #expect(try result(bundle, Self.personality, "0xffffffff") == "ok")
    }

    @Test func conditionsOnSeveralArgumentsAllHaveToHold() throws {
        let conditions: JSON = [
            ["index": 0, "value": 3, "op": "SCMP_CMP_EQ"], ["index": 1, "value": 5, "op": "SCMP_CMP_EQ"],
        ]
        let bundle = try bundle([
            ["names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 117, "args": conditions]
        ])
        #expect(try result(bundle, Self.getpriority, "3", "5") == "EUCLEAN")
        #expect(try result(bundle, Self.getpriority, "3", "6") != "EUCLEAN")
        #expect(try result(bundle, Self.getpriority, "4", "5") != "EUCLEAN")
    }

    @Test func theDefaultActionAndItsErrnoAreTheSpecs() throws {
        // A list of what the probe needs; anything else gets the default answer.
        let needed: JSON = [
            "execve", "execveat", "brk", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64",
            "readlink",
            "readlinkat", "getrandom", "mprotect", "write", "newfstatat", "fstat", "exit_group", "mmap", "munmap",
            "ioctl",
            "close", "close_range", "read", "openat", "fcntl", "futex", "uname", "access", "capget", "capset", "prctl",
            "setuid", "setgid", "setgroups", "chdir",
            "fchdir", "statfs", "fstatfs", "getdents64", "epoll_ctl", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
            "sigaltstack", "gettid",
            "getpid", "getppid", "tgkill", "nanosleep", "clone", "clone3", "sched_yield", "madvise", "epoll_pwait",
            "stat", "dup3", "dup", "dup2",
            "umask", "seccomp", "setresuid", "setresgid", "lseek", "pread64", "poll", "ppoll",
        ]
        let bundle = try TemporaryBundle {
            $0.linux.seccomp = [
                "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 117, "architectures": ["SCMP_ARCH_X86_64"],
                "syscalls": [["names": needed, "action": "SCMP_ACT_ALLOW"]],
            ]
        }
        #expect(try result(bundle, Self.getpriority, "0", "0") == "EUCLEAN")
    }

    @Test func aSystemCallNewerThanTheProfileAnswersENOSYS() throws {
        // A profile cannot mean what was not yet known when it was written, and programs probe for new calls by ENOSYS.
        let profile = try String(
            contentsOfFile: "\(RuntimeUnderTest.repository)/Specs/seccomp-docker-default.json", encoding: .utf8)
        let bundle = try TemporaryBundle { $0.linux.seccomp = try JSON(parsing: profile) }
        #expect(try result(bundle, "1000") == "ENOSYS")
        // swapon is known to the profile's libseccomp and not in its list.
        #expect(try result(bundle, "167", "0", "0") == "EPERM")
    }

    @Test func theDefaultProfileOfDockerLetsAShellWork() throws {
        let profile = try String(
            contentsOfFile: "\(RuntimeUnderTest.repository)/Specs/seccomp-docker-default.json", encoding: .utf8)
        let bundle = try TemporaryBundle { $0.linux.seccomp = try JSON(parsing: profile) }
        let outcome = try bundle.shell("ls / | grep -c bin; cat /etc/passwd | wc -l; sleep 0.01; echo $((1+1))")
        #expect(outcome.output == "1\n3\n2\n", "\(outcome)")
    }

    @Test func aRuleHoldsForEveryArchitectureOfTheProfile() throws {
        let bundle = try bundle([["names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 117]]) {
            $0.linux.seccomp.architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
        }
        let seen = try bundle.probe("syscall-32", "96", "0", "0")
        #expect(seen["value"] == "-117")
    }

    @Test func anArchitectureThatIsNotInTheProfileIsKilled() throws {
        let bundle = try bundle([["names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 117]])
        let outcome = try bundle.shell("/bin/probe syscall-32 20; echo $?")
        #expect(outcome.line == "159", "\(outcome)")
    }

    @Test(arguments: [
        [], ["SECCOMP_FILTER_FLAG_LOG"], ["SECCOMP_FILTER_FLAG_TSYNC"], ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
    ])
    func aFilterIsInForceWithEachFlag(flags: [String]) throws {
        let bundle = try bundle([["names": ["getpriority"], "action": "SCMP_ACT_ERRNO"]]) {
            $0.linux.seccomp.flags = JSON(flags)
        }
        #expect(try result(bundle, Self.getpriority, "0", "0") == "EPERM")
    }

    @Test func theFilterIsLoadedWithoutNoNewPrivilegesToo() throws {
        let bundle = try bundle([["names": ["getpriority"], "action": "SCMP_ACT_ERRNO"]]) {
            $0.process.noNewPrivileges = false
        }
        #expect(try result(bundle, Self.getpriority, "0", "0") == "EPERM")
        #expect(try bundle.probe("capabilities")["noNewPrivileges"] == "0")
    }

    @Test func anExecIsUnderTheSameFilter() throws {
        let bundle = try bundle([["names": ["getpriority"], "action": "SCMP_ACT_ERRNO"]])
        try bundle.withRunning { _ throws in
            let outcome = try bundle.exec("/bin/probe", "syscall", Self.getpriority, "0", "0")
            #expect(Report(outcome.output)["result"] == "EPERM", "\(outcome)")
        }
    }

    @Test func aChangedProfileIsNotAnsweredFromACache() throws {
        for (errno, name) in [(117, "EUCLEAN"), (38, "ENOSYS"), (117, "EUCLEAN")] {
            let rules: JSON = [["names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": JSON(errno)]]
            #expect(try result(bundle(rules), Self.getpriority, "0", "0") == name)
        }
    }

    @Test func aSystemCallThatNobodyKnowsIsPassedOver() throws {
        let bundle = try bundle([["names": ["no_such_call", "getpriority"], "action": "SCMP_ACT_ERRNO"]])
        #expect(try result(bundle, Self.getpriority, "0", "0") == "EPERM")
    }

    @Test func unknownWordsAreRefusedWithTheirPath() throws {
        let action = try bundle([["names": ["getpriority"], "action": "SCMP_ACT_SHRUG"]])
        expectRefusal(try action.run(), naming: "linux.seccomp.syscalls[0].action", "SCMP_ACT_SHRUG")
        let comparison = try bundle([
            [
                "names": ["getpriority"], "action": "SCMP_ACT_ERRNO",
                "args": [["index": 0, "value": 1, "op": "SCMP_CMP_LIKE"]],
            ]
        ])
        expectRefusal(try comparison.run(), naming: "linux.seccomp.syscalls[0].args[0].op")
        let architecture = try bundle([]) { $0.linux.seccomp.architectures = ["SCMP_ARCH_ABACUS"] }
        expectRefusal(try architecture.run(), naming: "linux.seccomp.architectures[0]")
        let flag = try bundle([]) { $0.linux.seccomp.flags = ["SECCOMP_FILTER_FLAG_WAVE"] }
        expectRefusal(try flag.run(), naming: "linux.seccomp.flags[0]")
    }
}
