import AgentProtocol
import Diagnostics
import Plans
import Syscalls
import Testing

@Suite struct ControlMessageTests {
    private static let requests: [([UInt8], ControlRequest)] = [
        ([0x53] + [7, 0, 0, 0], .start(pid: 7)),
        ([0x58] + [1], .exec(terminal: true)),
        ([0x4B] + [15, 0, 0, 0] + [0], .signal(number: 15, all: false)),
        ([0x5A] + [24, 0] + [80, 0], .resize(TerminalSize(rows: 24, columns: 80))),
        ([0x41], .statistics),
        ([0x50], .processes),
        ([0x55] + [1] + [0, 0, 0, 4, 0, 0, 0, 0] + [0], .update(GuestLimits(memory: 64 << 20))),
        ([0x4D] + [0, 1, 0, 0], .balloon(targetPages: 256)),
        ([0x46], .figures),
    ]

    @Test(arguments: requests.indices) func aRequestHasThisForm(index: Int) throws {
        let (bytes, request) = Self.requests[index]
        #expect(request.packet == bytes)
        #expect(try ControlRequest(packet: bytes) == request)
        #expect(throws: PlanFault.self) { try ControlRequest(packet: bytes + [0]) }
        #expect(throws: PlanFault.self) { try ControlRequest(packet: bytes.dropLast()) }
    }

    private static let replies: [([UInt8], ControlReply)] = [
        ([0x45] + [6] + [0, 0, 0, 0] + [1, 0, 0, 0, 0x78] + [0] + [0], .failure(RuntimeError(.guest, "x"))),
        ([0x77] + [1, 0, 0, 0, 0x78], .warning("x")),
        ([0x42], .started),
        ([0x51] + [0] + [3, 0, 0, 0] + [0], .exited(ProcessExit(.exited(3)))),
        ([0x44], .done),
        (
            [0x41] + [1, 0, 0, 0] + [1, 0, 0, 0, 0x61] + [0, 0, 0, 0],
            .statistics([StatisticsFile(name: "a", text: "")])
        ),
        ([0x50] + [0, 0, 0, 0] + [0], .processes([], complete: false)),
        (
            [0x46] + [0, 0, 0, 16, 0, 0, 0, 0] + [0, 16, 0, 0, 0, 0, 0, 0] + [0, 32, 0, 0, 0, 0, 0, 0]
                + [0, 0, 0, 1, 0, 0, 0, 0] + [1] + [1] + [0, 0, 64, 0, 0, 0, 0, 0],
            .figures(
                MachineFigures(
                    memory: 256 << 20, balloonTarget: 4096, balloon: 8192, hasBalloonDriver: true, resident: 16 << 20,
                    available: 4 << 20))
        ),
        ([], .end),
    ]

    @Test(arguments: replies.indices) func aReplyHasThisForm(index: Int) throws {
        let (bytes, reply) = Self.replies[index]
        #expect(reply.packet == bytes)
        #expect(try ControlReply(packet: bytes) == reply)
        #expect(throws: PlanFault.self) { try ControlReply(packet: bytes + [0]) }
    }

    @Test func noUnknownPacketIsTaken() {
        for first in UInt8.min...UInt8.max {
            _ = try? ControlRequest(packet: [first, 255, 255, 255, 255])
            _ = try? ControlReply(packet: [first, 255, 255, 255, 255])
        }
        #expect(throws: PlanFault.truncated) { try ControlRequest(packet: []) }
        #expect(throws: PlanFault.malformed) { try ControlRequest(packet: [0]) }
    }
}
