import TestSupport
import Testing

/// runtime-spec, config.md, "POSIX process", `rlimits`.
@Suite(.requires(.root)) struct RlimitsTests {
    private static let all: [(name: String, soft: Int, hard: Int)] = [
        ("RLIMIT_AS", 8 << 30, 9 << 30), ("RLIMIT_CORE", 1000, 2000), ("RLIMIT_CPU", 1000, 2000),
        ("RLIMIT_DATA", 1 << 30, 2 << 30), ("RLIMIT_FSIZE", 1 << 20, 2 << 20), ("RLIMIT_LOCKS", 10, 20),
        ("RLIMIT_MEMLOCK", 4096, 65536), ("RLIMIT_MSGQUEUE", 1000, 2000), ("RLIMIT_NOFILE", 100, 200),
        ("RLIMIT_NPROC", 5000, 6000), ("RLIMIT_RSS", 1 << 30, 2 << 30), ("RLIMIT_RTTIME", 1000, 2000),
        ("RLIMIT_SIGPENDING", 100, 200), ("RLIMIT_STACK", 4 << 20, 8 << 20),
    ]

    @Test func everyLimitIsSetToItsSoftAndHardValue() throws {
        let bundle = try TemporaryBundle { spec in
            spec.process.rlimits = .array(
                Self.all.map { ["type": .string($0.name), "soft": JSON($0.soft), "hard": JSON($0.hard)] })
        }
        let seen = try bundle.probe("limits")
        for limit in Self.all { #expect(seen[limit.name] == "\(limit.soft) \(limit.hard)") }
    }

    @Test func theLargestNumberIsInfinity() throws {
        let infinity = JSON.literal("18446744073709551615")
        let bundle = try TemporaryBundle {
            $0.process.rlimits = [["type": "RLIMIT_CORE", "soft": infinity, "hard": infinity]]
        }
        #expect(try bundle.probe("limits")["RLIMIT_CORE"] == "-1 -1")
    }

    @Test(.requires(.container)) func limitsThatTheSpecDoesNotNameAreTheCallers() throws {
        let bundle = try TemporaryBundle()
        bundle.wrapper = ["prlimit", "--nofile=321:654"]
        #expect(try bundle.probe("limits")["RLIMIT_NOFILE"] == "321 654")
    }

    @Test(.requires(.container)) func aLimitThatThisHostCannotGrantSaysWantedAndAllowed() throws {
        let bundle = try TemporaryBundle {
            $0.process.rlimits = [["type": "RLIMIT_NOFILE", "soft": 654_321, "hard": 654_321]]
        }
        bundle.wrapper = [
            "prlimit", "--nofile=321:654", "setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource",
        ]
        expectRefusal(try bundle.run(), naming: "process.rlimits[0]", "RLIMIT_NOFILE", "654321", " 654")
    }

    @Test(.requires(.container, .mvrun)) func clampRlimitsGoesOnWithWhatIsAllowed() throws {
        let bundle = try TemporaryBundle {
            $0.process.rlimits = [["type": "RLIMIT_NOFILE", "soft": 654_321, "hard": 654_321]]
        }
        bundle.wrapper = [
            "prlimit", "--nofile=321:654", "setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource",
        ]
        let outcome = try bundle.run(["/bin/probe", "limits"], options: ["--clamp-rlimits"])
        #expect(Report(outcome.output)["RLIMIT_NOFILE"] == "654 654", "\(outcome)")
    }

    @Test func anUnknownLimitIsRefusedWithItsPath() throws {
        let bundle = try TemporaryBundle { $0.process.rlimits = [["type": "RLIMIT_FOO", "soft": 1, "hard": 1]] }
        expectRefusal(try bundle.run(), naming: "process.rlimits[0].type", "RLIMIT_FOO")
    }

    @Test func aLimitGivenTwiceIsRefused() throws {
        // runtime-spec: "If rlimits contains duplicated entries with same type, the runtime MUST generate an error."
        let limit: JSON = ["type": "RLIMIT_CORE", "soft": 1, "hard": 1]
        let bundle = try TemporaryBundle { $0.process.rlimits = [limit, limit] }
        expectRefusal(try bundle.run(), naming: "RLIMIT_CORE")
    }

    @Test func aSoftLimitAboveTheHardOneIsRefused() throws {
        let bundle = try TemporaryBundle { $0.process.rlimits = [["type": "RLIMIT_CORE", "soft": 2, "hard": 1]] }
        expectRefusal(try bundle.run(), naming: "process.rlimits[0]")
    }
}
