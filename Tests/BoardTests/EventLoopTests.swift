import Board
import Glibc
import Synchronization
import Syscalls
import Testing

@Suite struct EventLoopTests {
    @Test func aReadyFileIsHandedToItsHandlerUntilItIsRemoved() throws {
        let loop = try EventLoop()
        let event = try EventDescriptor()
        let calls = Atomic(0)
        let registration = try loop.add(event.file.number, .readable) { events in
            if events.contains(.readable) { calls.add(1, ordering: .relaxed) }
        }
        #expect(try loop.poll(timeoutMilliseconds: 0) == 0)
        event.signal()
        #expect(try loop.poll(timeoutMilliseconds: 0) == 1)
        try loop.modify(registration, [])
        #expect(try loop.poll(timeoutMilliseconds: 0) == 0)
        try loop.modify(registration, .readable)
        loop.remove(registration)
        loop.remove(registration)
        #expect(try loop.poll(timeoutMilliseconds: 0) == 0)
        let count1 = calls.load(ordering: .relaxed)
        #expect(count1 == 1)
    }

    @Test func aHandlerRemovedByAnotherOfTheSameBatchIsNotCalled() throws {
        let loop = try EventLoop()
        let (first, second) = (try EventDescriptor(), try EventDescriptor())
        let calls = Atomic(0)
        let registrations = Mutex<[EventLoop.Registration]>([])
        for event in [first, second] {
            let registration = try loop.add(event.file.number, .readable) { _ in
                calls.add(1, ordering: .relaxed)
                for registration in registrations.withLock({ $0 }) { loop.remove(registration) }
            }
            registrations.withLock { $0.append(registration) }
            event.signal()
        }
        #expect(try loop.poll(timeoutMilliseconds: 0) == 2)
        let count1 = calls.load(ordering: .relaxed)
        #expect(count1 == 1)
    }

    @Test func postedWorkRunsAndMayPostMore() throws {
        let loop = try EventLoop()
        let calls = Atomic(0)
        loop.post {
            calls.add(1, ordering: .relaxed)
            loop.post { calls.add(10, ordering: .relaxed) }
        }
        try loop.poll(timeoutMilliseconds: 0)
        let count1 = calls.load(ordering: .relaxed)
        #expect(count1 == 1)
        try loop.poll(timeoutMilliseconds: 0)
        let count11 = calls.load(ordering: .relaxed)
        #expect(count11 == 11)
    }

    /// What has the turn never runs beside a handler, and a busy loop keeps nobody waiting.
    @Test func aTurnExcludesHandlersAndIsGrantedByABusyLoop() throws {
        let loop = try EventLoop()
        let event = try EventDescriptor()
        let inside = Atomic(0)
        let broken = Atomic(false)
        let enter: @Sendable () -> Void = {
            if inside.add(1, ordering: .acquiringAndReleasing).newValue != 1 { broken.store(true, ordering: .relaxed) }
            usleep(50)
            inside.subtract(1, ordering: .acquiringAndReleasing)
        }
        // Never drained: the loop always has something to do.
        event.signal()
        _ = try loop.add(event.file.number, .readable) { _ in enter() }
        let thread = BackgroundThread {
            for _ in 0..<200 { loop.synchronously { loop.synchronously(enter) } }
            loop.stop()
        }
        try loop.run()
        thread.join()
        let wasBroken = broken.load(ordering: .relaxed)
        #expect(!wasBroken)
    }
}

/// A thread of the test's own.
private final class BackgroundThread {
    private var thread = pthread_t()

    private final class Body {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    init(_ body: @escaping @Sendable () -> Void) {
        let argument = Unmanaged.passRetained(Body(body)).toOpaque()
        pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, argument)
    }

    func join() { pthread_join(thread, nil) }
}
