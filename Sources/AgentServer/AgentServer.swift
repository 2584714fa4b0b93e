package import AgentProtocol
package import Diagnostics
package import Plans
import Sandbox
package import Syscalls

/// The guest's side of the control stream: makes the sandbox, starts its program and those that join it, carries their
/// streams, and says how they end.
///
/// One thread and one loop. It ends when the workload has ended and everything it wrote was handed on, when the host asks
/// for it, or when the host is gone; what follows, a reboot, is its caller's.
package final class AgentServer {
    /// What a server finds around itself, which is another in a test.
    package struct Surroundings {
        /// Opens mvrun-init, as `Launcher` wants it.
        package var openInitProgram: () throws(RuntimeError) -> OwnedDescriptor
        /// Connects a stream to a port of the host's: one of `Meeting`.
        package var connectStream: (UInt32) throws(SystemError) -> OwnedDescriptor
        /// Makes visible what the plan mounts.
        package var mountShares: (Bool) throws(RuntimeError) -> Void
        /// Makes visible the root file system that is on a disk.
        package var mountDisk: (MachineDisk) throws(RuntimeError) -> Void = { _ in }
        /// Sets network interfaces up.
        package var connect: ([PluggedInterface]) throws(RuntimeError) -> Void = { _ in }
        /// Has programs that mean a port of an address reach another one; throws where the kernel cannot.
        package var redirect: (DatagramPeer, UInt16) throws(SystemError) -> Void = { peer, _ throws(SystemError) in
            throw SystemError("bpf", "\(peer)", .notSupported)
        }
        /// Writes what the guest's file systems still hold.
        package var synchronize: () -> Void = {}
        /// The workload's cgroup; nil where there are none.
        package var cgroup: GuestCgroup?

        /// Describes a place without cgroups.
        package init(
            openInitProgram: @escaping () throws(RuntimeError) -> OwnedDescriptor,
            connectStream: @escaping (UInt32) throws(SystemError) -> OwnedDescriptor,
            mountShares: @escaping (Bool) throws(RuntimeError) -> Void
        ) {
            self.openInitProgram = openInitProgram
            self.connectStream = connectStream
            self.mountShares = mountShares
        }
    }

    /// How long the programs that joined a workload may take to end when it has ended.
    private static let farewellMilliseconds = 1000
    /// How long what was sent last may take to be received, and how often that is looked at.
    private static let (drainMilliseconds, drainPause) = (2000, 20)

    let surroundings: Surroundings
    let control: ControlStream
    private let signals: SignalQueue
    /// The workload's first program, once its sandbox is made, and those that joined it.
    var programs: [UInt32: GuestProgram] = [:]
    /// Relays of programs that have ended, whose streams others have open still.
    private var lingering: [StreamRelay] = []
    /// The workload's sandbox until it is started.
    var launcher: Launcher?
    /// Whether there is nothing more to do.
    var isOver = false
    private var farewellDeadline: Int?
    private var drainDeadline: Int?
    /// Whether the guest has a network beyond its loopback device.
    var isConnected = false
    /// What answers for a resolver of the host's.
    var names: NameRelay?

    /// Takes the control stream.
    ///
    /// Blocks this process's signals, and adopts the orphans below it.
    package init(_ connection: consuming OwnedDescriptor, surroundings: Surroundings) throws(RuntimeError) {
        do {
            let control = try ControlStream(connection)
            try ProcessControl.setChildSubreaper()
            signals = try SignalQueue()
            self.control = control
        } catch {
            throw RuntimeError(error).during("begin to serve the host")
        }
        self.surroundings = surroundings
    }

    /// Serves until there is nothing more to do.
    package func run() {
        control.send(.hello(version: Meeting.version, uptimeMicroseconds: monotonicMicroseconds()))
        do {
            while !isOver { try turn() }
        } catch {
            control.send(.failed(RuntimeError(error).during("wait for what happens")))
        }
        control.flush()
    }

    /// The workload's first program.
    var workload: GuestProgram? { programs[Meeting.workload] }

    /// Waits once, and does what there is to do.
    private func turn() throws(SystemError) {
        var set = PollSet()
        let signalPlace = set.add(signals.descriptor, .readable)
        let controlPlaces = control.register(in: &set)
        // A child that the stage made sends no signal when it ends.
        for program in programs.values where program.end == nil {
            if let process = program.process { set.add(process.file, .readable) }
        }
        let relays = programs.values.flatMap { $0.inputs + $0.outputs } + lingering
        let places = relays.map { $0.register(in: &set) }
        let namePlaces = names?.register(in: &set)
        let time =
            drainDeadline == nil ? farewellDeadline.map { max(0, $0 - monotonicMilliseconds()) } : Self.drainPause
        _ = try set.wait(timeoutMilliseconds: time)
        for (relay, place) in zip(relays, places) { relay.carry(set, place) }
        names?.carry(set, namePlaces)
        if set.isReady(signalPlace) { while try signals.next() != nil {} }
        reap()
        bury()
        for frame in control.receive(set, controlPlaces) { answer(frame) }
        if control.isBroken { isOver = true }
    }

    /// Takes the ends of children, those of orphans among them.
    private func reap() {
        while let ended = (try? waitForChild(-1, block: false, cloned: true)) ?? nil {
            programs.values.first { $0.pid == ended.pid }?.end = ended.end
        }
    }

    /// Says of programs that have ended how they did, when all they wrote was carried; of the workload's last of all.
    private func bury() {
        lingering.removeAll(where: \.isOver)
        for program in programs.values where program.id != Meeting.workload && program.isSettled {
            programs[program.id] = nil
            lingering += program.outputs.filter { !$0.isOver }
            report(program)
        }
        guard let workload, workload.end != nil else { return }
        let deadline = farewellDeadline ?? monotonicMilliseconds() + Self.farewellMilliseconds
        farewellDeadline = deadline
        // With its first process a pid namespace ends, and so do those that joined it; without one they may go on.
        let isLast = programs.count == 1 || monotonicMilliseconds() >= deadline
        guard workload.isSettled, isLast else { return }
        // The kernel of a host goes on sending what a program that has ended has left to it; this one ends with it.
        if isConnected {
            let deadline = drainDeadline ?? monotonicMilliseconds() + Self.drainMilliseconds
            drainDeadline = deadline
            if monotonicMilliseconds() < deadline, GuestNetwork.isSending { return }
        }
        launcher = nil
        // The machine ends with this word, and what is not on its disk or share by then is lost.
        surroundings.synchronize()
        report(workload)
        isOver = true
    }

    private func report(_ program: GuestProgram) {
        guard let end = program.end else { return }
        let exit = ProcessExit(end, outOfMemory: surroundings.cgroup?.isOutOfMemory ?? false)
        control.send(.exited(process: program.id, exit))
    }
}
