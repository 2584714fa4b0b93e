import AgentProtocol
import Syscalls

/// Answers in the guest for a resolver that listens on a loopback address of the host's network namespace, which a guest has
/// none of: docker's, on 127.0.0.11.
///
/// Programs of the guest ask as they would there, by datagrams or connections, RFC 1035, 4.2. Their questions go to the host on
/// one stream, as `NameMessages`, each with an identification of its own, by which the answer finds who asked. The host
/// sends them on as datagrams, so what is asked by a connection says that it takes a long answer (EDNS(0), RFC 6891).
///
/// Where the kernel can (CONFIG_CGROUP_BPF), it listens on ports of its own, and programs that mean port 53 reach these; so the
/// workload may serve names itself, on port 53 of every address, as it may in a container.
final class NameRelay {
    /// The most questions that wait for an answer; a new one takes the place of the oldest.
    private static let questionLimit = 256
    /// The most connections of programs; a new one takes the place of the oldest.
    private static let callerLimit = 16
    /// The most bytes that wait for a host that takes none.
    private static let outgoingLimit = 256 << 10
    private static let datagramsOfATurn = 64

    /// Who asked.
    private enum Asker {
        case datagram(DatagramPeer)
        case caller(Caller)
    }

    /// A program's connection, as long as it is one of `callers`.
    private struct Caller {
        weak var caller: NameCaller?
    }

    private struct Question {
        /// What stands in the message on its way to the host.
        var number: UInt16
        /// What stood in the question.
        var original: UInt16
        var asker: Asker
    }

    private let sockets: Sockets
    private let host: OwnedDescriptor
    private var callers: [NameCaller] = []
    private var questions = [Question?](repeating: nil, count: questionLimit)
    private var lastNumber: UInt16 = 0
    private var answers = NameMessages()
    private var outgoing = SendQueue()
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)
    /// Whether the host is gone.
    private var isOver = false

    /// What is waited for, by its places in a set.
    struct Places {
        fileprivate var host: Int
        fileprivate var room: Int?
        fileprivate var datagrams: Int
        fileprivate var listener: Int
        fileprivate var callers: [(NameCaller, NameCaller.Places)]
    }

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - place: the resolver's address and port.
    ///   - host: a stream to the host's `Meeting.namePort`.
    ///   - redirect: has programs that mean `place` reach another port of its address; throws where the kernel cannot.
    init(
        at place: DatagramPeer, host: consuming OwnedDescriptor,
        redirect: (DatagramPeer, UInt16) throws(SystemError) -> Void
    ) throws(SystemError) {
        try host.setNonBlocking(true)
        sockets = try Self.sockets(for: place, redirect)
        self.host = host
    }

    /// A socket of either kind on one port.
    private struct Sockets: ~Copyable {
        let datagrams: OwnedDescriptor
        let listener: OwnedDescriptor
        let port: UInt16

        init(at place: DatagramPeer) throws(SystemError) {
            let datagrams = try InternetSocket.datagrams(at: place)
            let port = try InternetSocket.port(of: datagrams)
            listener = try InternetSocket.listen(at: DatagramPeer(address: place.address, port: port))
            self.datagrams = datagrams
            self.port = port
        }
    }

    private static func sockets(
        for place: DatagramPeer, _ redirect: (DatagramPeer, UInt16) throws(SystemError) -> Void
    ) throws(SystemError) -> Sockets {
        do throws(SystemError) {
            let others = try Sockets(at: DatagramPeer(address: place.address, port: 0))
            try redirect(place, others.port)
            return others
        } catch {
            return try Sockets(at: place)
        }
    }

    /// The port that it listens on.
    var ownPort: UInt16 { sockets.port }

    /// Adds what is waited for to a set; nil where nothing is any more.
    func register(in set: inout PollSet) -> Places? {
        guard !isOver else { return nil }
        return Places(
            host: set.add(host, .readable), room: outgoing.isEmpty ? nil : set.add(host, .writable),
            datagrams: set.add(sockets.datagrams, .readable), listener: set.add(sockets.listener, .readable),
            callers: callers.map { ($0, $0.register(in: &set)) })
    }

    /// Carries on what a wait found ready.
    func carry(_ set: PollSet, _ places: Places?) {
        guard let places else { return }
        if set.isReady(places.datagrams) { takeDatagrams() }
        for (caller, place) in places.callers {
            for message in caller.carry(set, place) {
                ask(NameMessages.allowingLong(message), for: .caller(Caller(caller: caller)))
            }
        }
        if set.isReady(places.listener) { takeCaller() }
        if set.isReady(places.host) { takeAnswers() }
        if let room = places.room, set.isReady(room) { flush() }
        callers.removeAll(where: \.isOver)
    }
}

extension NameRelay {
    private func takeDatagrams() {
        for _ in 0..<Self.datagramsOfATurn {
            // Whatever the error is, an empty socket's or that of an answer which nobody wanted, the next turn sees the rest.
            guard let (message, peer) = try? sockets.datagrams.receiveDatagram(limit: NameMessages.limit) else {
                return
            }
            ask(message, for: .datagram(peer))
        }
    }

    private func takeCaller() {
        guard let socket = try? UnixSocket.accept(sockets.listener), let caller = try? NameCaller(socket) else {
            return
        }
        if callers.count == Self.callerLimit { callers.removeFirst() }
        callers.append(caller)
    }

    /// Sends a question to the host.
    private func ask(_ message: [UInt8], for asker: Asker) {
        guard message.count >= NameMessages.headerSize, outgoing.count + message.count <= Self.outgoingLimit else {
            return giveUp(asker)
        }
        lastNumber &+= 1
        let place = Int(lastNumber) % Self.questionLimit
        if let oldest = questions[place] { giveUp(oldest.asker) }
        questions[place] = Question(number: lastNumber, original: Self.number(of: message), asker: asker)
        outgoing.append(NameMessages.framed(Self.numbered(message, lastNumber)))
        flush()
    }

    /// A question will have no answer: who asked by a datagram asks again.
    private func giveUp(_ asker: Asker) {
        if case .caller(let caller) = asker { caller.caller?.giveUp() }
    }

    /// A message's identification, RFC 1035, 4.1.1.
    private static func number(of message: [UInt8]) -> UInt16 {
        UInt16(message[0]) << 8 | UInt16(message[1])
    }

    private static func numbered(_ message: [UInt8], _ number: UInt16) -> [UInt8] {
        [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)] + message.dropFirst(2)
    }

    private func flush() {
        do {
            try outgoing.flush(to: host, subject: "the host")
        } catch {
            isOver = true
        }
    }

    private func takeAnswers() {
        do {
            let count = try host.read(into: &buffer, subject: "the host")
            if count == 0 { isOver = true }
            answers.append(buffer[..<count])
        } catch {
            if error.errno != .wouldBlock { isOver = true }
        }
        while let message = answers.next() { hand(message) }
    }

    /// Gives an answer to who asked.
    private func hand(_ message: [UInt8]) {
        guard message.count >= NameMessages.headerSize else { return }
        let number = Self.number(of: message)
        let place = Int(number) % Self.questionLimit
        guard let question = questions[place], question.number == number else { return }
        questions[place] = nil
        let answer = Self.numbered(message, question.original)
        switch question.asker {
        // Who is gone, or takes nothing, asks again if it cares.
        case .datagram(let peer): try? sockets.datagrams.send(answer, to: peer)
        case .caller(let caller): caller.caller?.send(answer)
        }
    }
}
