import TestSupport
import Testing

/// runtime-spec, config.md, "User".
@Suite(.requires(.root)) struct UserTests {
    @Test func allThreeUserAndGroupIDsAreTheSpecs() throws {
        let bundle = try TemporaryBundle { $0.process.user = ["uid": 1000, "gid": 2000] }
        let seen = try bundle.probe("identity")
        #expect(seen["uid"] == "1000 1000 1000" && seen["gid"] == "2000 2000 2000")
    }

    @Test func theSupplementaryGroupsAreTheSpecsAndNoOthers() throws {
        let bundle = try TemporaryBundle { $0.process.user = ["uid": 1000, "gid": 1000, "additionalGids": [5, 777]] }
        #expect(try bundle.probe("identity")["groups"] == "5 777")
    }

    @Test func withoutAdditionalGroupsThereAreNone() throws {
        // The caller has some, which must not come in.
        let bundle = try TemporaryBundle()
        bundle.wrapper = ["setpriv", "--groups", "7,8"]
        #expect(try bundle.probe("identity")["groups"] == "")
    }

    @Test(arguments: [(0o27, "0027"), (0, "0000"), (0o777, "0777")])
    func theUmaskIsTheOneOfTheSpec(value: Int, shown: String) throws {
        let bundle = try TemporaryBundle { $0.process.user.umask = JSON(value) }
        #expect(try bundle.probe("identity")["umask"] == shown)
    }

    @Test func withoutAUmaskItIs022() throws {
        let bundle = try TemporaryBundle()
        bundle.wrapper = ["sh", "-c", "umask 077; exec \"$@\"", "sh"]
        #expect(try bundle.probe("identity")["umask"] == "0022")
    }

    @Test func theCallersUmaskDoesNotReachWhatTheRuntimeMakes() throws {
        let bundle = try TemporaryBundle {
            $0.linux.devices = [["type": "c", "path": "/dev/mine", "major": 1, "minor": 3, "fileMode": 0o666]]
        }
        bundle.wrapper = ["sh", "-c", "umask 077; exec \"$@\"", "sh"]
        #expect(try bundle.probe("status", "/dev/mine")["/dev/mine"] == "character 0666 0 0 1:3")
    }

    @Test func anOrdinaryUserKeepsOnlyAmbientCapabilities() throws {
        let bundle = try TemporaryBundle { $0.process.user = ["uid": 1000, "gid": 1000] }
        let seen = try bundle.probe("capabilities")
        #expect(seen["effective"] == "0" && seen["permitted"] == "0")
        #expect(seen["bounding"] != "0")
    }

    @Test func anOrdinaryUserMayWriteToTheStandardStreams() throws {
        let bundle = try TemporaryBundle { $0.process.user = ["uid": 1000, "gid": 1000] }
        let outcome = try bundle.shell("echo out > /dev/stdout; echo err > /dev/stderr")
        #expect(outcome.succeeded && outcome.line == "out" && outcome.errors.contains("err"))
    }
}
