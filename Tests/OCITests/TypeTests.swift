import Diagnostics
import JSON
import OCI
import Testing

@Suite struct TypeTests {
    @Test(arguments: [
        (#"{"cwd": "/", "args": "sh"}"#, "process.args: expected an array of strings, found a string (line 4)"),
        (#"{"cwd": "/", "args": ["sh", 1]}"#, "process.args[1]: expected a string, found a number (line 4)"),
        (#"{"cwd": "/", "args": ["sh", null]}"#, "process.args[1]: expected a string, found null (line 4)"),
        (#"{"cwd": 7}"#, "process.cwd: expected a string, found a number (line 4)"),
        (#"{"args": []}"#, "process.cwd: required, and missing (line 4)"),
        (#"{"cwd": null}"#, "process.cwd: required, and missing (line 4)"),
        (#"{"cwd": ""}"#, "process.cwd: required, and missing (line 4)"),
        (#"[]"#, "process: expected an object, found an array (line 4)"),
        (#"{"cwd": "/", "terminal": "true"}"#, "process.terminal: expected true or false, found a string (line 4)"),
        (#"{"cwd": "/", "terminal": 1}"#, "process.terminal: expected true or false, found a number (line 4)"),
        (#"{"cwd": "/", "user": {"uid": "0"}}"#, "process.user.uid: expected an integer, found a string (line 4)"),
        (#"{"cwd": "/", "user": {"uid": -1}}"#, "process.user.uid: -1 is not an integer from 0 to 4294967295 (line 4)"),
        (
            #"{"cwd": "/", "user": {"uid": 4294967296}}"#,
            "process.user.uid: 4294967296 is not an integer from 0 to 4294967295 (line 4)"
        ),
        (
            #"{"cwd": "/", "user": {"uid": 1.5}}"#,
            "process.user.uid: 1.5 is not an integer from 0 to 4294967295 (line 4)"
        ),
        (
            #"{"cwd": "/", "user": {"additionalGids": [1, true]}}"#,
            "process.user.additionalGids[1]: expected an integer, found true (line 4)"
        ),
        (#"{"cwd": "/\u0000etc"}"#, "process.cwd: the string contains a zero byte (line 4)"),
        (
            #"{"cwd": "/", "rlimits": [{"type": "RLIMIT_NOFIL", "soft": 0, "hard": 0}]}"#,
            #"process.rlimits[0].type: "RLIMIT_NOFIL" is not a resource limit (line 4)"#
        ),
        (
            #"{"cwd": "/", "rlimits": [{"type": "RLIMIT_CPU", "soft": -1, "hard": 0}]}"#,
            "process.rlimits[0].soft: -1 is not an integer from 0 to 18446744073709551615 (line 4)"
        ),
    ])
    func aWrongTypeIsRefusedWithPathAndLine(process: String, expected: String) {
        #expect(refusal(config(process: process)) == expected)
    }

    @Test(arguments: [
        (#""namespaces": [{}]"#, "linux.namespaces[0].type: required, and missing (line 5)"),
        (#""namespaces": [{"type": "net"}]"#, #"linux.namespaces[0].type: "net" is not a namespace type (line 5)"#),
        (#""namespaces": {"type": "pid"}"#, "linux.namespaces: expected an array of objects, found an object (line 5)"),
        (#""namespaces": ["pid"]"#, "linux.namespaces[0]: expected an object, found a string (line 5)"),
        (#""sysctl": {"net.a": 1}"#, #"linux.sysctl["net.a"]: expected a string, found a number (line 5)"#),
        (#""sysctl": []"#, "linux.sysctl: expected an object of strings, found an array (line 5)"),
        (
            #""resources": {"memory": {"limit": "12"}}"#,
            "linux.resources.memory.limit: expected an integer, found a string (line 5)"
        ),
        (
            #""resources": {"devices": [{"allow": true, "access": "rx"}]}"#,
            #"linux.resources.devices[0].access: "rx" is not made of r, w and m (line 5)"#
        ),
        (#""resources": {"devices": [{}]}"#, "linux.resources.devices[0].allow: required, and missing (line 5)"),
        (
            #""resources": {"rdma": {"mlx5_1": 3}}"#,
            "linux.resources.rdma.mlx5_1: expected an object, found a number (line 5)"
        ),
        (
            #""devices": [{"path": "/dev/a", "type": "c", "major": 1}]"#,
            "linux.devices[0].minor: required, and missing (line 5)"
        ),
        (#""rootfsPropagation": "sharde""#, #"linux.rootfsPropagation: "sharde" is not a mount propagation (line 5)"#),
        (#""seccomp": []"#, "linux.seccomp: expected an object, found an array (line 5)"),
        (#""seccomp": {}"#, "linux.seccomp.defaultAction: required, and missing (line 5)"),
        (
            #""seccomp": {"defaultAction": "SCMP_ACT_ALOW"}"#,
            #"linux.seccomp.defaultAction: "SCMP_ACT_ALOW" is not a seccomp action (line 5)"#
        ),
        (
            #""seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": "read", "action": "SCMP_ACT_LOG"}]}"#,
            "linux.seccomp.syscalls[0].names: expected an array of strings, found a string (line 5)"
        ),
    ])
    func aWrongTypeInTheLinuxSectionIsRefused(linux: String, expected: String) {
        #expect(refusal(config(linux: linux)) == expected)
    }

    @Test func aMisspeltNameHasASuggestion() throws {
        let text = config(process: #"{"cwd": "/", "rlimits": [{"type": "RLIMIT_NOFIL", "soft": 0, "hard": 0}]}"#)
        let error = #expect(throws: RuntimeError.self) { try spec(text) }
        #expect(error?.hint == #"did you mean "RLIMIT_NOFILE"?"#)
        #expect(error?.kind == .invalidBundle)
    }

    @Test func aTextThatIsNoJSONIsRefusedUnderItsName() {
        #expect(
            refusal(Array("{\"ociVersion\": \"1.0.0\",\n \"root\": }".utf8))
                == "root: expected a value, found \"}\" (line 2, column 10)")
    }

    @Test func whatTheSpecRequiresAtTheTopIsRequired() {
        #expect(refusal(Array("{}".utf8)) == "ociVersion: required, and missing (line 1)")
        #expect(refusal(Array(#"{"ociVersion": "1.0.0"}"#.utf8)) == "root: required, and missing (line 1)")
        #expect(
            refusal(Array(#"{"ociVersion": "1.0.0", "root": {}}"#.utf8)) == "root.path: required, and missing (line 1)")
    }

    @Test(arguments: [
        ("", "none"), ("1.0.0-rc5", "none"), ("1.0.2-dev", "none"), ("1.3.0", "none"), ("1.3.7+dev", "none"),
        ("1.9.0", "none"), ("2.0.0", "ociVersion: 2.0.0 is not supported"),
        ("0.9.0", "ociVersion: 0.9.0 is not supported"), ("1.0", "ociVersion: \"1.0\" is not a version"),
        ("1.0.x", "ociVersion: \"1.0.x\" is not a version"), ("1..0", "ociVersion: \"1..0\" is not a version"),
        ("99999999999999999999.0.0", "ociVersion: \"99999999999999999999.0.0\" is not a version"),
    ])
    func versionsOfTheFirstMajorAreTaken(version: String, expected: String) {
        let text = #"{"ociVersion": "\#(version.isEmpty ? "1.0.0" : version)", "root": {"path": "r"}}"#
        #expect(refusal(Array(text.utf8)) == expected)
    }

    @Test func aNewerMinorVersionIsWarnedAbout() throws {
        let text = #"{"ociVersion": "1.4.0", "root": {"path": "r"}}"#
        #expect(try warnings(Array(text.utf8)) == ["ociVersion: 1.4.0 is newer than 1.3.0"])
        #expect(try warnings(config()) == [])
    }
}
