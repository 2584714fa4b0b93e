import AgentProtocol
import Board
import Diagnostics
import Plans
import Syscalls

/// A connection of mvrun's to the monitor, for one request.
final class ControlConnection {
    private let socket: PacketSocket
    private let loop: EventLoop
    private var registration: EventLoop.Registration?
    /// The program that it asked for, whose signals and sizes it speaks of.
    var process: UInt32?

    init(_ socket: consuming OwnedDescriptor, on loop: EventLoop) {
        self.socket = PacketSocket(socket)
        self.loop = loop
    }

    /// Waits for packets.
    ///
    /// - Parameter handle: told of each; of an empty one when the other side is gone.
    func begin(_ handle: @escaping (ControlConnection, ControlPacket) -> Void) throws(SystemError) {
        registration = try loop.add(socket.descriptor.number, .readable) { [weak self] _ in
            guard let self else { return }
            handle(self, self.next())
        }
    }

    private func next() -> ControlPacket {
        guard let (bytes, numbers) = try? socket.receiveAll(limit: ControlRequest.packetLimit), !bytes.isEmpty else {
            return .end
        }
        let files = numbers.map { PassedFile(OwnedDescriptor(owning: $0)) }
        guard let request = try? ControlRequest(packet: bytes) else { return .malformed }
        return .request(request, files)
    }

    /// Answers.
    ///
    /// Who has gone away does not want to know.
    func reply(_ reply: ControlReply) {
        try? socket.send(reply.packet)
    }

    /// Waits no more; the connection closes when nobody has it any more.
    func close() {
        if let registration { loop.remove(registration) }
        registration = nil
    }
}

/// What came over a control connection.
enum ControlPacket {
    /// A request, and the files that came with it.
    case request(ControlRequest, [PassedFile])
    /// What cannot be understood.
    case malformed
    /// The other side is gone.
    case end
}

/// A file that came with a request, until somebody takes it.
final class PassedFile {
    /// The file; nil once it is taken.
    var file: OwnedDescriptor?

    init(_ file: consuming OwnedDescriptor) {
        self.file = consume file
    }
}

/// The monitor's side of the container's start socket.
final class ControlServer {
    /// How many connections there may be at one time.
    private static let limit = 1024

    private let listener: OwnedDescriptor
    private let loop: EventLoop
    private let forbidden: (SystemError) -> Void
    private let handle: (ControlConnection, ControlPacket) -> Void
    private var connections: [ObjectIdentifier: ControlConnection] = [:]

    /// Takes the listening socket.
    ///
    /// - Parameters:
    ///   - listener: the socket.
    ///   - loop: where it is waited for.
    ///   - forbidden: told where a security module forbids to take connections, which nobody can then wait for.
    ///   - handle: told of every packet.
    init(
        _ listener: consuming OwnedDescriptor, on loop: EventLoop, forbidden: @escaping (SystemError) -> Void,
        _ handle: @escaping (ControlConnection, ControlPacket) -> Void
    ) throws(SystemError) {
        self.listener = listener
        self.loop = loop
        self.forbidden = forbidden
        self.handle = handle
        _ = try loop.add(self.listener.number, .readable) { [weak self] _ in self?.accept() }
    }

    private func accept() {
        let socket: OwnedDescriptor
        do {
            socket = try UnixSocket.accept(listener)
        } catch {
            if error.errno == .accessDenied || error.errno == .notPermitted { forbidden(error) }
            return
        }
        guard connections.count < Self.limit else { return }
        let connection = ControlConnection(socket, on: loop)
        connections[ObjectIdentifier(connection)] = connection
        do throws(SystemError) {
            try connection.begin { [weak self] connection, packet in
                if case .request = packet {} else { self?.close(connection) }
                self?.handle(connection, packet)
            }
        } catch {
            close(connection)
        }
    }

    /// Lets go of a connection.
    func close(_ connection: ControlConnection) {
        connection.close()
        connections.removeValue(forKey: ObjectIdentifier(connection))
    }
}
