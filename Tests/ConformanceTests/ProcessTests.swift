import Foundation
import TestSupport
import Testing

/// runtime-spec, config.md, "Process".
@Suite(.requires(.root)) struct ProcessTests {
    @Test func theProgramGetsItsArgumentsUnchanged() throws {
        let bundle = try TemporaryBundle()
        let seen = try bundle.probe("environment", "", "two words", "--flag=x", "ünï")
        #expect(seen["argument0"] == "" && seen["argument1"] == "two words")
        #expect(seen["argument2"] == "--flag=x" && seen["argument3"] == "ünï")
    }

    @Test func theEnvironmentIsTheOneOfTheSpecAndNothingOfTheRuntimes() throws {
        let bundle = try TemporaryBundle { $0.process.env = ["PATH=/bin", "HOME=/", "A=b=c", "EMPTY="] }
        let seen = try bundle.probe("environment")
        #expect(seen["A"] == "b=c" && seen["EMPTY"] == "")
        #expect(Set(seen.keys) == ["PATH", "HOME", "A", "EMPTY"])
    }

    @Test func theProgramIsLookedUpInThePathOfTheSpec() throws {
        let bundle = try TemporaryBundle { $0.process.env = ["PATH=/nowhere:/opt/tools"] }
        try bundle.writeFile("/opt/tools/greet", "#!/bin/sh\necho found\n", mode: 0o755)
        #expect(try bundle.run(["greet"]).line == "found")
    }

    @Test func homeComesFromThePasswdFileWhereTheSpecLeavesItOut() throws {
        let bundle = try TemporaryBundle {
            $0.process.env = ["PATH=/bin"]
            $0.process.user = ["uid": 1000, "gid": 1000]
        }
        #expect(try bundle.probe("environment")["HOME"] == "/home/user")
    }

    @Test func theWorkingDirectoryIsTheOneOfTheSpec() throws {
        let bundle = try TemporaryBundle { $0.process.cwd = "/usr/bin" }
        #expect(try bundle.probe("identity")["cwd"] == "/usr/bin")
    }

    @Test func aWorkingDirectoryThatIsMissingIsMade() throws {
        let bundle = try TemporaryBundle { $0.process.cwd = "/made/for/this" }
        #expect(try bundle.probe("identity")["cwd"] == "/made/for/this")
    }

    @Test func theFirstProcessOfAPidNamespaceIsTheProgramItself() throws {
        let bundle = try TemporaryBundle()
        #expect(try bundle.probe("identity")["pid"] == "1")
    }

    @Test(arguments: [true, false]) func noNewPrivilegesIsSetAsTheSpecSays(value: Bool) throws {
        let bundle = try TemporaryBundle { $0.process.noNewPrivileges = .bool(value) }
        #expect(try bundle.probe("capabilities")["noNewPrivileges"] == (value ? "1" : "0"))
    }

    @Test(arguments: [0, 500, 1000]) func theOomScoreAdjustmentIsTheOneOfTheSpec(value: Int) throws {
        let bundle = try TemporaryBundle { $0.process.oomScoreAdj = JSON(value) }
        #expect(try bundle.probe("scheduling")["oomScoreAdj"] == "\(value)")
    }

    @Test func anOomScoreAdjustmentThatThisHostCannotGrantIsNamed() throws {
        // Going below what one was given takes CAP_SYS_RESOURCE.
        let bundle = try TemporaryBundle { $0.process.oomScoreAdj = -900 }
        bundle.wrapper = ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource"]
        expectRefusal(try bundle.run(), naming: "process.oomScoreAdj")
    }

    @Test func noDescriptorOfTheRuntimesIsLeftOpen() throws {
        let bundle = try TemporaryBundle()
        let open = try bundle.probe("descriptors").keys
        #expect(open == ["0", "1", "2"])
    }

    @Test func signalsAreNeitherBlockedNorIgnored() throws {
        let bundle = try TemporaryBundle()
        let seen = try bundle.probe("signal-state")
        #expect(seen["blocked"] == "0" && seen["ignored"] == "0")
    }

    @Test func theSessionKeyringIsTheContainersOwn() throws {
        let first = try TemporaryBundle()
        let second = try TemporaryBundle()
        let mine = try first.probe("keyring")
        #expect(mine["description"]?.contains(first.identifier) == true)
        #expect(try second.probe("keyring")["keyring"] != mine["keyring"])
    }

    @Test func noNewKeyringKeepsTheCallersKeyring() throws {
        let bundle = try TemporaryBundle()
        let seen = try bundle.probe("keyring", options: ["--no-new-keyring"])
        #expect(seen["description"]?.contains(bundle.identifier) == false)
    }

    @Test func thePersonalityIsTheOneOfTheSpec() throws {
        let bundle = try TemporaryBundle { $0.linux.personality = ["domain": "LINUX32"] }
        #expect(try bundle.probe("scheduling")["personality"] == "8")
        #expect(try bundle.probe("uts")["machine"] == "i686")
    }

    @Test func anUnknownPersonalityIsRefusedByName() throws {
        let bundle = try TemporaryBundle { $0.linux.personality = ["domain": "LINUX128"] }
        expectRefusal(try bundle.run(), naming: "linux.personality.domain")
    }

    @Test(.requires(Requirement("a kernel without AppArmor") { !Requirement.appArmor.isMet() }))
    func anApparmorProfileOnAHostWithoutApparmorIsRefusedByName() throws {
        let bundle = try TemporaryBundle { $0.process.apparmorProfile = "docker-default" }
        expectRefusal(try bundle.run(), naming: "process.apparmorProfile")
    }

    /// Runs a body with a profile loaded, which bears the bundle's name.
    private func withProfile(_ bundle: TemporaryBundle, _ rules: String, _ body: () throws -> Void) throws {
        let profile = "profile \(bundle.identifier) flags=(attach_disconnected) { \(rules) }\n"
        let loaded = try ChildProcess.run(["apparmor_parser", "--replace"], input: Array(profile.utf8))
        try #require(loaded.succeeded, "\(loaded)")
        defer { _ = try? ChildProcess.run(["apparmor_parser", "--remove"], input: Array(profile.utf8)) }
        bundle.spec.process.apparmorProfile = .string(bundle.identifier)
        try body()
    }

    /// That of a virtual machine is on its monitor.
    @Test(.requires(.appArmor, .program("apparmor_parser"))) func theApparmorProfileIsInForce() throws {
        let bundle = try TemporaryBundle()
        try withProfile(bundle, "file, capability, signal, network, unix,") {
            let label = "\(bundle.identifier) (enforce)"
            if RuntimeUnderTest.current.isolation == .vm {
                try bundle.withRunning { _ throws in
                    let pid = try bundle.state().pid.number ?? 0
                    #expect(try String(contentsOfFile: "/proc/\(pid)/attr/current", encoding: .utf8) == label + "\n")
                }
            } else {
                let outcome = try bundle.run(["/bin/cat", "/proc/self/attr/current"])
                #expect(outcome.line == label, "\(outcome)")
                try bundle.withRunning { _ throws in
                    let entered = try bundle.call(["exec", bundle.identifier, "/bin/cat", "/proc/self/attr/current"])
                    #expect(entered.line == label, "\(entered)")
                }
            }
        }
    }

    @Test(.requires(.appArmor, .virtualMachine, .program("apparmor_parser")))
    func aProfileThatTheMonitorCannotWorkUnderIsNamed() throws {
        let bundle = try TemporaryBundle()
        try withProfile(bundle, "file, capability, signal,") {
            let outcome = try bundle.run(["/bin/true"])
            #expect(outcome.code == 125 && outcome.errors.contains("permission denied"), "\(outcome)")
            #expect(outcome.errors.contains("process.apparmorProfile"), "\(outcome)")
        }
    }

    @Test(.requires(.appArmor)) func anApparmorProfileThatIsNotLoadedIsNamed() throws {
        let bundle = try TemporaryBundle()
        bundle.spec.process.apparmorProfile = "no-such-profile"
        expectRefusal(try bundle.run(), naming: "process.apparmorProfile", "no-such-profile")
    }

    // A guest has file systems of its own, to which linux.mountLabel is a warning.
    @Test(arguments: RuntimeUnderTest.current.isolation == .vm ? ["process"] : ["process", "linux"])
    func anSELinuxLabelOnAHostWithoutSELinuxIsRefusedByName(section: String) throws {
        let key = section == "process" ? "selinuxLabel" : "mountLabel"
        let bundle = try TemporaryBundle { $0[section][key] = "system_u:object_r:container_t:s0" }
        expectRefusal(try bundle.run(), naming: "\(section).\(key)")
    }

    @Test func aProcessWithoutArgumentsIsRefusedByName() throws {
        let bundle = try TemporaryBundle { $0.process.args = [] }
        expectRefusal(try bundle.run(), naming: "process.args")
    }
}
