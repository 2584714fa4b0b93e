import Syscalls

/// An open file of the host that a connection of the guest leads to or comes from: a pipe, a terminal, a socket or a file.
///
/// It is shared with whoever handed it over, whose reads and writes must go on waiting, so its flags stay as they are.
final class VsockHostFile {
    private enum Way {
        /// A socket: each call can say that it does not wait.
        case socket
        /// Opened anew, with flags of its own.
        case own
        /// Never waits, whatever its flags: a regular file.
        case plain
        /// Not to be had anew: a file that is ready takes this much without waiting (PIPE_BUF, pipe(7)).
        case careful
    }

    private static let carefulSize = 4096

    let file: OwnedDescriptor
    private let way: Way

    /// Takes a file.
    init(_ file: consuming OwnedDescriptor, forWriting: Bool) {
        let kind = (try? file.status())?.kind
        switch kind {
        case .socket: way = .socket
        // Opened anew it would be read and written from its beginning.
        case .regular: way = .plain
        default:
            // The main side of a terminal opened anew would be another terminal.
            let isMain = (try? PseudoTerminal.number(of: file)) != nil
            let options: OpenOptions = forWriting ? [.writeOnly, .nonBlocking] : .nonBlocking
            if kind == .fifo || !isMain && file.isTerminal,
                let own = try? OwnedDescriptor.open(file.procPath, options)
            {
                self.file = own
                way = .own
                return
            }
            way = .careful
        }
        self.file = file
    }

    /// Reads what is there.
    ///
    /// - Returns: nil where nothing is there yet; empty at the end.
    func read(limit: Int) -> [UInt8]? {
        if way == .socket || way == .careful, !isReady(.readable) { return nil }
        var bytes = [UInt8](repeating: 0, count: limit)
        do {
            let count = try file.read(into: &bytes, subject: "a stream")
            bytes.removeLast(limit - count)
            return bytes
        } catch {
            // A terminal whose other side is gone is an EIO; whatever else it is, no more comes.
            return error.errno == .wouldBlock ? nil : []
        }
    }

    /// Writes as much as is taken at once.
    ///
    /// - Returns: how many bytes were taken; nil where nobody reads any more.
    func write(_ bytes: ArraySlice<UInt8>) -> Int? {
        do {
            switch way {
            case .socket: return try file.sendNow(bytes, subject: "a stream")
            case .own, .plain: return try file.write(some: bytes, subject: "a stream")
            case .careful:
                guard isReady(.writable) else { return 0 }
                return try file.write(some: bytes.prefix(Self.carefulSize), subject: "a stream")
            }
        } catch {
            return error.errno == .wouldBlock ? 0 : nil
        }
    }

    private func isReady(_ event: PollSet.Event) -> Bool {
        var set = PollSet()
        set.add(file, event)
        return (try? set.wait(timeoutMilliseconds: 0)) ?? true
    }

    /// Nothing more will be written: what is a socket tells its other side; for the others that is done by closing.
    func endWriting() {
        if way == .socket { try? file.endWriting() }
    }
}
