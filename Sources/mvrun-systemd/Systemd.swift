import CSystemd
import Glibc
import Syscalls

/// A systemd, as its D-Bus interface shows it: org.freedesktop.systemd1(5), "The Manager Object".
@safe final class Systemd {
    private let bus: OpaquePointer

    /// How long a job may take; runc's bound.
    private static let patience = 30_000

    /// Connects to the machine's systemd, or the user's.
    init(ofUser isUsers: Bool) throws(BusError) {
        var bus: OpaquePointer?
        let result = unsafe isUsers ? sd_bus_open_user(&bus) : sd_bus_open_system(&bus)
        try check(result, "connect to the \(isUsers ? "user's" : "system's") D-Bus")
        guard let bus = unsafe bus else { throw BusError("connect to D-Bus: no connection") }
        unsafe self.bus = bus
    }

    deinit {
        unsafe sd_bus_flush_close_unref(bus)
    }

    /// Makes a unit, and waits until it is there.
    func start(_ unit: String, _ properties: [Property]) throws(BusError) {
        var properties = properties
        try watchJobs()
        var mayBeRemains = true
        while true {
            do throws(BusError) {
                return try startOnce(unit, properties)
            } catch {
                if error.name == "org.freedesktop.systemd1.UnitExists" {
                    guard mayBeRemains else { throw BusError(name: error.name, "a unit of this name is in use") }
                    // One that failed stays until somebody has seen it.
                    mayBeRemains = false
                    try resetFailed(unit)
                } else {
                    try properties.leaveOut(refusedBy: error)
                }
            }
        }
    }

    private func startOnce(_ unit: String, _ properties: [Property]) throws(BusError) {
        let message = try self.message("StartTransientUnit")
        try message.append(unit)
        try message.append("fail")
        try message.append(properties)
        // No auxiliary units.
        try message.append("a", of: "(sa(sv))") {}
        let job = try Job(call(message))
        guard let result = try wait(for: job) else {
            // Whatever becomes of it, nobody waits for it any more.
            _ = try? call(try self.message("StopUnit", unit, "replace"))
            throw BusError("systemd did not start it within \(Self.patience / 1000) s")
        }
        if result == "done" { return }
        try resetFailed(unit)
        throw BusError("systemd did not start it: its job ended with \"\(result)\"")
    }

    /// Changes properties of a unit.
    func set(_ properties: [Property], of unit: String) throws(BusError) {
        var properties = properties
        while true {
            do throws(BusError) {
                return try setAll(properties, of: unit)
            } catch {
                try properties.leaveOut(refusedBy: error)
            }
        }
    }

    private func setAll(_ properties: [Property], of unit: String) throws(BusError) {
        let message = try self.message("SetUnitProperties")
        try message.append(unit)
        // For this run of systemd, as the unit itself is.
        try message.append(true)
        try message.append(properties)
        _ = try call(message)
    }

    /// Ends a unit and waits until it is gone; one that is gone already is no error.
    func stop(_ unit: String) throws(BusError) {
        try watchJobs()
        do throws(BusError) {
            let job = try Job(call(try message("StopUnit", unit, "replace")))
            guard try wait(for: job) != nil else {
                throw BusError("systemd did not stop it within \(Self.patience / 1000) s")
            }
        } catch {
            guard error.name == "org.freedesktop.systemd1.NoSuchUnit" else { throw error }
        }
        // A scope whose process was killed for its memory has failed, and would be kept.
        try resetFailed(unit)
    }

    private func resetFailed(_ unit: String) throws(BusError) {
        do throws(BusError) {
            _ = try call(try message("ResetFailedUnit", unit))
        } catch {
            guard error.name == "org.freedesktop.systemd1.NoSuchUnit" else { throw error }
        }
    }

    /// The cgroup below which this systemd makes its own.
    func controlGroup() throws(BusError) -> String {
        var failure = unsafe sd_bus_error()
        var text: UnsafeMutablePointer<CChar>?
        let result = unsafe sd_bus_get_property_string(
            bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
            "ControlGroup", &failure, &text)
        unsafe try checkAnswer(result, &failure)
        defer { unsafe free(text) }
        return unsafe text.map { unsafe String(cString: $0) } ?? ""
    }
}

/// A job that systemd has queued: what its end is recognized by.
private struct Job {
    /// The path of its object.
    let path: String
    /// The unique name of systemd, from which alone its end is believed.
    let owner: String

    /// Reads the answer to a request that queues a job.
    init(_ reply: Message) throws(BusError) {
        owner = reply.sender
        path = try reply.readText("o")
    }
}

extension Systemd {
    /// A call of the manager's.
    private func message(_ method: String, _ texts: String...) throws(BusError) -> Message {
        let message = unsafe try Message(
            on: bus, to: "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
            method)
        for text in texts { try message.append(text) }
        return message
    }

    /// Calls and waits for the answer.
    private func call(_ message: Message) throws(BusError) -> Message {
        var failure = unsafe sd_bus_error()
        var reply: OpaquePointer?
        let result = unsafe sd_bus_call(bus, message.pointer, UInt64(Self.patience) * 1000, &failure, &reply)
        unsafe try checkAnswer(result, &failure)
        guard let reply = unsafe reply else { throw BusError("systemd gave no answer") }
        return unsafe Message(owning: reply)
    }

    private func checkAnswer(_ result: Int32, _ failure: inout sd_bus_error) throws(BusError) {
        defer { unsafe sd_bus_error_free(&failure) }
        guard result < 0 else { return }
        // SAFETY: both texts are the error's until it is freed, and are copied here.
        guard let name = unsafe failure.name else { throw BusError("call systemd: \(Errno(rawValue: -result))") }
        let text = unsafe failure.message.map { unsafe String(cString: $0) }
        throw BusError(name: unsafe String(cString: name), text ?? "\(Errno(rawValue: -result))")
    }

    /// Has the bus deliver the ends of jobs; before the job is queued, or its end could be missed.
    private func watchJobs() throws(BusError) {
        let message = unsafe try Message(
            on: bus, to: "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch")
        try message.append(
            "type='signal',sender='org.freedesktop.systemd1',path='/org/freedesktop/systemd1',"
                + "interface='org.freedesktop.systemd1.Manager',member='JobRemoved'")
        _ = try call(message)
    }

    /// Waits for the end of a job.
    ///
    /// - Returns: its result, "done" if all went well; nil where it took too long.
    private func wait(for job: Job) throws(BusError) -> String? {
        let deadline = monotonicMilliseconds() + Self.patience
        while true {
            var pointer: OpaquePointer?
            let progress = try check(unsafe sd_bus_process(bus, &pointer), "hear from systemd")
            if let pointer = unsafe pointer, let result = try result(of: job, unsafe Message(owning: pointer)) {
                return result
            }
            if progress > 0 { continue }
            let left = deadline - monotonicMilliseconds()
            guard left > 0 else { return nil }
            try check(unsafe sd_bus_wait(bus, UInt64(left) * 1000), "wait for systemd")
        }
    }

    /// The result that a message has for a job; nil for any other message.
    private func result(of job: Job, _ message: Message) throws(BusError) -> String? {
        // Anybody on the bus may send a signal of this name.
        guard unsafe sd_bus_message_is_signal(message.pointer, "org.freedesktop.systemd1.Manager", "JobRemoved") > 0,
            message.sender == job.owner
        else { return nil }
        try message.skipNumber()
        guard try message.readText("o") == job.path else { return nil }
        _ = try message.readText("s")
        return try message.readText("s")
    }
}
