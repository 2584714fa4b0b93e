import Syscalls

/// Carries bytes between this process's standard streams and the terminal of a program in the foreground.
///
/// Nothing is kept longer than the other side takes to read it: each direction has one buffer, and its source is read again
/// when the buffer is empty.
struct TerminalRelay: ~Copyable {
    private let terminal: OwnedDescriptor
    private let input: OwnedDescriptor
    private let output: OwnedDescriptor
    private let raw: RawTerminal?
    private var pendingInput: ArraySlice<UInt8> = []
    private var inputEnded = false
    private var outputEnded = false
    private var endsWithNewline = true

    /// Takes over the standard streams.
    ///
    /// - Parameter terminal: the main side of the program's terminal.
    init(_ terminal: consuming OwnedDescriptor) throws(SystemError) {
        let input = try OwnedDescriptor.standardStream(0)
        let output = try OwnedDescriptor.standardStream(1)
        try terminal.setNonBlocking(true)
        self.terminal = terminal
        self.input = input
        self.output = output
        raw = RawTerminal.begin(standardStream: 0)
    }

    /// Gives the program's terminal the size of ours.
    borrowing func copySize() {
        Self.copySize(to: terminal)
    }

    /// Gives a terminal the size of the one that this process has, where it has one.
    static func copySize(to terminal: borrowing OwnedDescriptor) {
        for stream in [0, 1, 2] as [Int32] {
            guard let ours = try? OwnedDescriptor.standardStream(stream), let size = try? PseudoTerminal.size(of: ours)
            else { continue }
            try? PseudoTerminal.setSize(of: terminal, rows: size.rows, columns: size.columns)
            return
        }
    }

    /// Gives a terminal, where there is one, the size that it has at the program's start.
    static func copySize(toOptional terminal: borrowing OwnedDescriptor?) {
        switch terminal {
        case .some(let terminal): copySize(to: terminal)
        case .none: return
        }
    }

    /// Adds what the relay waits for to a set.
    ///
    /// - Returns: the places of its files in the set.
    borrowing func register(in set: inout PollSet) -> Places {
        var places = Places()
        if !outputEnded { places.output = set.add(terminal, .readable) }
        if !pendingInput.isEmpty {
            places.room = set.add(terminal, .writable)
        } else if !inputEnded {
            places.input = set.add(input, .readable)
        }
        return places
    }

    /// The relay's places in a set.
    struct Places {
        fileprivate var input: Int?
        fileprivate var room: Int?
        fileprivate var output: Int?
    }

    /// Carries on what a wait found ready.
    mutating func carry(_ set: PollSet, _ places: Places) throws(SystemError) {
        if let place = places.input, set.isReady(place) { try readInput() }
        if let place = places.room, set.isReady(place) { try writeInput() }
        if let place = places.output, set.isReady(place) { try carryOutput() }
    }

    /// Carries what the program has written before it ended.
    mutating func drain() throws(SystemError) {
        // A program left in the background may write for ever; what its parent wrote is there already.
        for _ in 0..<1024 where !outputEnded {
            var set = PollSet()
            let place = set.add(terminal, .readable)
            guard try set.wait(timeoutMilliseconds: 0), set.isReady(place) else { return }
            try carryOutput()
        }
    }

    private mutating func readInput() throws(SystemError) {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count: Int
        do {
            count = try input.read(into: &chunk, subject: "standard input")
        } catch {
            // A terminal that went away, or a descriptor that is closed: there is no more input.
            count = 0
        }
        if count == 0 {
            inputEnded = true
            // The terminal's end of file: a line that is begun takes one to be sent, and another to be the last.
            pendingInput = endsWithNewline ? [4] : [4, 4]
        } else {
            endsWithNewline = chunk[count - 1] == UInt8(ascii: "\n")
            pendingInput = chunk.prefix(count)
        }
        try writeInput()
    }

    private mutating func writeInput() throws(SystemError) {
        do {
            let written = try terminal.write(some: pendingInput, subject: "the terminal")
            pendingInput = pendingInput.dropFirst(written)
        } catch {
            guard error.errno != .wouldBlock else { return }
            // The program has closed its side; whoever waits for it sees its end.
            pendingInput = []
            inputEnded = true
        }
    }

    private mutating func carryOutput() throws(SystemError) {
        var chunk = [UInt8](repeating: 0, count: 16384)
        do {
            let count = try terminal.read(into: &chunk, subject: "the terminal")
            if count == 0 {
                outputEnded = true
                return
            }
            try output.writeAll(Array(chunk.prefix(count)), subject: "standard output")
        } catch {
            if error.errno == .wouldBlock { return }
            // EIO: nobody has the other side open any more, pty(7).
            outputEnded = true
            if error.errno != .inputOutput { throw error }
        }
    }
}
