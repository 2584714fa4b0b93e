import AgentProtocol
import Diagnostics
import Plans
import Syscalls
import Testing

/// The small plan of these tests: it has no steps.
let emptyPlan = SandboxPlan(
    launch: LaunchPlan(),
    stage: StagePlan(
        id: "a", steps: [], program: Program(arguments: ["true"], environment: [], workingDirectory: "/")))

@Suite struct FrameTests {
    private func decoded<Message: FrameMessage>(_ bytes: [UInt8], as type: Message.Type) throws -> [Frame<Message>] {
        var decoder = FrameDecoder<Message>()
        decoder.append(bytes)
        var frames: [Frame<Message>] = []
        while let frame = try decoder.next() { frames.append(frame) }
        return frames
    }

    private static let agentFrames: [(bytes: [UInt8], frame: Frame<AgentMessage>)] = [
        (
            [12, 0, 0, 0] + [0, 0, 0, 0] + [65]  // length, request, type
                + [1, 0, 0, 0] + [0x40, 0xE2, 0x01, 0, 0, 0, 0, 0],  // version 1, 123456 microseconds
            Frame(request: 0, .hello(version: 1, uptimeMicroseconds: 123_456))
        ),
        ([0, 0, 0, 0] + [1, 0, 0, 0] + [66], Frame(request: 1, .ready)),
        (
            [28, 0, 0, 0] + [2, 0, 0, 0] + [67]
                + [8] + [1, 0, 0, 0] + [3, 0, 0, 0] + Array("run".utf8)  // programNotFound, one context
                + [4, 0, 0, 0] + Array("gone".utf8)  // the message
                + [1] + [2, 0, 0, 0] + [0],  // errno 2, no hint; with a byte less in all than the length says
            Frame(request: 2, .failed(failure))
        ),
        ([6, 0, 0, 0] + [0, 0, 0, 0] + [68] + [2, 0, 0, 0] + Array("hm".utf8), Frame(request: 0, .warning("hm"))),
        ([0, 0, 0, 0] + [7, 0, 0, 0] + [69], Frame(request: 7, .started)),
        (
            [10, 0, 0, 0] + [0, 0, 0, 0] + [70] + [3, 0, 0, 0] + [1] + [9, 0, 0, 0] + [1],
            Frame(request: 0, .exited(process: 3, ProcessExit(.signalled(9), outOfMemory: true)))
        ),
        ([0, 0, 0, 0] + [0x04, 0x03, 0x02, 0x01] + [71], Frame(request: 0x0102_0304, .done)),
        (
            [14, 0, 0, 0] + [5, 0, 0, 0] + [72]
                + [1, 0, 0, 0] + [1, 0, 0, 0] + [0x61] + [1, 0, 0, 0] + [0x31],
            Frame(request: 5, .statistics([StatisticsFile(name: "a", text: "1")]))
        ),
        (
            [23, 0, 0, 0] + [6, 0, 0, 0] + [73]
                + [1, 0, 0, 0] + [2, 0, 0, 0] + [1, 0, 0, 0] + [0xE8, 3, 0, 0] + [2, 0, 0, 0] + Array("sh".utf8) + [1],
            Frame(
                request: 6, .processes([GuestProcess(pid: 2, parent: 1, user: 1000, command: "sh")], complete: true))
        ),
    ]

    private static var failure: RuntimeError {
        RuntimeError(.programNotFound, "gone", errno: .noEntry).during("run")
    }

    @Test(arguments: agentFrames.indices) func whatTheAgentSaysHasThisForm(index: Int) throws {
        var (bytes, frame) = Self.agentFrames[index]
        bytes[0] = UInt8(bytes.count - 9)
        #expect(try decoded(bytes, as: AgentMessage.self) == [frame])
        #expect(frame.bytes == bytes)
    }

    private static let hostFrames: [(bytes: [UInt8], frame: Frame<HostMessage>)] = [
        ([0, 0, 0, 0] + [2, 0, 0, 0] + [2], Frame(request: 2, .start)),
        (
            [9, 0, 0, 0] + [3, 0, 0, 0] + [4] + [1, 0, 0, 0] + [15, 0, 0, 0] + [1],
            Frame(request: 3, .signal(process: 1, number: 15, all: true))
        ),
        (
            [8, 0, 0, 0] + [4, 0, 0, 0] + [5] + [0, 0, 0, 0] + [24, 0] + [80, 0],
            Frame(request: 4, .resize(process: 0, TerminalSize(rows: 24, columns: 80)))
        ),
        ([0, 0, 0, 0] + [5, 0, 0, 0] + [6], Frame(request: 5, .readStatistics)),
        ([0, 0, 0, 0] + [6, 0, 0, 0] + [7], Frame(request: 6, .listProcesses)),
        (
            [10, 0, 0, 0] + [7, 0, 0, 0] + [8] + [0] + [1] + [255, 255, 255, 255, 255, 255, 255, 255],
            Frame(request: 7, .update(GuestLimits(processes: -1)))
        ),
        ([0, 0, 0, 0] + [0, 0, 0, 0] + [9], Frame(request: 0, .shutdown)),
    ]

