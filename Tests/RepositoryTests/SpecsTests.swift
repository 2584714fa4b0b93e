import Foundation
import Testing

/// The files of Specs say the same things where they mean the same.
@Suite struct SpecsTests {
    private func file(_ name: String) throws -> JSONFile {
        try JSONFile(Repository.root.appending(path: "Specs/\(name)"))
    }

    @Test func theSandboxCarriesDockersProfile() throws {
        let sandbox = try file("sandbox.json")
        let profile = try file("seccomp-docker-default.json")
        for name in ["defaultAction", "defaultErrnoRet", "architectures", "syscalls"] {
            let value = try #require(profile[name] as? NSObject)
            #expect(sandbox["linux.seccomp.\(name)"] as? NSObject == value)
        }
    }

    @Test func theProfileNamesEachUnconditionalSystemCallOnce() throws {
        let rules = try #require(try file("seccomp-docker-default.json")["syscalls"] as? [NSDictionary])
        let unconditional = rules.filter { $0["args"] == nil }.flatMap { $0["names"] as? [String] ?? [] }
        #expect(unconditional.count > 300)
        #expect(Set(unconditional).count == unconditional.count)
        let first = try #require(rules.first?["names"] as? [String])
        #expect(first == first.sorted())
    }

    @Test func theSandboxLeavesNothingToWriteToOrToReach() throws {
        let sandbox = try file("sandbox.json")
        #expect(sandbox["root.readonly"] as? Bool == true)
        #expect(sandbox["process.noNewPrivileges"] as? Bool == true)
        let sets = try #require(sandbox["process.capabilities"] as? [String: [String]])
        #expect(sets.count == 5 && sets.values.allSatisfy { $0.isEmpty })
        let namespaces = try #require(sandbox["linux.namespaces"] as? [[String: String]])
        #expect(
            Set(namespaces) == [
                ["type": "pid"], ["type": "network"], ["type": "ipc"], ["type": "uts"], ["type": "mount"],
                ["type": "cgroup"],
            ])
    }
}
