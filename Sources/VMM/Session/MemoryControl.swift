import AgentProtocol
import Board
package import Devices
import Syscalls

/// The machine's memory as seen from outside: moves the balloon for those who ask, and says how much memory is where.
///
/// Everything happens with the turn of the machine's loop. What the guest says of its balloon is only believed for figures:
/// what it has really given back is what the host does not keep any more.
package final class MemoryControl {
    /// The size of the pages that a balloon counts, virtio 1.2, 5.5.6.
    private static let pageSize: UInt64 = 4096
    /// How long the guest may take to move the balloon, and to move it a bit, before the answer says how far it has come.
    private static let (balloonMilliseconds, stepMilliseconds) = (25_000, 3000)
    /// How long the guest may take to say how much memory it could still hand out.
    private static let statisticsMilliseconds = 500
    /// The tag of the available memory, virtio 1.2, 5.5.6.3.
    private static let availableTag: UInt16 = 6

    private let balloon: BalloonDevice
    private let machine: Machine
    /// proc_pid_statm(5), opened while there is something to open it by; nil where there is no procfs.
    private let memoryStatus: OwnedDescriptor?
    private var moving: Wait?
    private var movingDeadline = 0

    /// Takes a machine's balloon.
    package init(_ balloon: BalloonDevice, in machine: Machine) {
        self.balloon = balloon
        self.machine = machine
        memoryStatus = try? OwnedDescriptor.open("/proc/self/statm")
        balloon.actualChanged = { [weak self] in self?.balloonMoved() }
    }

    /// Has so many pages in the balloon.
    ///
    /// - Parameters:
    ///   - targetPages: how many, no more than the machine has.
    ///   - done: called once: when they are there, when they have not come for a while, or when somebody wants another
    ///     number.
    func inflate(targetPages: UInt32, _ done: @escaping () -> Void) {
        moving?.end()
        moving = nil
        let most = UInt32(clamping: machine.memory.size / Self.pageSize)
        balloon.inflate(targetPages: min(targetPages, most))
        guard balloon.isDriven, balloon.actualPages != balloon.targetPages else { return done() }
        moving = Wait(milliseconds: Self.stepMilliseconds, on: machine.loop, done)
        movingDeadline = monotonicMilliseconds() + Self.balloonMilliseconds
    }

    private func balloonMoved() {
        if balloon.actualPages != balloon.targetPages, monotonicMilliseconds() < movingDeadline {
            moving?.prolong(Self.stepMilliseconds)
            return
        }
        moving?.end()
        moving = nil
    }

    /// Says how much memory is where.
    ///
    /// - Parameter tell: called once, soon, also where the guest does not answer.
    func figures(_ tell: @escaping (MachineFigures) -> Void) {
        var figures = MachineFigures(
            memory: machine.memory.size, balloonTarget: UInt64(balloon.targetPages) * Self.pageSize,
            balloon: UInt64(balloon.actualPages) * Self.pageSize, hasBalloonDriver: balloon.isDriven,
            resident: residentBytes)
        guard balloon.isDriven else { return tell(figures) }
        let wait = Wait(milliseconds: Self.statisticsMilliseconds, on: machine.loop) { tell(figures) }
        balloon.requestStatistics { values in
            figures.available = values[Self.availableTag]
            wait.end()
        }
    }

    /// The resident set of this process; 0 where procfs does not say.
    private var residentBytes: UInt64 {
        var bytes: [UInt8] = []
        switch memoryStatus {
        case .some(let file): bytes = (try? file.read(at: 0, count: 256)) ?? []
        case .none: break
        }
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        return words.count > 1 ? (UInt64(words[1]) ?? 0) * Self.pageSize : 0
    }
}

/// Somebody who waits for something, but not for ever.
private final class Wait {
    private let loop: EventLoop
    private var done: (() -> Void)?
    private var timer: TimerDescriptor?
    private var registration: EventLoop.Registration?

    /// Waits; where there can be no timer, not at all.
    init(milliseconds: Int, on loop: EventLoop, _ done: @escaping () -> Void) {
        self.loop = loop
        self.done = done
        prolong(milliseconds)
    }

    /// Waits so long from now on.
    func prolong(_ milliseconds: Int) {
        stopTimer()
        do throws(SystemError) {
            let timer = try TimerDescriptor(milliseconds: milliseconds)
            // The loop keeps this until the time has passed, or the wait is over.
            registration = try loop.add(timer.file.number, .readable) { _ in self.end() }
            self.timer = timer
        } catch {
            end()
        }
    }

    private func stopTimer() {
        if let registration { loop.remove(registration) }
        registration = nil
        timer = nil
    }

    /// The wait is over; the first end counts.
    func end() {
        stopTimer()
        let done = done
        self.done = nil
        done?()
    }
}
