import Board
import Devices
import Glibc
import Syscalls
import Testing

/// A guest whose one connection is relayed to files of the host.
private final class RelayedGuest {
    let engine = VsockEngine(guestContextID: 3)
    let loop: EventLoop
    var relay: VsockRelay?
    var isFinished = false
    private var source: OwnedDescriptor?
    private var sink: OwnedDescriptor?

    init(source: consuming OwnedDescriptor?, sink: consuming OwnedDescriptor?) throws {
        loop = try EventLoop()
        self.source = source
        self.sink = sink
        engine.listen(on: 1024) { [unowned self] in accept($0) }
        packet(VsockPacket.Operation.request)
        relay?.begin()
    }

    private func accept(_ connection: VsockConnection) -> VsockRelay? {
        relay = VsockRelay(connection, on: loop, source: source.take(), sink: sink.take()) { [unowned self] in
            isFinished = true
        }
        return relay
    }

    func packet(_ operation: UInt16, _ payload: [UInt8] = [], flags: UInt32 = 0, forwarded: UInt32 = 0) {
        var packet = VsockPacket()
        packet.sourceContextID = 3
        packet.destinationContextID = 2
        packet.sourcePort = 5000
        packet.destinationPort = 1024
        packet.operation = operation
        packet.payload = payload
        packet.flags = flags
        packet.bufferAllocation = 1 << 20
        packet.forwardCount = forwarded
        engine.receive(packet.bytes)
    }

    /// What the guest gets until nothing more comes.
    func take() throws -> [VsockPacket] {
        var packets: [VsockPacket] = []
        var turns = 0
        while turns < 20 {
            while let packet = engine.nextPacket(payloadLimit: 4096) { packets.append(packet) }
            turns = try loop.poll(timeoutMilliseconds: 2) == 0 ? turns + 1 : 0
            if packets.last?.operation == VsockPacket.Operation.shutdown { break }
        }
        return packets
    }
}

@Suite struct VsockRelayTests {
    @Test func aPipeOfTheHostIsReadToItsEnd() throws {
        let pipe = try makePipe()
        try pipe.writing.writeAll(Array("hello".utf8), subject: "")
        let reading = try pipe.reading.duplicate()
        let guest = try RelayedGuest(source: consume reading, sink: nil)
        #expect(try guest.take().map(\.payload) == [[], Array("hello".utf8)])
        _ = consume pipe
        let packets = try guest.take()
        #expect(packets.map(\.operation) == [VsockPacket.Operation.shutdown])
        #expect(packets.first?.flags == VsockPacket.ShutdownFlag.send)
    }

    @Test func aFileThatIsAlwaysReadyIsReadNoFasterThanTheGuestTakesIt() throws {
        let guest = try RelayedGuest(source: try OwnedDescriptor.open("/dev/zero"), sink: nil)
        let count = try guest.take().reduce(0) { $0 + $1.payload.count }
        #expect(count == 1 << 20)
        let content = [UInt8](repeating: 9, count: 300_000)
        let whole = try RelayedGuest(source: try OwnedDescriptor.memory(content, name: "test"), sink: nil)
        let packets = try whole.take()
        #expect(packets.flatMap(\.payload) == content)
        #expect(packets.last?.operation == VsockPacket.Operation.shutdown)
    }

    @Test func whatAPipeDoesNotTakeIsNoCreditForTheGuest() throws {
        let pipe = try makePipe()
        let guest = try RelayedGuest(source: nil, sink: try pipe.writing.duplicate())
        let reading = pipe.keepReading()
        // The pipe holds 64 KiB, the relay as much as one connection may.
        for _ in 0..<3 { guest.packet(VsockPacket.Operation.payload, [UInt8](repeating: 1, count: 64 << 10)) }
        #expect(guest.engine.connectionCount == 1)
        guest.packet(VsockPacket.Operation.shutdown, flags: VsockPacket.ShutdownFlag.both)
        #expect(guest.relay?.isDrained == false && !guest.isFinished)
        var count = 0
        var chunk = [UInt8](repeating: 0, count: 65536)
        while !guest.isFinished {
            count += try reading.read(into: &chunk, subject: "")
            _ = try guest.loop.poll(timeoutMilliseconds: 10)
        }
        while case let more = try reading.read(into: &chunk, subject: ""), more > 0 { count += more }
        #expect(count == 3 << 16)
    }

    @Test func aGuestThatNobodyReadsIsTold() throws {
        // On this thread alone: what is ignored, every program that another test starts would ignore too.
        var pipeSignal = sigset_t()
        var before = sigset_t()
        unsafe sigemptyset(&pipeSignal)
        unsafe sigaddset(&pipeSignal, SIGPIPE)
        unsafe pthread_sigmask(SIG_BLOCK, &pipeSignal, &before)
        defer {
            var none = timespec()
            _ = unsafe sigtimedwait(&pipeSignal, nil, &none)
            unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
        }
        let pipe = try makePipe()
        let guest = try RelayedGuest(source: nil, sink: try pipe.writing.duplicate())
        _ = consume pipe
        _ = try guest.take()
        guest.packet(VsockPacket.Operation.payload, [1])
        let packets = try guest.take()
        #expect(packets.last?.operation == VsockPacket.Operation.shutdown)
        #expect(packets.last?.flags == VsockPacket.ShutdownFlag.both)
        #expect(guest.isFinished)
    }
}
