import Board
import Devices
import Glibc
import GuestDriver
import Syscalls
import Virtio

/// The devices behind their queues: network card, balloon, disks, console, random numbers, sockets.
enum DevicesTarget {
    private static let diskBytes = [UInt8](repeating: 0x5a, count: 32 << 10)

    static func run(_ input: inout FuzzInput) {
        switch input.choice(8) {
        case 0: runNetwork(&input, offloads: false)
        case 1: runNetwork(&input, offloads: true)
        case 2: runBalloon(&input)
        case 3: runDisk(&input, readOnly: false)
        case 4: runDisk(&input, readOnly: true)
        case 5: runConsole(&input)
        case 6: runProgram(EntropyDevice(), &input)
        default: runSockets(&input)
        }
    }

    private static func runProgram(
        _ device: any VirtioDevice, _ input: inout FuzzInput, host: @escaping (inout FuzzInput) -> Void = { _ in }
    ) {
        guard let driver = try? GuestDriver(device, memoryBytes: DriverProgram.memoryBytes) else { return }
        var program = DriverProgram(driver)
        program.host = host
        program.run(&input)
    }

    /// A card whose tap is one end of a pair of packet sockets; at the other end frames of the input are sent.
    private static func runNetwork(_ input: inout FuzzInput, offloads: Bool) {
        var ends: [Int32] = [0, 0]
        let kind = Int32(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { return }
        let wire = ends[1]
        defer { close(wire) }
        let card = NetworkDevice(
            tap: OwnedDescriptor(owning: ends[0]), address: [2, 0, 0, 0, 0, 1], mtu: 1500, hasOffloads: offloads)
        runProgram(card, &input) { input in
            var frame = input.take(Int(input.byte()))
            frame += [UInt8](repeating: 7, count: Int(input.number(UInt16.self)) & 0x7fff)
            _ = send(wire, frame, frame.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            var taken = [UInt8](repeating: 0, count: 70_000)
            while recv(wire, &taken, taken.count, Int32(MSG_DONTWAIT)) > 0 {}
        }
    }

    private static func runBalloon(_ input: inout FuzzInput) {
        let balloon = BalloonDevice()
        runProgram(balloon, &input) { input in
            if input.byte() & 1 == 0 {
                balloon.inflate(targetPages: input.number())
            } else {
                balloon.requestStatistics { precondition($0.count <= 64, "statistics are bounded") }
            }
        }
    }

    private static func runDisk(_ input: inout FuzzInput, readOnly: Bool) {
        guard let file = try? OwnedDescriptor.memory(diskBytes, name: "disk"), let other = try? file.duplicate(),
            let disk = try? BlockDevice(file: file, readOnly: readOnly, identity: "fuzz")
        else { return }
        runProgram(disk, &input)
        precondition((try? other.fileSize()) == UInt64(diskBytes.count), "a disk keeps its size")
        if readOnly {
            precondition((try? other.read(at: 0, count: diskBytes.count)) == diskBytes, "a read-only disk stays")
        }
    }

    private static func runConsole(_ input: inout FuzzInput) {
        let console = ConsoleDevice { precondition($0.count <= 16384, "the console's output comes in small pieces") }
        runProgram(console, &input) { input in
            let bytes = [UInt8](repeating: 65, count: Int(input.number(UInt16.self)))
            precondition(console.input(bytes[...]) <= bytes.count, "no more is taken than there is")
        }
    }

    private static func runSockets(_ input: inout FuzzInput) {
        let engine = VsockEngine(guestContextID: 3)
        engine.listen(on: 1024) { EchoEndpoint($0) }
        runProgram(VsockDevice(engine), &input)
        precondition(engine.connectionCount == 0, "no connection outlives its driver")
    }

    static var seeds: [[UInt8]] {
        let frame = [UInt8](repeating: 0, count: 12) + [UInt8](repeating: 0xff, count: 60)
        func request(_ type: UInt32, _ sector: UInt64) -> [UInt8] { little(type, 0) + little(sector) }
        var hello = VsockPacket()
        (hello.sourceContextID, hello.destinationContextID) = (3, 2)
        (hello.sourcePort, hello.destinationPort) = (5000, 1024)
        (hello.operation, hello.bufferAllocation) = (VsockPacket.Operation.request, 1 << 18)
        var payload = hello
        (payload.operation, payload.payload) = (VsockPacket.Operation.payload, [1, 2, 3])
        let injected = DriverStep.host + [3, 1, 2, 3] + little(UInt16(60))
        return [
            [0, 0] + DriverStep.chain(1, [frame]) + DriverStep.chain(0, [], room: [2000]) + injected,
            [1, 1] + DriverStep.chain(0, [], room: [16000, 16000]) + injected + DriverStep.chain(1, [frame, frame]),
            [2, 0] + DriverStep.chain(0, [little(UInt32(70), 71, 72, 100)]) + DriverStep.chain(1, [little(UInt32(70))])
                + DriverStep.chain(2, [little(UInt16(1)) + little(UInt64(7))]) + DriverStep.host + [1]
                + DriverStep.chain(2, [little(UInt16(1)) + little(UInt64(7))]) + DriverStep.chain(3, [], room: [8192]),
            [3, 0] + DriverStep.chain(0, [request(1, 1) + [UInt8](repeating: 1, count: 200)], room: [1])
                + DriverStep.chain(0, [request(0, 1)], room: [512, 1]) + DriverStep.chain(0, [request(4, 0)], room: [1])
                + DriverStep.chain(0, [request(8, 0)], room: [20, 1])
                + DriverStep.chain(0, [request(11, 0) + little(UInt64(2)) + little(UInt32(4), 0)], room: [1])
                + DriverStep.chain(0, [request(13, 0) + little(UInt64(2)) + little(UInt32(4), 1)], room: [1]),
            [4, 0] + DriverStep.chain(0, [request(1, 1) + [UInt8](repeating: 1, count: 200)], room: [1])
                + DriverStep.chain(0, [request(13, 0) + little(UInt64(2)) + little(UInt32(4), 0)], room: [1]),
            [5, 0] + DriverStep.chain(1, [Array("hello\n".utf8)]) + DriverStep.chain(0, [], room: [64])
                + DriverStep.host + little(UInt16(100)),
            [6, 0] + DriverStep.chain(0, [], room: [64, 9]),
            [7, 0] + DriverStep.chain(0, [], room: [512]) + DriverStep.chain(1, [hello.bytes])
                + DriverStep.chain(0, [], room: [512]) + DriverStep.chain(1, [payload.bytes]),
        ]
    }
}

/// An endpoint that sends back what it gets.
final class EchoEndpoint: VsockEndpoint {
    private let connection: VsockConnection
    init(_ connection: VsockConnection) { self.connection = connection }
    func receive(_ bytes: [UInt8]) {
        connection.send(bytes)
        connection.forwarded(bytes.count)
    }
    func receiveEnded() { connection.endSending() }
    func roomAppeared() {}
    func sendingRefused() {}
    func closed() {}
}
