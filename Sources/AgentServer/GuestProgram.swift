import AgentProtocol
import Diagnostics
import Syscalls

/// A program of the guest with its streams: the workload's first, or one that joined it.
final class GuestProgram {
    let id: UInt32
    /// Its process; 0 before it has one.
    var pid: Int32 = 0
    /// Its pidfd.
    var process: SharedFile?
    /// The main side of its terminal.
    var terminal: SharedFile?
    /// Relays to the program, and from it.
    var inputs: [StreamRelay] = []
    var outputs: [StreamRelay] = []
    /// How it ended, once it did.
    var end: ProcessEnd?

    init(id: UInt32) {
        self.id = id
    }

    /// Whether it has ended, and all it wrote was carried.
    var isSettled: Bool { end != nil && outputs.allSatisfy(\.isSettled) }

    /// Connects the program's ends of its streams with the host's.
    ///
    /// - Parameters:
    ///   - pipes: our ends, where it has no terminal.
    ///   - connect: makes a stream to the host.
    func connect(
        _ pipes: StandardPipes?, _ connect: (StreamHeader) throws(RuntimeError) -> SharedFile
    ) throws(RuntimeError) {
        if let terminal {
            let stream = try connect(StreamHeader(process: id, stream: .input))
            inputs = [StreamRelay(from: stream, to: terminal, ending: .terminal)]
            outputs = [StreamRelay(from: terminal, to: stream, ending: .shutDown)]
        } else if let pipes {
            inputs = [
                StreamRelay(
                    from: try connect(StreamHeader(process: id, stream: .input)), to: pipes.input, ending: .close)
            ]
            outputs = [
                StreamRelay(
                    from: pipes.output, to: try connect(StreamHeader(process: id, stream: .output)),
                    ending: .shutDown),
                StreamRelay(
                    from: pipes.errors, to: try connect(StreamHeader(process: id, stream: .errors)),
                    ending: .shutDown),
            ]
        }
    }
}

/// Our ends of a program's standard streams.
final class StandardPipes {
    let input: SharedFile
    let output: SharedFile
    let errors: SharedFile
    private var theirs: [SharedFile]

    /// Makes three pipes.
    init() throws(RuntimeError) {
        do {
            let (input, output, errors) = (try Pipe(), try Pipe(), try Pipe())
            try input.writing.file.setNonBlocking(true)
            try output.reading.file.setNonBlocking(true)
            try errors.reading.file.setNonBlocking(true)
            self.input = input.writing
            self.output = output.reading
            self.errors = errors.reading
            theirs = [input.reading, output.writing, errors.writing]
        } catch {
            throw RuntimeError(error).during("make pipes for the program")
        }
    }

    /// The numbers of the program's ends.
    var numbers: [Int32] { theirs.map { $0.file.number } }

    /// Closes the program's ends here: it has its own, and they are to be the last.
    func closeTheirs() {
        theirs = []
    }
}

/// A pipe whose ends go different ways.
private struct Pipe {
    let reading: SharedFile
    let writing: SharedFile

    init() throws(SystemError) {
        let ends = try makePipe()
        // Each is a descriptor of its own: what was made together cannot be taken apart.
        reading = SharedFile(try ends.reading.duplicate())
        writing = SharedFile(try ends.writing.duplicate())
    }
}
