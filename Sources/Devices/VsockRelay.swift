package import Board
package import Syscalls

/// A connection whose bytes go to a file of the host, come from one, or both, as those of a standard stream do.
///
/// Neither side is read faster than the other takes it: the guest has as much credit as there is room here, and the host's
/// file is read when the connection has room. An end on one side is the same end on the other: the end of the host's file
/// ends what the guest reads, and when the guest ends, the host's file is closed behind the last byte. A connection that
/// goes away still has its bytes written.
package final class VsockRelay: VsockEndpoint {
    private static let readSize = 64 << 10

    private let connection: VsockConnection
    private let loop: EventLoop
    private var source: VsockHostFile?
    private var sink: VsockHostFile?
    private var sourceWatch: EventLoop.Registration?
    private var sinkWatch: EventLoop.Registration?
    /// What the sink has still to take: one run of bytes, for a guest may send them one at a time.
    private var pending: [UInt8] = []
    /// How many of them it has taken.
    private var pendingStart = 0
    private var guestEnded = false
    private var isGone = false
    private let finished: () -> Void
    private var told = false

    /// Whether everything that came from the guest was written, as far as anybody wants it.
    package var isDrained: Bool { pending.isEmpty }

    /// Takes a connection.
    ///
    /// - Parameters:
    ///   - connection: what `VsockEngine.listen` was given.
    ///   - loop: the loop that the engine belongs to.
    ///   - source: what the guest reads; nil for nothing.
    ///   - sink: where goes what the guest writes; nil to drop it.
    ///   - received: what the guest has written already, before it was known where it goes.
    ///   - finished: called once, when the guest writes no more and all that it wrote is written.
    package init(
        _ connection: VsockConnection, on loop: EventLoop, source: consuming OwnedDescriptor?,
        sink: consuming OwnedDescriptor?, received: ArraySlice<UInt8> = [], finished: @escaping () -> Void = {}
    ) {
        self.connection = connection
        self.loop = loop
        self.finished = finished
        if let file = source.take() { self.source = VsockHostFile(file, forWriting: false) }
        if let file = sink.take() { self.sink = VsockHostFile(file, forWriting: true) }
        if !received.isEmpty { receive(Array(received)) }
    }

    /// Begins to read for the guest; a relay that is made while its connection is made may not yet.
    package func begin() {
        if source == nil { connection.endSending() } else { pump() }
    }

    package func receive(_ bytes: [UInt8]) {
        guard sink != nil else {
            connection.forwarded(bytes.count)
            return
        }
        let waits = !pending.isEmpty
        pending += bytes
        if !waits { drain() }
    }

    package func receiveEnded() {
        guestEnded = true
        if pending.isEmpty { endSink() }
    }

    package func roomAppeared() {
        pump()
    }

    package func sendingRefused() {
        endSource()
    }

    package func closed() {
        isGone = true
        endSource()
        receiveEnded()
    }
}

extension VsockRelay {
    /// Reads for the guest until there is nothing to read now, or no room for it.
    private func pump() {
        while let source {
            let room = connection.room
            if room == 0 {
                watchSource(false)
                return
            }
            guard let bytes = source.read(limit: min(room, Self.readSize)) else {
                watchSource(true)
                return
            }
            if bytes.isEmpty {
                endSource()
                connection.endSending()
                return
            }
            connection.send(bytes)
        }
    }

    private func watchSource(_ isWanted: Bool) {
        if !isWanted, let sourceWatch {
            // A hangup would be told for ever to whoever cannot do anything about it yet.
            loop.remove(sourceWatch)
            self.sourceWatch = nil
        } else if isWanted, sourceWatch == nil, let source {
            sourceWatch = try? loop.add(source.file.number, .readable) { [weak self] _ in self?.pump() }
        }
    }

    private func endSource() {
        if let sourceWatch { loop.remove(sourceWatch) }
        sourceWatch = nil
        source = nil
    }

    /// Writes what came from the guest until the sink takes no more.
    private func drain() {
        while !pending.isEmpty, let sink {
            guard let count = sink.write(pending[pendingStart...]) else {
                refuseGuest()
                return
            }
            if count == 0 {
                watchSink(sink)
                return
            }
            if !isGone { connection.forwarded(count) }
            pendingStart += count
            if pendingStart == pending.count {
                pending.removeAll(keepingCapacity: true)
                pendingStart = 0
            } else if pendingStart >= VsockConnection.bufferSize {
                pending.removeFirst(pendingStart)
                pendingStart = 0
            }
        }
        if let sinkWatch { loop.remove(sinkWatch) }
        sinkWatch = nil
        if guestEnded { endSink() }
    }

    private func watchSink(_ sink: VsockHostFile) {
        if sinkWatch == nil {
            sinkWatch = try? loop.add(sink.file.number, .writable) { [weak self] _ in self?.drain() }
        }
    }

    /// Nobody reads what the guest writes: it shall know, as a program with a closed pipe does.
    private func refuseGuest() {
        pending = []
        pendingStart = 0
        endSink()
        connection.endReceiving()
    }

    private func endSink() {
        if let sinkWatch { loop.remove(sinkWatch) }
        sinkWatch = nil
        sink?.endWriting()
        sink = nil
        if !told {
            told = true
            finished()
        }
    }
}
