import CLinux
package import Diagnostics
import Plans
import Syscalls

/// The inside of a sandbox on its way to the program: performs the steps of a plan, one after the other.
///
/// The stage is one process with one thread, from its start to the exec. It runs with the privileges of the sandbox being
/// made, so it trusts its plan and nothing else: paths inside the root are resolved by `openat2(2)` with
/// RESOLVE_IN_ROOT, what comes from the host is opened before the host's root is left, and host descriptors are closed by
/// the exec.
package final class Stage {
    /// The connection to the launcher.
    var channel: PacketSocket
    /// Descriptors that the launcher made for this stage, see `HandedPosition`.
    var handed: [Int32]
    /// What is to be done.
    let plan: StagePlan

    /// The root file system: the prepared root before it is entered, `/` afterwards.
    var root: SharedDescriptor?
    /// The host's procfs, for files that the container's own may hide.
    var hostProcesses: SharedDescriptor?
    /// An empty read-only file system that masks directories, once it is needed.
    var emptyDirectory: SharedDescriptor?
    /// The pid of this process as the launcher sees it.
    var hostPID: Int32
    /// The program's path, once it was found.
    var programPath: String
    /// Descriptors that nothing needs any more, see `setAside`.
    private var aside: [Int32] = []
    /// Whether the working directory is the root that was entered.
    var isAtRoot = false
    /// A working directory that the user of now may not enter, and the user of then may.
    var pendingDirectory: String?

    /// Takes over from the launcher.
    ///
    /// - Parameter descriptors: the numbers of the channel and of what the launcher handed over, as they stand in the
    ///   arguments of mvrun-init.
    /// - Throws: what made the handover fail.
    package init(descriptors: [Int32]) throws(RuntimeError) {
        guard let first = descriptors.first else { throw RuntimeError(.usage, "no channel was given") }
        let channel = PacketSocket(OwnedDescriptor(owning: first))
        let plan: StagePlan
        do {
            // The launcher's memory must not be readable for anybody who is in the container already.
            try ProcessControl.setDumpable(false)
            for number in descriptors where number != 0 { try OwnedDescriptor.mark(number) }
            plan = try Self.receivePlan(from: channel)
        } catch let error as SystemError {
            throw RuntimeError(error).during("receive the plan")
        } catch {
            throw RuntimeError(.system, "the plan is malformed").during("receive the plan")
        }
        self.channel = channel
        handed = Array(descriptors.dropFirst())
        self.plan = plan
        hostPID = 0
        programPath = ""
    }

    /// Performs the plan up to the program, which it executes; it returns only to say why that failed.
    package func run() -> RuntimeError {
        // Nodes and directories get the permissions that they are made with; the program's umask comes with its identity.
        setUmask(0)
        do {
            try perform(plan.steps)
            try send(.ready)
            try waitForStart()
        } catch {
            return error
        }
        return RuntimeError(.system, "the program was not executed")
    }

    /// Tells the launcher why the stage ends.
    ///
    /// The launcher may be gone; then nobody is left to be told.
    package func report(_ error: RuntimeError) {
        try? channel.send(StageMessage.failure(error).packet)
    }

    private static func receivePlan(from channel: borrowing PacketSocket) throws -> StagePlan {
        var bytes = try channel.receive(limit: planChunkSize).bytes
        let size = try LauncherMessage.takePlanSize(from: &bytes)
        while bytes.count < size {
            let part = try channel.receive(limit: planChunkSize).bytes
            if part.isEmpty { throw PlanFault.truncated }
            bytes.append(contentsOf: part)
        }
        var reader = PlanReader(bytes)
        return try StagePlan(from: &reader)
    }

    /// Performs steps, and says in an error which one failed.
    func perform(_ steps: [SetupStep]) throws(RuntimeError) {
        defer { closeAside() }
        for step in steps {
            do {
                try perform(step)
            } catch let error as RuntimeError {
                throw error.during(step.description)
            } catch let error as SystemError {
                throw RuntimeError(error).during(step.description)
            } catch {
                throw RuntimeError(.system, "\(error)").during(step.description)
            }
        }
    }

    /// Lets go of a descriptor later, together with others: neighbours close by one call, and a mount needs several.
    func setAside(_ file: consuming OwnedDescriptor) {
        aside.append(file.release())
        if aside.count >= 64 { closeAside() }
    }

    private func closeAside() {
        closeDescriptors(aside)
        aside = []
    }

    /// Sends a message to the launcher.
    func send(_ message: StageMessage) throws(RuntimeError) {
        do {
            try channel.send(message.packet)
        } catch {
            throw RuntimeError(error).during("report to mvrun")
        }
    }

    /// The launcher's next message.
    func receive() throws(RuntimeError) -> LauncherMessage {
        do {
            return try LauncherMessage(packet: try channel.receive(limit: 16).bytes)
        } catch let error as SystemError {
            throw RuntimeError(error).during("hear from mvrun")
        } catch {
            throw RuntimeError(.system, "a message of mvrun is malformed")
        }
    }

    /// Ends quietly when the launcher is gone: it was killed, and nobody will ever want this sandbox.
    func endWithoutLauncher() -> Never {
        exitNow(125)
    }

    /// Waits for the start, does what stands between it and the program, and executes the program.
    private func waitForStart() throws(RuntimeError) {
        switch try receive() {
        case .start(let pid): hostPID = pid
        case .waitForStart(let pid):
            hostPID = pid
            try acceptStart()
        case .end: endWithoutLauncher()
        default: throw RuntimeError(.system, "a message of mvrun came out of turn")
        }
        try runHooks(plan.startHooks, state: hookState(status: "created"))
        try perform(plan.finalSteps)
        try executeProgram()
    }

    /// Waits on the start socket until `mvrun start` connects; from then on that connection is the channel.
    private func acceptStart() throws(RuntimeError) {
        do {
            let listener = OwnedDescriptor(owning: handed[HandedPosition.startSocket])
            // Nothing but the start is ever asked; a connection that ends at once is a `mvrun start` that was killed.
            repeat {
                channel = PacketSocket(try UnixSocket.accept(listener))
            } while try channel.receive(limit: 16).bytes.isEmpty
        } catch {
            throw RuntimeError(error).during("wait for the start")
        }
    }

    /// The state that hooks get, with the values that only the running stage knows.
    func hookState(status: String) -> String {
        "\(plan.hookState),\"status\":\"\(status)\",\"pid\":\(hostPID)}"
    }
}

extension OwnedDescriptor {
    /// Marks an inherited descriptor close-on-exec.
    static func mark(_ number: Int32) throws(SystemError) {
        let descriptor = OwnedDescriptor(owning: number)
        do {
            try descriptor.setCloseOnExec(true)
        } catch {
            _ = descriptor.release()
            throw error
        }
        _ = descriptor.release()
    }
}

/// Where the descriptors that the launcher hands over stand in the stage's arguments, behind the channel.
enum HandedPosition {
    /// The socket on which a created sandbox waits for its start.
    static let startSocket = 0
    /// The pidfd of the process whose namespaces are joined.
    static let process = 1
    /// The first of the trees that the launcher opened; behind the last of them are the files for the program.
    static let trees = 2
}

/// An open file that several places of one process use; it is closed when the last lets go of it.
final class SharedDescriptor {
    /// The file.
    let file: OwnedDescriptor

    /// Takes a file.
    init(_ file: consuming OwnedDescriptor) {
        self.file = file
    }
}
