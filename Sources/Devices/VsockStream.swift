/// A connection whose bytes go to and come from this process itself, as those of the control stream do.
package final class VsockStream: VsockEndpoint {
    /// What is told about the connection.
    package enum Event {
        /// The guest sent bytes.
        case received([UInt8])
        /// The guest will send no more, or the connection is gone.
        case ended
    }

    private let connection: VsockConnection
    private let handle: (VsockStream, Event) -> Void
    private var pending: ArraySlice<UInt8> = []
    private var ended = false

    /// Takes a connection.
    ///
    /// - Parameters:
    ///   - connection: what `VsockEngine.listen` was given.
    ///   - handle: told what happens, in order.
    package init(_ connection: VsockConnection, _ handle: @escaping (VsockStream, Event) -> Void) {
        self.connection = connection
        self.handle = handle
    }

    /// Sends bytes; what the guest has no room for waits here, so the caller bounds what it sends.
    package func send(_ bytes: [UInt8]) {
        guard !ended else { return }
        pending += bytes
        flush()
    }

    /// How many bytes wait for room.
    package var backlog: Int { pending.count }

    /// Ends the connection.
    package func close() {
        connection.reset()
    }

    private func flush() {
        let count = min(connection.room, pending.count)
        if count == 0 { return }
        let bytes = pending.prefix(count)
        // Before they are sent: that may call `roomAppeared`, and this with it.
        pending = pending.dropFirst(count)
        connection.send(bytes)
    }

    package func receive(_ bytes: [UInt8]) {
        handle(self, .received(bytes))
        connection.forwarded(bytes.count)
    }

    package func receiveEnded() {
        end()
    }

    package func roomAppeared() {
        flush()
    }

    package func sendingRefused() {
        pending = []
    }

    package func closed() {
        pending = []
        end()
    }

    private func end() {
        guard !ended else { return }
        ended = true
        handle(self, .ended)
    }
}
