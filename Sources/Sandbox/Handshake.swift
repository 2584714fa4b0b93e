import CLinux
import Diagnostics
import Plans
import Syscalls

/// What the stage tells the launcher.
enum StageMessage: Equatable {
    /// Something failed; the stage ends.
    case failure(RuntimeError)
    /// Something was ignored that the user should know.
    case warning(String)
    /// The stage goes on in a child with this pid, as the launcher's pid namespace numbers it.
    case child(pid: Int32)
    /// The root is prepared: the runtime's hooks are due.
    case hooksDue
    /// The resource limits are due.
    case limitsDue
    /// The terminal's main side comes with this packet.
    case terminal
    /// The filter is installed; its listener is this descriptor of the stage's, which waits to go on.
    case seccompListener(number: Int32)
    /// Everything is set up; the stage waits.
    case ready
    /// The stage is gone, or its program was executed: the channel closes on exec.
    case end
}

/// What the launcher tells the stage.
enum LauncherMessage: Equatable {
    /// The user namespace has its maps.
    case mapped
    /// Go on: the hooks are done. The pid is the stage's, as the launcher sees it.
    case goOn(pid: Int32)
    /// Wait for the start on the start socket; the launcher lets go.
    case waitForStart(pid: Int32)
    /// Start the program.
    case start(pid: Int32)
    /// The launcher is gone.
    case end
}

private enum Mark {
    static let failedBeforeExec = UInt8(ascii: "!")
    static let failure = StartSocketMark.failure
    static let warning = StartSocketMark.warning
    static let child = UInt8(ascii: "C")
    static let hooksDue = UInt8(ascii: "H")
    static let limitsDue = UInt8(ascii: "l")
    static let terminal = UInt8(ascii: "T")
    static let seccompListener = UInt8(ascii: "L")
    static let ready = UInt8(ascii: "R")
    static let plan = UInt8(ascii: "P")
    static let mapped = UInt8(ascii: "M")
    static let goOn = UInt8(ascii: "G")
    static let waitForStart = UInt8(ascii: "W")
    static let start = StartSocketMark.start
}

extension StageMessage {
    /// The packet.
    var packet: [UInt8] {
        var writer = PlanWriter()
        switch self {
        case .failure(let error):
            writer.write(Mark.failure)
            writer.write(error)
        case .warning(let text):
            writer.write(Mark.warning)
            writer.write(text)
        case .child(let pid):
            writer.write(Mark.child)
            writer.write(pid)
        case .hooksDue: writer.write(Mark.hooksDue)
        case .limitsDue: writer.write(Mark.limitsDue)
        case .terminal: writer.write(Mark.terminal)
        case .seccompListener(let number):
            writer.write(Mark.seccompListener)
            writer.write(number)
        case .ready: writer.write(Mark.ready)
        case .end: break
        }
        return writer.bytes
    }

    /// Reads a packet.
    init(packet: [UInt8]) throws(PlanFault) {
        guard !packet.isEmpty else {
            self = .end
            return
        }
        var reader = PlanReader(packet)
        switch try reader.number(UInt8.self) {
        case Mark.failedBeforeExec:
            self = .failure(Self.failureBeforeExec(stage: try reader.number(UInt8.self), code: try reader.number()))
        case Mark.failure: self = .failure(try RuntimeError(from: &reader))
        case Mark.warning: self = .warning(try reader.text())
        case Mark.child: self = .child(pid: try reader.number())
        case Mark.hooksDue: self = .hooksDue
        case Mark.limitsDue: self = .limitsDue
        case Mark.terminal: self = .terminal
        case Mark.seccompListener: self = .seccompListener(number: try reader.number())
        case Mark.ready: self = .ready
        default: throw .malformed
        }
    }

    /// The error behind a packet that `launch.c` sent.
    private static func failureBeforeExec(stage: UInt8, code: Int32) -> RuntimeError {
        let errno = Errno(rawValue: code)
        switch UInt32(stage) {
        case CLX_STAGE_CGROUP.rawValue:
            return RuntimeError(SystemError("write", "tasks", errno)).during("enter the cgroup")
        case CLX_STAGE_ID_MAP.rawValue, CLX_STAGE_IDENTITY.rawValue:
            return RuntimeError(SystemError("setresuid", "0", errno)).during("become root of the user namespace")
        case CLX_STAGE_EXEC.rawValue:
            return RuntimeError(SystemError("execveat", "mvrun-init", errno)).during("start mvrun-init")
        default:
            return RuntimeError(SystemError("fcntl", "F_SETFD", errno)).during("hand descriptors to mvrun-init")
        }
    }
}

extension LauncherMessage {
    /// The packet.
    var packet: [UInt8] {
        var writer = PlanWriter()
        switch self {
        case .mapped: writer.write(Mark.mapped)
        case .goOn(let pid):
            writer.write(Mark.goOn)
            writer.write(pid)
        case .waitForStart(let pid):
            writer.write(Mark.waitForStart)
            writer.write(pid)
        case .start(let pid):
            writer.write(Mark.start)
            writer.write(pid)
        case .end: break
        }
        return writer.bytes
    }

    /// Reads a packet.
    init(packet: [UInt8]) throws(PlanFault) {
        guard !packet.isEmpty else {
            self = .end
            return
        }
        var reader = PlanReader(packet)
        switch try reader.number(UInt8.self) {
        case Mark.mapped: self = .mapped
        case Mark.goOn: self = .goOn(pid: try reader.number())
        case Mark.waitForStart: self = .waitForStart(pid: try reader.number())
        case Mark.start: self = .start(pid: try reader.number())
        default: throw .malformed
        }
    }
}

extension LauncherMessage {
    /// The packets of a plan, which is the first that the launcher says: its size, and its bytes in as few packets as there
    /// can be.
    static func packets(ofPlan bytes: [UInt8]) -> [[UInt8]] {
        var writer = PlanWriter()
        writer.write(Mark.plan)
        writer.write(UInt32(truncatingIfNeeded: bytes.count))
        let message = writer.bytes + bytes
        return stride(from: 0, to: message.count, by: planChunkSize).map { start in
            Array(message[start..<min(start + planChunkSize, message.count)])
        }
    }

    /// Takes the size off the first packet of a plan, and leaves what the packet has of the plan itself.
    static func takePlanSize(from packet: inout [UInt8]) throws(PlanFault) -> Int {
        var reader = PlanReader(packet)
        guard try reader.number(UInt8.self) == Mark.plan else { throw .malformed }
        let size = try reader.number(UInt32.self)
        packet.removeFirst(1 + MemoryLayout<UInt32>.size)
        return Int(size)
    }
}

/// The largest part of a plan that goes into one packet; a socket's buffer holds several.
let planChunkSize = 32768
