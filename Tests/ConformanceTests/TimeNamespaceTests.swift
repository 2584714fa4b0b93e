import TestSupport
import Testing

/// runtime-spec, config-linux.md, "Time offsets".
@Suite(.requires(.root, .file("/proc/self/ns/time"))) struct TimeNamespaceTests {
    private func clocks(_ offsets: JSON) throws -> (monotonic: Int, boottime: Int) {
        let bundle = try TemporaryBundle {
            $0.setNamespace("time")
            $0.linux.timeOffsets = offsets
        }
        let inside = try bundle.probe("clocks")
        let outside = Report(try ChildProcess.run([Probe.path.get(), "clocks"]).output)
        func difference(_ clock: String) -> Int { (Int(inside[clock] ?? "") ?? 0) - (Int(outside[clock] ?? "") ?? 0) }
        return (difference("monotonic"), difference("boottime"))
    }

    @Test(.requires(.container)) func bothClocksAreMovedForward() throws {
        let moved = try clocks(["monotonic": ["secs": 86400], "boottime": ["secs": 1_000_000]])
        #expect((86395...86401).contains(moved.monotonic) && (999_995...1_000_001).contains(moved.boottime), "\(moved)")
    }

    @Test(.requires(.container)) func aClockIsMovedByNanosecondsToo() throws {
        let moved = try clocks(["boottime": ["secs": 99, "nanosecs": 999_999_999]])
        #expect((95...100).contains(moved.boottime) && (-5...1).contains(moved.monotonic), "\(moved)")
    }

    @Test func offsetsWithoutATimeNamespaceAreRefused() throws {
        let bundle = try TemporaryBundle { $0.linux.timeOffsets = ["boottime": ["secs": 5]] }
        expectRefusal(try bundle.run(), naming: "linux.timeOffsets")
    }

    @Test func anUnknownClockIsRefusedByName() throws {
        let bundle = try TemporaryBundle {
            $0.setNamespace("time")
            $0.linux.timeOffsets = ["realtime": ["secs": 5]]
        }
        expectRefusal(try bundle.run(), naming: "linux.timeOffsets", "realtime")
    }

    @Test func anExecSeesTheSameClock() throws {
        let bundle = try TemporaryBundle {
            $0.setNamespace("time")
            $0.linux.timeOffsets = ["boottime": ["secs": 1_000_000]]
        }
        try bundle.withRunning { _ throws in
            let seen = Report(try bundle.exec("/bin/probe", "clocks").output)
            #expect((Int(seen["boottime"] ?? "") ?? 0) > 1_000_000)
        }
    }
}
