import AgentProtocol
import Syscalls

/// A program of the guest that asks for names over a connection.
final class NameCaller {
    /// The most bytes that wait for a program that takes none.
    private static let outgoingLimit = 256 << 10

    private let file: OwnedDescriptor
    private var questions = NameMessages()
    private var outgoing = SendQueue()
    private var buffer = [UInt8](repeating: 0, count: 4096)
    /// How many questions have no answer yet.
    private var openQuestions = 0
    private var asksNoMore = false
    private var isBroken = false

    /// Whether the connection is of no use any more.
    var isOver: Bool { isBroken || asksNoMore && openQuestions == 0 && outgoing.isEmpty }

    /// What is waited for, by its places in a set.
    struct Places {
        fileprivate var input: Int?
        fileprivate var room: Int?
    }

    /// Takes a connection.
    init(_ file: consuming OwnedDescriptor) throws(SystemError) {
        try file.setNonBlocking(true)
        self.file = file
    }

    /// Adds what is waited for to a set.
    func register(in set: inout PollSet) -> Places {
        Places(
            input: asksNoMore ? nil : set.add(file, .readable), room: outgoing.isEmpty ? nil : set.add(file, .writable))
    }

    /// Carries on what a wait found ready.
    ///
    /// - Returns: the questions that are whole.
    func carry(_ set: PollSet, _ places: Places) -> [[UInt8]] {
        if let room = places.room, set.isReady(room) { flush() }
        guard let input = places.input, set.isReady(input) else { return [] }
        do {
            let count = try file.read(into: &buffer, subject: "a question")
            if count == 0 { asksNoMore = true }
            questions.append(buffer[..<count])
        } catch {
            if error.errno != .wouldBlock { isBroken = true }
        }
        var whole: [[UInt8]] = []
        while let message = questions.next() { whole.append(message) }
        openQuestions += whole.count
        return whole
    }

    /// A question will have no answer.
    func giveUp() {
        openQuestions -= 1
    }

    /// Sends an answer.
    func send(_ message: [UInt8]) {
        openQuestions -= 1
        outgoing.append(NameMessages.framed(message))
        if outgoing.count > Self.outgoingLimit { isBroken = true }
        flush()
    }

    private func flush() {
        guard !isBroken else { return }
        do {
            try outgoing.flush(to: file, subject: "an answer")
        } catch {
            isBroken = true
        }
    }
}
