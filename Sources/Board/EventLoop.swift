import CLinux
import Glibc
import Synchronization
package import Syscalls

/// Waits for files and calls what was registered for them, one after the other: what belongs to a loop never runs twice at
/// the same time.
///
/// Other threads have two ways in. `post` leaves work for the loop's own thread. `synchronously` waits until no handler is
/// running, which is as long as one handler takes, and runs there and then: that is how a virtual CPU resets a device and
/// knows, before its instruction ends, that nothing of the guest's memory is touched any more. A handler must therefore
/// never wait for a virtual CPU. Where loops meet, the main loop's turn is taken before a worker's, never the other way.
package final class EventLoop: Sendable {
    /// What a file is waited for, and what was found.
    package struct Events: OptionSet, Sendable {
        /// As epoll(7) numbers them.
        package let rawValue: UInt32

        /// Wraps events.
        package init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// There is something to read.
        package static let readable = Events(rawValue: CLX_EPOLLIN)
        /// There is room to write.
        package static let writable = Events(rawValue: CLX_EPOLLOUT)
        /// The other side writes no more.
        package static let readHangUp = Events(rawValue: CLX_EPOLLRDHUP)
        /// The other side is gone; always waited for.
        package static let hangUp = Events(rawValue: CLX_EPOLLHUP)
        /// Something went wrong; always waited for.
        package static let error = Events(rawValue: CLX_EPOLLERR)
        /// Told once for each change rather than as long as it is so.
        package static let edgeTriggered = Events(rawValue: CLX_EPOLLET)
    }

    /// A file that is waited for.
    package struct Registration: Hashable, Sendable {
        fileprivate let token: UInt64
        fileprivate let number: Int32
    }

    /// What is called with the events that were found.
    package typealias Handler = (Events) -> Void

    private struct Handlers {
        var table: [UInt64: Handler] = [:]
        var lastToken: UInt64 = 0
    }

    private static let batch = 64

    private let set: OwnedDescriptor
    private let wakeUp: EventDescriptor
    private let turn = TurnLock()
    private let stopping = Atomic(false)
    private let posted = Mutex<[@Sendable () -> Void]>([])
    // SAFETY: touched by whoever has the turn only.
    private nonisolated(unsafe) var handlers = Handlers()

    /// Makes a loop that waits for nothing.
    package init() throws(SystemError) {
        let set = OwnedDescriptor(owning: try syscall("epoll_create1", on: "0") { clx_epoll_create() })
        let wakeUp = try EventDescriptor()
        let (setNumber, number) = (set.number, wakeUp.file.number)
        try syscall("epoll_ctl", on: "\(number)") {
            clx_epoll_ctl(setNumber, CLX_EPOLL_ADD, number, CLX_EPOLLIN, 0)
        }
        self.set = set
        self.wakeUp = wakeUp
    }

    /// Waits for a file from now on.
    ///
    /// - Parameters:
    ///   - number: an open descriptor that stays open until it is removed.
    ///   - events: what to wait for; may be empty, and changed later.
    ///   - handler: what to call, as long as it stays so.
    package func add(
        _ number: Int32, _ events: Events, _ handler: @escaping Handler
    ) throws(SystemError) -> Registration {
        turn.lock()
        defer { turn.unlock() }
        unsafe handlers.lastToken &+= 1
        let token = unsafe handlers.lastToken
        try control(CLX_EPOLL_ADD, number, events, token)
        unsafe handlers.table[token] = handler
        return Registration(token: token, number: number)
    }

    /// Changes what a file is waited for.
    package func modify(_ registration: Registration, _ events: Events) throws(SystemError) {
        try control(CLX_EPOLL_MODIFY, registration.number, events, registration.token)
    }

    /// Waits for a file no more: once this returns its handler is not called again.
    package func remove(_ registration: Registration) {
        turn.lock()
        defer { turn.unlock() }
        guard unsafe handlers.table.removeValue(forKey: registration.token) != nil else { return }
        _ = try? control(CLX_EPOLL_REMOVE, registration.number, [], 0)
    }

    private func control(
        _ operation: Int32, _ number: Int32, _ events: Events, _ token: UInt64
    ) throws(SystemError) {
        let set = self.set.number
        try syscall("epoll_ctl", on: "\(number)") {
            clx_epoll_ctl(set, operation, number, events.rawValue, token)
        }
    }

    /// Leaves work for the loop's thread, from any thread.
    ///
    /// What is posted from inside is done in the next round.
    package func post(_ work: @escaping @Sendable () -> Void) {
        posted.withLock { $0.append(work) }
        wakeUp.signal()
    }

    /// Runs something while no handler runs, on the calling thread; at once where that is inside a handler.
    package func synchronously<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        turn.lock()
        defer { turn.unlock() }
        return try body()
    }

    /// Waits and calls handlers until the loop is stopped.
    package func run() throws(SystemError) {
        while !stopping.exchange(false, ordering: .acquiring) {
            _ = try poll(timeoutMilliseconds: -1)
        }
    }

    /// Ends `run` after the handler that is running; from any thread.
    package func stop() {
        stopping.store(true, ordering: .releasing)
        wakeUp.signal()
    }

    /// Waits once, and calls the handlers of what was found.
    ///
    /// - Parameter timeoutMilliseconds: how long; -1 for ever, 0 for what is ready.
    /// - Returns: how many files were ready.
    @discardableResult
    package func poll(timeoutMilliseconds: Int32) throws(SystemError) -> Int {
        var events = InlineArray<64, UInt32>(repeating: 0)
        var tokens = InlineArray<64, UInt64>(repeating: 0)
        let number = set.number
        let count = try syscall("epoll_wait", on: "\(number)") {
            var eventSpan = events.mutableSpan
            var tokenSpan = tokens.mutableSpan
            // SAFETY: both have room for the capacity named.
            return unsafe eventSpan.withUnsafeMutableBufferPointer { eventBuffer in
                unsafe tokenSpan.withUnsafeMutableBufferPointer { tokenBuffer in
                    unsafe clx_epoll_wait(
                        number, eventBuffer.baseAddress, tokenBuffer.baseAddress, Int32(Self.batch),
                        timeoutMilliseconds)
                }
            }
        }
        for index in 0..<Int(count) {
            if stopping.load(ordering: .relaxed) { break }
            if tokens[index] == 0 { runPosted() } else { call(tokens[index], Events(rawValue: events[index])) }
        }
        return Int(count)
    }

    private func call(_ token: UInt64, _ events: Events) {
        turn.lock()
        defer { turn.unlock() }
        // A handler before it in this batch may have removed it.
        guard let handler = unsafe handlers.table[token] else { return }
        handler(events)
    }

    private func runPosted() {
        wakeUp.drain()
        let work = posted.withLock { work in
            let taken = work
            work.removeAll()
            return taken
        }
        for item in work { synchronously(item) }
    }
}
