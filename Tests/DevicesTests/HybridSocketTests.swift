import Board
import Devices
import Foundation
import Syscalls
import Testing

/// A guest that is played by the test, and a directory of sockets.
private final class SocketGuest {
    let engine = VsockEngine(guestContextID: 3)
    let loop: EventLoop
    let directory: String
    let hybrid: HybridSocket
    var path: String { "\(directory)/vsock.sock" }

    init() throws {
        loop = try EventLoop()
        directory = NSTemporaryDirectory() + "mvrun-hybrid-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        hybrid = try HybridSocket(at: "\(directory)/vsock.sock", engine: engine, loop: loop)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func send(_ operation: UInt16, from port: UInt32, to hostPort: UInt32, _ payload: [UInt8] = [], flags: UInt32 = 0) {
        var packet = VsockPacket()
        packet.sourceContextID = 3
        packet.destinationContextID = 2
        packet.sourcePort = port
        packet.destinationPort = hostPort
        packet.operation = operation
        packet.payload = payload
        packet.flags = flags
        packet.bufferAllocation = 1 << 20
        engine.receive(packet.bytes)
    }

    /// What the guest gets until nothing more comes.
    func take() throws -> [VsockPacket] {
        var packets: [VsockPacket] = []
        var quietTurns = 0
        while quietTurns < 3 {
            quietTurns = try loop.poll(timeoutMilliseconds: 10) == 0 ? quietTurns + 1 : 0
            while let packet = engine.nextPacket(payloadLimit: 4096) { packets.append(packet) }
        }
        return packets
    }

    /// A program of the host that has said what it wants.
    func caller(_ line: String) throws -> OwnedDescriptor {
        let socket = try UnixSocket.connect(to: path, .stream)
        try socket.setNonBlocking(true)
        try socket.writeAll(Array(line.utf8), subject: "caller")
        return socket
    }
}

/// What there is to read; nil for nothing, "" for the end.
private func text(_ socket: borrowing OwnedDescriptor) -> String? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    guard let count = try? socket.read(into: &bytes, subject: "socket") else { return nil }
    return String(decoding: bytes[..<count], as: UTF8.self)
}

@Suite struct HybridSocketTests {
    @Test func aProgramOfTheHostReachesAPortOfTheGuest() throws {
        let guest = try SocketGuest()
        let caller = try guest.caller("CONNECT 52\nearly")
        let asked = try #require(try guest.take().first)
        #expect(asked.operation == VsockPacket.Operation.request && asked.destinationPort == 52)
        #expect(asked.sourcePort >= 1 << 30)
        #expect(text(caller) == nil, "nothing is said before the guest has taken the connection")
        guest.send(VsockPacket.Operation.response, from: 52, to: asked.sourcePort)
        #expect(try guest.take().map(\.payload) == [Array("early".utf8)])
        #expect(text(caller) == "OK \(asked.sourcePort)\n")
        guest.send(VsockPacket.Operation.payload, from: 52, to: asked.sourcePort, Array("answer".utf8))
        #expect(text(caller) == "answer")
        guest.send(VsockPacket.Operation.reset, from: 52, to: asked.sourcePort)
        _ = try guest.take()
        #expect(text(caller) == "")
        #expect(guest.engine.connectionCount == 0)
    }

    @Test func aPortThatNobodyListensOnEndsTheCall() throws {
        let guest = try SocketGuest()
        let caller = try guest.caller("CONNECT 52\n")
        let asked = try #require(try guest.take().first)
        guest.send(VsockPacket.Operation.reset, from: 52, to: asked.sourcePort)
        _ = try guest.take()
        #expect(text(caller) == "" && guest.engine.connectionCount == 0)
    }

    @Test(arguments: [
        "HELLO 52\n", "CONNECT\n", "CONNECT x\n", "CONNECT -1\n", "CONNECT 4294967296\n", "CONNECT 5 2\n", "\n",
        "CONNECT 0000000000000000000000000052\n", String(repeating: "x", count: 100),
    ])
    func whatIsNoCallIsNotServed(line: String) throws {
        let guest = try SocketGuest()
        let caller = try guest.caller(line)
        #expect(try guest.take().isEmpty)
        // A socket that is closed with something unread ends with an error, or with nothing.
        #expect(text(caller) ?? "" == "")
        #expect(guest.engine.connectionCount == 0)
    }

    @Test func aGuestThatAnswersOutOfTurnLosesTheConnection() throws {
        let guest = try SocketGuest()
        let caller = try guest.caller("CONNECT 52\n")
        let asked = try #require(try guest.take().first)
        guest.send(VsockPacket.Operation.payload, from: 52, to: asked.sourcePort, [1, 2, 3])
        #expect(try guest.take().map(\.operation) == [VsockPacket.Operation.reset])
        #expect(text(caller) == "")
        let second = try guest.caller("CONNECT 53\n")
        let again = try #require(try guest.take().first)
        #expect(again.sourcePort != asked.sourcePort)
        guest.send(VsockPacket.Operation.response, from: 53, to: again.sourcePort)
        guest.send(VsockPacket.Operation.response, from: 53, to: again.sourcePort)
        #expect(try guest.take().last?.operation == VsockPacket.Operation.reset, "it is taken once")
        _ = consume second
    }

    @Test func aProgramOfTheGuestReachesWhoListensOnItsPort() throws {
        let guest = try SocketGuest()
        let listener = try UnixSocket.listen(at: "\(guest.path)_53", .stream)
        guest.send(VsockPacket.Operation.request, from: 4000, to: 53)
        #expect(try guest.take().first?.operation == VsockPacket.Operation.response)
        let other = try UnixSocket.accept(listener)
        guest.send(VsockPacket.Operation.payload, from: 4000, to: 53, Array("hello".utf8))
        #expect(text(other) == "hello")
        try other.writeAll(Array("back".utf8), subject: "listener")
        #expect(try guest.take().map(\.payload).contains(Array("back".utf8)))
    }

    @Test func aPortOfTheHostThatNobodyListensOnIsRefused() throws {
        let guest = try SocketGuest()
        guest.send(VsockPacket.Operation.request, from: 4000, to: 53)
        #expect(try guest.take().map(\.operation) == [VsockPacket.Operation.reset])
        try Data().write(to: URL(fileURLWithPath: "\(guest.path)_54"))
        guest.send(VsockPacket.Operation.request, from: 4000, to: 54)
        #expect(try guest.take().map(\.operation) == [VsockPacket.Operation.reset], "a file is nobody")
    }

    @Test func callersThatSayNothingAreBounded() throws {
        let guest = try SocketGuest()
        var callers: [Int32] = []
        for _ in 0..<70 {
            let socket = try UnixSocket.connect(to: guest.path, .stream, waits: false)
            callers.append(socket.release())
            try guest.loop.poll(timeoutMilliseconds: 10)
        }
        let files = callers.map { OwnedCaller($0) }
        #expect(files.filter { text($0.file) == "" }.count == 6)
    }

    private final class OwnedCaller {
        let file: OwnedDescriptor
        init(_ number: Int32) { file = OwnedDescriptor(owning: number) }
    }
}
