package import Board
package import Syscalls

/// Connections between programs of the host and programs of the guest, by unix sockets in the form that Firecracker has made
/// known: docs/vsock.md.
///
/// Who connects to the socket and writes "CONNECT 52\n" reaches port 52 of the guest, once "OK 1073741824\n" has come back. Who
/// listens on the socket's path with "_53" behind it is reached by whoever in the guest connects to port 53 of the host.
///
/// The guest chooses ports, and nothing else: a number is all of it that gets into a path.
package final class HybridSocket {
    /// How many callers there may be that have not been connected yet.
    private static let callerLimit = 64

    private let path: String
    private let engine: VsockEngine
    private let loop: EventLoop
    private let listener: OwnedDescriptor
    private var callers: [ObjectIdentifier: HybridCaller] = [:]

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - path: where; less than 96 bytes, for a port comes behind it.
    ///   - engine: the guest's connections, whose other ports are taken over.
    ///   - loop: the loop that the engine belongs to.
    package init(at path: String, engine: VsockEngine, loop: EventLoop) throws(SystemError) {
        self.path = path
        self.engine = engine
        self.loop = loop
        listener = try UnixSocket.listen(at: path, .stream)
        _ = try loop.add(listener.number, .readable) { [weak self] _ in self?.accept() }
        engine.listenOnOthers { [weak self] connection in self?.connectOut(connection) }
    }

    private func accept() {
        guard let socket = try? UnixSocket.accept(listener), callers.count < Self.callerLimit else { return }
        let caller = HybridCaller(socket, engine: engine, loop: loop) { [weak self] in
            self?.callers.removeValue(forKey: ObjectIdentifier($0))
        }
        callers[ObjectIdentifier(caller)] = caller
        caller.begin()
    }

    /// Somebody in the guest wants a port of the host.
    private func connectOut(_ connection: VsockConnection) -> (any VsockEndpoint)? {
        guard let socket = try? UnixSocket.connect(to: "\(path)_\(connection.hostPort)", .stream, waits: false),
            let other = try? socket.duplicate()
        else { return nil }
        return VsockRelay(connection, on: loop, source: socket, sink: other)
    }
}

/// A program of the host that wants a port of the guest: it says which, waits until the guest has taken the connection, and is
/// relayed from then on.
private final class HybridCaller: VsockEndpoint {
    /// "CONNECT 4294967295" has 18 bytes.
    private static let lineLimit = 32

    private var socket: OwnedDescriptor?
    private let engine: VsockEngine
    private let loop: EventLoop
    private let settled: (HybridCaller) -> Void
    private var watch: EventLoop.Registration?
    private var line: [UInt8] = []
    private var connection: VsockConnection?
    private var relay: VsockRelay?

    /// - Parameter settled: called once, when it is connected or has gone.
    init(
        _ socket: consuming OwnedDescriptor, engine: VsockEngine, loop: EventLoop,
        settled: @escaping (HybridCaller) -> Void
    ) {
        self.socket = consume socket
        self.engine = engine
        self.loop = loop
        self.settled = settled
    }

    /// Waits for the line.
    func begin() {
        guard let number = number else { return end() }
        watch = try? loop.add(number, .readable) { [weak self] _ in self?.read() }
        if watch == nil { end() }
    }

    private var number: Int32? {
        switch socket {
        case .some(let socket): socket.number
        case .none: nil
        }
    }

    /// Takes a byte, for what follows the line is the guest's; the loop calls again as long as there are more.
    private func read() {
        var byte: [UInt8] = [0]
        let count: Int?
        switch socket {
        case .some(let socket): count = try? socket.read(into: &byte, subject: "a caller")
        case .none: count = nil
        }
        guard count == 1, line.count < Self.lineLimit else { return end() }
        guard byte[0] == UInt8(ascii: "\n") else {
            line.append(byte[0])
            return
        }
        stopWatching()
        let words = String(decoding: line, as: UTF8.self).split(separator: " ")
        guard words.count == 2, words[0] == "CONNECT", let port = UInt32(words[1]),
            engine.connect(
                to: port,
                {
                    connection = $0
                    return self
                })
        else { return end() }
    }

    private func stopWatching() {
        if let watch { loop.remove(watch) }
        watch = nil
    }

    /// The caller is not served any more.
    private func end() {
        stopWatching()
        socket = nil
        settled(self)
    }

    /// The guest has taken the connection, or has room again.
    func roomAppeared() {
        if let relay { return relay.roomAppeared() }
        guard let connection, let socket = socket.take(), let other = try? socket.duplicate() else { return end() }
        let answer = Array("OK \(connection.hostPort)\n".utf8)
        // A new socket has room for a line; without one its owner has gone.
        guard (try? socket.sendNow(answer[...], subject: "a caller")) == answer.count else {
            connection.reset()
            return end()
        }
        let relay = VsockRelay(connection, on: loop, source: socket, sink: other)
        self.relay = relay
        settled(self)
        relay.begin()
    }

    func receive(_ bytes: [UInt8]) { relay?.receive(bytes) }

    func receiveEnded() { relay?.receiveEnded() }

    func sendingRefused() { relay?.sendingRefused() }

    func closed() {
        if let relay { relay.closed() } else { end() }
    }
}
