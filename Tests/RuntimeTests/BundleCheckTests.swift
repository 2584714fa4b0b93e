import Diagnostics
import JSON
import OCI
import Testing

@testable import Runtime

@Suite struct BundleCheckTests {
    private func check(_ text: String) throws -> BundleCheck {
        let document = try JSONDocument(reading: Array(text.utf8), limit: 1 << 20)
        return try BundleCheck(document, try Spec(document))
    }

    private func field(_ path: String, of check: BundleCheck) -> BundleCheck.Field? {
        check.fields.first { $0.path == path }
    }

    @Test func aMisspelledFieldIsIgnoredAndTheRightOneNamed() throws {
        let check = try check(
            """
            {"ociVersion": "1.2.0", "root": {"path": "rootfs"},
             "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}, "noNewPrivilege": true}}
            """)
        let found = field("process.noNewPrivilege", of: check)
        #expect(found?.verdict == .unknown)
        #expect(found?.reason?.contains("noNewPrivileges") == true)
        #expect(found?.line == 2)
        #expect(!check.isGood && check.canBeMade)
    }

    @Test func aWrongValueIsAnErrorAtItsField() throws {
        let check = try check(
            """
            {"ociVersion": "1.2.0", "root": {"path": "rootfs"},
             "process": {"cwd": "x", "args": ["sh"], "user": {"uid": 0, "gid": 0}}}
            """)
        #expect(field("process.cwd", of: check)?.verdict == .error)
        #expect(field("root.path", of: check)?.verdict == .honoured)
        #expect(!check.isGood)
    }

    @Test func whatTheHostCannotDoIsToldAtItsField() throws {
        var check = try check(
            """
            {"ociVersion": "1.2.0", "root": {"path": "rootfs"}, "linux": {"resources": {"pids": {"limit": 5}}}}
            """)
        check.add(RuntimeError(.unsupported, "linux.resources.pids.limit: no pids controller", hint: "remove it"))
        let found = field("linux.resources.pids.limit", of: check)
        #expect(found?.verdict == .error)
        #expect(found?.reason == "no pids controller; remove it")
        check.add(RuntimeError(.system, "something else"))
        #expect(check.fields.last == BundleCheck.Field(path: "", line: nil, verdict: .error, reason: "something else"))
    }

    @Test func faultsOfTypeAreToldTogether() throws {
        let text = """
            {"ociVersion": "1.2.0", "root": {"path": "rootfs"},
             "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0},
              "rlimits": [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}, {"type": "RLIMIT_FOO", "soft": 1, "hard": 1}]},
             "hostname": ["x"]}
            """
        let readable = try ReadableSpec(Array(text.utf8))
        let faults = readable.errors.map(\.description)
        #expect(faults.contains { $0.hasPrefix("process.rlimits[1].type: ") && $0.hasSuffix("(line 3)") }, "\(faults)")
        #expect(faults.contains { $0.hasPrefix("hostname: ") && $0.hasSuffix("(line 4)") }, "\(faults)")
        #expect(readable.spec?.process?.rlimits.count == 1)
    }

    @Test func aVirtualMachineMeansNothingToAContainer() throws {
        let check = try check(
            """
            {"ociVersion": "1.2.0", "root": {"path": "rootfs"}, "vm": {"kernel": {"path": "/vmlinux"}}}
            """)
        #expect(field("vm.kernel.path", of: check)?.verdict == .ignored)
    }
}

@Suite struct ProcessChangesTests {
    @Test func whatIsNotNamedStaysAsTheContainersProcessHasIt() throws {
        let text = """
            {"cwd": "/a", "args": ["sh"], "env": ["A=1"], "terminal": true, "user": {"uid": 5, "gid": 6},
             "capabilities": {"bounding": ["CAP_KILL"]}}
            """
        let base = try Spec.Process(Array(text.utf8), named: "process")
        var changes = ProcessChanges()
        changes.arguments = ["ls", "-l"]
        changes.user = (7, nil)
        changes.environment = ["B=2"]
        changes.capabilities = ["CAP_CHOWN"]
        let process = changes.apply(to: base)
        #expect(process.args == ["ls", "-l"])
        #expect(process.cwd == "/a")
        #expect(process.env == ["A=1", "B=2"])
        #expect(process.user.uid == 7 && process.user.gid == 6)
        #expect(!process.terminal)
        #expect(process.capabilities?.bounding == ["CAP_KILL", "CAP_CHOWN"])
        #expect(process.capabilities?.effective == ["CAP_CHOWN"])
    }
}
