import AgentProtocol
import KVM
import Plans
import Syscalls
import Testing

@testable import VMM

private let kvmIsUsable = (try? KVMSystem.open())?.missingCapabilities().isEmpty ?? false

/// The way of a guest's questions to a resolver of the host's, which the test plays.
@Suite(.enabled(if: kvmIsUsable, "needs a usable /dev/kvm")) struct ResolverRelayTests {
    private let address: [UInt8] = [127, 0, 0, 11]
    private let question = [UInt8](1...20)

    /// A guest that is ready.
    private func guest() throws -> SessionGuest {
        let guest = try SessionGuest(
            input: try OwnedDescriptor.open("/dev/null"), output: try OwnedDescriptor.open("/dev/null", .writeOnly))
        try guest.becomeReady()
        return guest
    }

    private func connect(_ guest: SessionGuest, _ sockets: [Int32]) throws -> ControlReply {
        let asker = try guest.connect()
        try asker.send(
            ControlRequest.connect([], resolver: InternetAddress(address)).packet, withAll: sockets)
        _ = try guest.messages()
        return try ControlReply(packet: try asker.receive().bytes)
    }

    private func resolver() throws -> OwnedDescriptor {
        try InternetSocket.datagrams(at: DatagramPeer(address: address, port: 0))
    }

    /// A resolver that the guest has, and is connected to.
    private func resolver(of guest: SessionGuest) throws -> OwnedDescriptor {
        let resolver = try resolver()
        let socket = try socket(to: resolver)
        #expect(try connect(guest, [socket.number]) == .done)
        _ = guest.openNames()
        return resolver
    }

    private func socket(to resolver: borrowing OwnedDescriptor) throws -> OwnedDescriptor {
        try InternetSocket.datagrams(
            connectedTo: DatagramPeer(address: address, port: try InternetSocket.port(of: resolver)))
    }

    @Test func aQuestionGoesThereAndTheAnswerComesBack() throws {
        let guest = try guest()
        let resolver = try resolver(of: guest)
        // In two parts, with a question behind it that is none.
        let framed = NameMessages.framed(question)
        guest.ask(Array(framed.prefix(3)))
        guest.ask(framed.dropFirst(3) + NameMessages.framed([1, 2, 3]))
        let (asked, peer) = try resolver.receiveDatagram(limit: 100)
        #expect(asked == question)
        #expect(throws: SystemError.self) { try resolver.receiveDatagram(limit: 100) }
        try resolver.send(question.reversed() + [UInt8](repeating: 7, count: 1000), to: peer)
        #expect(try guest.answer() == question.reversed() + [UInt8](repeating: 7, count: 1000))
    }

    @Test func aResolverThatWasStartedAnewIsReachedByAnotherSocket() throws {
        let guest = try guest()
        let resolver = try resolver()
        // What leads to a port where nobody is any more.
        let lost = try socket(to: try self.resolver())
        let socket = try socket(to: resolver)
        #expect(try connect(guest, [lost.number, socket.number]) == .done)
        _ = guest.openNames()
        guest.ask(NameMessages.framed(question))
        _ = try guest.messages()
        // The first was lost; who asks again is heard.
        guest.ask(NameMessages.framed(question))
        #expect(try resolver.receiveDatagram(limit: 100).bytes == question)
    }

    @Test func thereIsOneResolverAndOneConnectionToIt() throws {
        let guest = try guest()
        let without = guest.openNames()
        _ = try guest.messages()
        #expect(guest.resetPorts.contains(without), "nobody listens before there is a resolver")
        let resolver = try resolver()
        let first = try socket(to: resolver)
        let second = try socket(to: resolver)
        #expect(try connect(guest, [first.number]) == .done)
        #expect(try connect(guest, [second.number]) == .done)
        let agents = guest.openNames()
        let other = guest.openNames()
        _ = try guest.messages()
        #expect(!guest.resetPorts.contains(agents) && guest.resetPorts.contains(other))
    }

    @Test func socketsAndResolverComeTogether() throws {
        let guest = try guest()
        guard case .failure(let error) = try connect(guest, []) else {
            Issue.record("a resolver without sockets was taken")
            return
        }
        #expect("\(error)".contains("0 network interfaces came with 0 files"))
    }

    @Test func aGuestThatTakesNoAnswersGetsNoMoreThanThereIsRoomFor() throws {
        let guest = try guest()
        let resolver = try resolver(of: guest)
        guest.ask(NameMessages.framed(question))
        let peer = try resolver.receiveDatagram(limit: 100).peer
        for _ in 0..<200 {
            try? resolver.send([UInt8](repeating: 7, count: 8000), to: peer)
            try guest.machine.loop.poll(timeoutMilliseconds: 10)
        }
        var count = 0
        while try guest.answer() != nil { count += 1 }
        #expect(count > 10 && count * 8002 <= 400_000, "\(count) answers of 8,000 bytes were kept")
    }
}
