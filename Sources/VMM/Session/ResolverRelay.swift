import AgentProtocol
import Board
import Devices
import Syscalls

/// Carries questions of the guest's to a resolver that listens on a loopback address of the network namespace, as docker's does,
/// and the answers back.
///
/// The sockets lead there when they come: this process opens none. A message of the stream becomes a datagram, a datagram a
/// message; who asked what is the agent's affair. Questions may get lost here, as on any network, and whoever asks asks again.
///
/// Everything happens with the turn of the machine's loop.
final class ResolverRelay {
    /// The most bytes that wait for a guest that takes none.
    private static let backlogLimit = 256 << 10
    private static let datagramsOfATurn = 64

    private var sockets: [Socket] = []
    private let loop: EventLoop
    private var registrations: [EventLoop.Registration] = []
    private var current = 0
    private var messages = NameMessages()
    private var stream: VsockStream?
    private var isTaken = false
    private var buffer = [UInt8](repeating: 0, count: NameMessages.limit)

    /// Takes the sockets.
    ///
    /// - Parameters:
    ///   - passed: sockets of datagrams, all of which lead to the resolver. One is used until it is refused: what the host's
    ///     kernel remembers of it (conntrack) leads to the old port of a resolver that was started anew.
    ///   - loop: where they are waited for.
    init(_ passed: some Collection<PassedFile>, on loop: EventLoop) {
        self.loop = loop
        for file in passed {
            if let socket = file.file.take() { sockets.append(Socket(socket)) }
        }
    }

    private final class Socket {
        let file: OwnedDescriptor
        init(_ file: consuming OwnedDescriptor) { self.file = file }
    }

    deinit { end() }

    /// Takes the first connection.
    ///
    /// The agent makes it when it hears of the resolver, mostly before there is a program; one that
    /// comes before the agent keeps its own guest from names.
    func accept(_ connection: VsockConnection) -> (any VsockEndpoint)? {
        guard !isTaken else { return nil }
        for (index, socket) in sockets.enumerated() {
            let registration = try? loop.add(socket.file.number, .readable) { [weak self] _ in
                self?.receive(from: index)
            }
            guard let registration else {
                end()
                return nil
            }
            registrations.append(registration)
        }
        isTaken = true
        let stream = VsockStream(connection) { [weak self] _, event in
            switch event {
            case .received(let bytes): self?.take(bytes)
            case .ended: self?.end()
            }
        }
        self.stream = stream
        return stream
    }

    private func take(_ bytes: [UInt8]) {
        messages.append(bytes)
        while let message = messages.next() {
            if message.count >= NameMessages.headerSize { ask(message) }
        }
    }

    /// Sends a question by the first socket that takes it.
    private func ask(_ message: [UInt8]) {
        for _ in sockets {
            do {
                _ = try sockets[current].file.sendNow(message[...], subject: "the resolver")
                return
            } catch {
                guard error.errno == .connectionRefused else { return }
                leave(current)
            }
        }
    }

    private func leave(_ index: Int) {
        if index == current { current = (current + 1) % sockets.count }
    }

    private func receive(from index: Int) {
        for _ in 0..<Self.datagramsOfATurn {
            do {
                let count = try sockets[index].file.read(into: &buffer, subject: "the resolver")
                guard let stream, stream.backlog + count <= Self.backlogLimit else { continue }
                stream.send(NameMessages.framed(buffer[..<count]))
            } catch {
                if error.errno == .connectionRefused { leave(index) }
                return
            }
        }
    }

    private func end() {
        for registration in registrations { loop.remove(registration) }
        registrations = []
        stream = nil
    }
}
