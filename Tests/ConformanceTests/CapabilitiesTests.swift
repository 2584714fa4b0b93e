import Foundation
import TestSupport
import Testing

/// runtime-spec, config.md, "Linux Process", `capabilities`: each of the five sets on its own.
@Suite(.requires(.root)) struct CapabilitiesTests {
    private static let numbers = [
        "CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_KILL": 5, "CAP_NET_BIND_SERVICE": 10, "CAP_NET_RAW": 13,
        "CAP_SYS_RESOURCE": 24,
    ]

    private func mask(_ names: String...) -> String {
        String(names.reduce(0) { $0 | 1 << (Self.numbers[$1] ?? 63) }, radix: 16)
    }

    private func seen(_ capabilities: JSON, uid: Int = 0) throws -> Report {
        try TemporaryBundle {
            $0.process.capabilities = capabilities
            $0.process.user = ["uid": JSON(uid), "gid": 0]
        }.probe("capabilities")
    }

    @Test func theFiveSetsAreEachTheirOwn() throws {
        let seen = try seen([
            "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_NET_BIND_SERVICE"],
            "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
            "effective": ["CAP_CHOWN", "CAP_KILL"],
            "inheritable": ["CAP_KILL", "CAP_NET_RAW"], "ambient": ["CAP_KILL"],
        ])
        #expect(seen["bounding"] == mask("CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_NET_BIND_SERVICE"))
        #expect(seen["inheritable"] == mask("CAP_KILL", "CAP_NET_RAW"))
        #expect(seen["ambient"] == mask("CAP_KILL"))
        // With noNewPrivileges execve(2) adds nothing to the permitted set, and gives user 0 all of it as effective.
        #expect(seen["permitted"] == mask("CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"))
    }

    @Test func ambientCapabilitiesSurviveForAnOrdinaryUser() throws {
        let all: JSON = ["CAP_NET_BIND_SERVICE"]
        let sets: JSON = ["bounding": all, "permitted": all, "effective": all, "inheritable": all, "ambient": all]
        let seen = try seen(sets, uid: 1000)
        #expect(seen["effective"] == mask("CAP_NET_BIND_SERVICE"))
        #expect(seen["permitted"] == mask("CAP_NET_BIND_SERVICE"))
    }

    @Test func emptySetsLeaveNothing() throws {
        let seen = try seen(["bounding": [], "permitted": [], "effective": [], "inheritable": [], "ambient": []])
        for set in ["bounding", "permitted", "effective", "inheritable", "ambient"] { #expect(seen[set] == "0") }
    }

    @Test func aSpecWithoutCapabilitiesGrantsNone() throws {
        let seen = try seen(nil)
        #expect(seen["effective"] == "0" && seen["bounding"] == "0")
    }

    @Test func aDroppedCapabilityIsMissed() throws {
        let bundle = try TemporaryBundle {
            $0.process.capabilities = ["bounding": [], "effective": [], "permitted": []]
        }
        #expect(try bundle.probe("make-node", "/tmp/node", "c", "1", "3")["result"] == "EPERM")
    }

    @Test(.requires(.container)) func anUngrantableCapabilityIsAWarningOnly() throws {
        // runtime-spec: a capability that cannot be granted SHOULD be logged as a warning and MUST NOT be an error.
        let names: JSON = ["CAP_KILL", "CAP_SYS_RESOURCE"]
        let bundle = try TemporaryBundle {
            $0.process.capabilities = ["bounding": names, "permitted": names, "effective": names]
        }
        bundle.wrapper = ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource"]
        let outcome = try bundle.run(["/bin/probe", "capabilities"])
        #expect(outcome.succeeded, "\(outcome)")
        #expect(Report(outcome.output)["effective"] == mask("CAP_KILL"))
        #expect(outcome.errors.contains("CAP_SYS_RESOURCE"))
    }

    @Test func anUnknownCapabilityIsAWarningOnly() throws {
        let names: JSON = ["CAP_KILL", "CAP_FLY"]
        let bundle = try TemporaryBundle {
            $0.process.capabilities = ["bounding": names, "permitted": names, "effective": names]
        }
        let outcome = try bundle.run(["/bin/probe", "capabilities"])
        #expect(outcome.succeeded, "\(outcome)")
        #expect(outcome.errors.contains("CAP_FLY"))
    }

    @Test func noSecurebitOrKeepcapsFlagIsLeftBehind() throws {
        let seen = try TemporaryBundle().probe("capabilities")
        #expect(seen["securebits"] == "0" && seen["keepcaps"] == "0")
    }
}
