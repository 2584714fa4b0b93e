import AgentProtocol
import Board
import Devices
package import Syscalls

/// The host's ends of one of a guest process's streams.
final class StreamEnds {
    /// What the guest reads; nil for nothing.
    var source: OwnedDescriptor?
    /// Where goes what the guest writes; nil to drop it.
    var sink: OwnedDescriptor?

    init(source: consuming OwnedDescriptor? = nil, sink: consuming OwnedDescriptor? = nil) {
        self.source = source
        self.sink = sink
    }
}

/// The files that the standard streams of a process in the guest lead to.
package struct WorkloadFiles {
    private let input: PassedFile
    private let output: PassedFile
    private let errors: PassedFile

    /// Takes the files.
    package init(
        input: consuming OwnedDescriptor, output: consuming OwnedDescriptor, errors: consuming OwnedDescriptor
    ) {
        self.init(input: PassedFile(input), output: PassedFile(output), errors: PassedFile(errors))
    }

    /// Takes the files that came with a request.
    init(input: PassedFile, output: PassedFile, errors: PassedFile) {
        self.input = input
        self.output = output
        self.errors = errors
    }

    /// This process's own standard streams.
    package static func ownStreams() throws(SystemError) -> WorkloadFiles {
        WorkloadFiles(input: try .standardStream(0), output: try .standardStream(1), errors: try .standardStream(2))
    }

    /// The ends by the streams that the guest will connect.
    func ends(terminal: Bool) -> [StreamHeader.Stream: StreamEnds] {
        if terminal { return [.input: StreamEnds(source: input.file.take(), sink: output.file.take())] }
        return [
            .input: StreamEnds(source: input.file.take()), .output: StreamEnds(sink: output.file.take()),
            .errors: StreamEnds(sink: errors.file.take()),
        ]
    }
}

/// The standard streams of one process in the guest: those that the guest has still to connect, and those that relay.
///
/// The process has come to its end for the host when the guest has said so and all that it wrote is written.
final class ProcessStreams {
    private var waiting: [StreamHeader.Stream: StreamEnds]
    private var relays: [VsockRelay] = []
    private var unfinished = 0
    private var exit: ProcessExit?
    private var ended: ((ProcessExit) -> Void)?

    /// Says where the streams lead.
    ///
    /// - Parameters:
    ///   - streams: the ends; with a terminal, `input` alone, which leads both ways.
    ///   - ended: called once, when the process has ended and all that it wrote is written.
    init(_ streams: [StreamHeader.Stream: StreamEnds], ended: @escaping (ProcessExit) -> Void) {
        waiting = streams
        self.ended = ended
    }

    /// Connects a stream of the guest's.
    ///
    /// - Returns: the relay; nil for a stream that is not waited for.
    func connect(
        _ stream: StreamHeader.Stream, _ connection: VsockConnection, on loop: EventLoop, received: ArraySlice<UInt8>
    ) -> VsockRelay? {
        guard let ends = waiting.removeValue(forKey: stream) else { return nil }
        unfinished += 1
        let relay = VsockRelay(
            connection, on: loop, source: ends.source.take(), sink: ends.sink.take(), received: received
        ) { [weak self] in self?.finish() }
        relays.append(relay)
        return relay
    }

    /// Takes that the process has ended; all that it wrote came before.
    func end(_ exit: ProcessExit) {
        self.exit = self.exit ?? exit
        // What the guest never connected will not come any more.
        waiting = [:]
        endIfWritten()
    }

    private func finish() {
        unfinished -= 1
        endIfWritten()
    }

    // A stream that is still open belongs to a process that was left behind, and all that came is written.
    private func endIfWritten() {
        guard let exit, unfinished == 0 || relays.allSatisfy(\.isDrained) else { return }
        ended?(exit)
        ended = nil
    }
}

/// A connection to the stream port, until it has said whose stream it is; then a relay's.
final class StreamIntake: VsockEndpoint {
    /// Connects a stream with what the guest has sent behind its header; nil refuses it.
    typealias Connect = (StreamHeader, VsockConnection, ArraySlice<UInt8>) -> VsockRelay?

    private let connection: VsockConnection
    private let connect: Connect
    private var header: [UInt8] = []
    private var relay: VsockRelay?

    init(_ connection: VsockConnection, _ connect: @escaping Connect) {
        self.connection = connection
        self.connect = connect
    }

    func receive(_ bytes: [UInt8]) {
        if let relay { return relay.receive(bytes) }
        // Never more than the connection gives credit for.
        header += bytes
        guard header.count >= StreamHeader.size else { return }
        let rest = header.dropFirst(StreamHeader.size)
        guard let found = StreamHeader(bytes: header.prefix(StreamHeader.size)),
            let relay = connect(found, connection, rest)
        else { return connection.reset() }
        self.relay = relay
        header = []
        connection.forwarded(StreamHeader.size)
        relay.begin()
    }

    func receiveEnded() {
        guard let relay else { return connection.reset() }
        relay.receiveEnded()
    }

    func roomAppeared() { relay?.roomAppeared() }

    func sendingRefused() { relay?.sendingRefused() }

    func closed() { relay?.closed() }
}
