import Foundation
import TestSupport
import Testing

/// runtime-spec, features.md: what the runtime says of itself is what it does.
@Suite(.requires(.root, .verb("features"))) struct FeaturesTests {
    private let features = RuntimeUnderTest.current.features

    private func strings(_ value: JSON) -> [String] { value.elements.compactMap(\.text) }

    @Test func theSupportedVersionsAreAccepted() throws {
        for version in [features.ociVersionMin, features.ociVersionMax] {
            let text = try #require(version.text)
            let outcome = try TemporaryBundle { $0.ociVersion = .string(text) }.run()
            #expect(outcome.succeeded, "\(text): \(outcome)")
        }
    }

    @Test func everyHookItNamesRuns() throws {
        let hooks = strings(features.hooks)
        #expect(
            Set(hooks) == ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"])
        let bundle = try TemporaryBundle()
        for hook in hooks {
            let folder = hook == "startContainer" ? "/tmp" : "\(bundle.rootfs)/tmp"
            bundle.spec.hooks[hook] = [
                ["path": "/bin/sh", "args": ["sh", "-c", .string("echo x > \(folder)/\(hook)")]]
            ]
        }
        #expect(try bundle.run().succeeded)
        #expect(try names(in: "\(bundle.rootfs)/tmp") == hooks.sorted())
    }

    @Test func everyMountOptionItNamesIsTaken() throws {
        let options = strings(features.mountOptions)
        #expect(options.count > 50 && options.contains("rro") && options.contains("tmpcopyup"))
        // Each kind of option takes a mount that it can mean something for.
        let special = ["idmap", "ridmap", "bind", "rbind", "remount", "tmpcopyup", "loud", "silent", "mand", "nomand"]
        let plain = options.filter { !special.contains($0) }
        // A guest takes several at once, since each boots a kernel.
        let count = RuntimeUnderTest.current.isolation == .vm ? 8 : 1
        for start in stride(from: 0, to: plain.count, by: count) {
            let some = plain[start...].prefix(count)
            let bundle = try TemporaryBundle()
            let source = try bundle.folder("source")
            for option in some {
                bundle.spec.mount("/mnt/\(option)", type: "bind", source: source, options: ["rbind", option])
            }
            let outcome = try bundle.run()
            #expect(outcome.succeeded, "\(some): \(outcome)")
        }
    }

    @Test func everyNamespaceItNamesIsMade() throws {
        let namespaces = strings(features.linux.namespaces)
        #expect(Set(namespaces) == ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"])
    }

    @Test func everyCapabilityItNamesIsKnown() throws {
        let capabilities = strings(features.linux.capabilities)
        #expect(capabilities.contains("CAP_CHECKPOINT_RESTORE") && capabilities.count == 41)
        let bundle = try TemporaryBundle { $0.process.capabilities = ["bounding": JSON(capabilities)] }
        bundle.wrapper = ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource"]
        let outcome = try bundle.run(["/bin/probe", "capabilities"])
        // The one that the caller lacks is the guest's kernel's to give.
        let expected = RuntimeUnderTest.current.isolation == .vm ? "1ffffffffff" : "1fffeffffff"
        #expect(Report(outcome.output)["bounding"] == expected, "\(outcome)")
        #expect(!outcome.errors.contains("CAP_CHECKPOINT_RESTORE"))
    }

    @Test func everyWordOfSeccompItNamesIsTaken() throws {
        let seccomp = features.linux.seccomp
        #expect(seccomp.enabled == true)
        for action in strings(seccomp.actions) where action != "SCMP_ACT_NOTIFY" {
            let rule: JSON = ["names": ["getpriority"], "action": .string(action)]
            let outcome = try TemporaryBundle {
                $0.linux.seccomp = ["defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]]
            }.run()
            #expect(outcome.succeeded, "\(action): \(outcome)")
        }
        for operation in strings(seccomp.operators) {
            let condition: JSON = ["index": 0, "value": 99, "valueTwo": 99, "op": .string(operation)]
            let rule: JSON = ["names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "args": [condition]]
            let outcome = try TemporaryBundle {
                $0.linux.seccomp = ["defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]]
            }.run()
            #expect(outcome.succeeded, "\(operation): \(outcome)")
        }
        let native = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
        #expect(Set(native).isSubset(of: strings(seccomp.archs)))
        for (words, key) in [(native, "architectures"), (strings(seccomp.supportedFlags), "flags")] {
            // That flag is for profiles that notify alone.
            for word in words where word != "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" {
                let outcome = try TemporaryBundle {
                    $0.linux.seccomp = [
                        "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                        "syscalls": [["names": ["getpriority"], "action": "SCMP_ACT_ERRNO"]],
                    ]
                    $0.linux.seccomp[key].append(.string(word))
                }.run()
                #expect(outcome.succeeded, "\(word): \(outcome)")
            }
        }
    }

    @Test func theRestSaysYesToWhatTheOtherTestsShow() throws {
        let linux = features.linux
        #expect(linux.cgroup.v1 == true && linux.cgroup.v2 == true)
        #expect(linux.mountExtensions.idmap.enabled == true)
        #expect(linux.apparmor.enabled != .null && linux.selinux.enabled != .null)
        #expect(linux.netDevices.enabled == true)
    }
}