    @Test(arguments: hostFrames.indices) func whatTheHostSaysHasThisForm(index: Int) throws {
        let (bytes, frame) = Self.hostFrames[index]
        #expect(try decoded(bytes, as: HostMessage.self) == [frame])
        #expect(frame.bytes == bytes)
    }

    @Test func aPlanSurvivesTheWire() throws {
        let frames: [Frame<HostMessage>] = [
            Frame(request: 1, .setup(GuestPlan(sandbox: emptyPlan, memoryLimit: 1 << 20, processLimit: 7))),
            Frame(request: 2, .exec(process: 4, plan: emptyPlan, terminal: true)),
        ]
        #expect(try decoded(frames.flatMap(\.bytes), as: HostMessage.self) == frames)
    }

    @Test(arguments: [1, 2, 3, 7, 64]) func framesAreFoundInPiecesOfAnySize(size: Int) throws {
        let frames = Self.hostFrames.map(\.frame)
        var rest = frames.flatMap(\.bytes)[...]
        var decoder = FrameDecoder<HostMessage>()
        var found: [Frame<HostMessage>] = []
        while !rest.isEmpty {
            decoder.append(rest.prefix(size))
            rest = rest.dropFirst(size)
            while let frame = try decoder.next() { found.append(frame) }
        }
        #expect(found == frames)
    }

    @Test func aFrameIsRefusedBeforeItsBytesAreKept() throws {
        var decoder = FrameDecoder<AgentMessage>()
        decoder.append([1, 0, 1, 0, 0, 0, 0, 0, 68])
        #expect(throws: FrameFault.tooLong(65537)) { try decoder.next() }
        decoder.append([0, 0, 0, 0, 1, 0, 0, 0, 66])
        #expect(throws: FrameFault.tooLong(65537)) { try decoder.next() }
    }

    @Test(arguments: [0, 1, 64, 75, 255] as [UInt8]) func aTypeOfTheOtherSideIsRefused(type: UInt8) {
        #expect(throws: FrameFault.unknownType(type)) {
            try decoded([0, 0, 0, 0, 0, 0, 0, 0, type], as: AgentMessage.self)
        }
    }

    @Test(
        arguments: [
            [1, 0, 0, 0] + [1, 0, 0, 0] + [66] + [0],  // a ready with a payload
            [3, 0, 0, 0] + [0, 0, 0, 0] + [68] + [2, 0, 0],  // a text without its whole length
            [4, 0, 0, 0] + [0, 0, 0, 0] + [68] + [255, 255, 255, 255],  // a text that is longer than all
            [10, 0, 0, 0] + [0, 0, 0, 0] + [70] + [0, 0, 0, 0] + [0] + [255, 255, 255, 127] + [0],  // no status
            [10, 0, 0, 0] + [0, 0, 0, 0] + [70] + [0, 0, 0, 0] + [2] + [0, 0, 0, 0] + [0],  // neither exit nor signal
        ] as [[UInt8]]) func aPayloadThatIsNotWhatItsTypeSaysIsRefused(bytes: [UInt8])
    {
        #expect(throws: FrameFault.malformed) { try decoded(bytes, as: AgentMessage.self) }
    }

    @Test func noBytesMakeTheDecoderTrap() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var bytes = Self.agentFrames.flatMap(\.bytes)
            for _ in 0..<4 { bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255) }
            _ = try? decoded(bytes, as: AgentMessage.self)
            _ = try? decoded(bytes.map { $0 > 64 ? $0 - 64 : $0 }, as: HostMessage.self)
        }
    }

    @Test func aStreamBeginsWithThisHeader() {
        let bytes: [UInt8] = [0x6D, 0x76, 0x69, 0x6F] + [5, 0, 0, 0] + [2]
        #expect(StreamHeader(process: 5, stream: .errors).bytes == bytes)
        #expect(StreamHeader(bytes: bytes) == StreamHeader(process: 5, stream: .errors))
        #expect(StreamHeader(bytes: bytes.dropLast()) == nil)
        #expect(StreamHeader(bytes: bytes.dropLast() + [3]) == nil)
        #expect(StreamHeader(bytes: [0] + bytes.dropFirst()) == nil)
        #expect(StreamHeader(bytes: []) == nil)
    }
}
