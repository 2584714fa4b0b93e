import Diagnostics
import Plans
import Syscalls

/// Writes settings in their order; those that came too early once more at the end.
///
/// - Parameters:
///   - settings: what to write.
///   - directory: the cgroup.
func apply(_ settings: [CgroupSetting], in directory: borrowing OwnedDescriptor) throws(RuntimeError) {
    var files = LastFile()
    var early: [CgroupSetting] = []
    for setting in settings {
        try checkUsage(setting, in: directory)
        do throws(SystemError) {
            try files.set(setting, in: directory)
        } catch {
            guard error.errno == .invalidArgument, setting.tolerance.contains(.tooEarly) else {
                throw explain(error, of: setting, in: directory)
            }
            early.append(setting)
        }
    }
    for setting in early {
        do throws(SystemError) {
            try files.set(setting, in: directory)
        } catch {
            throw explain(error, of: setting, in: directory)
        }
    }
}

/// The file written last, still open: device rules are many writes to the same file.
private struct LastFile: ~Copyable {
    private var name = ""
    private var file: OwnedDescriptor?

    /// Writes a setting, or its first alternative whose file exists.
    mutating func set(_ setting: CgroupSetting, in directory: borrowing OwnedDescriptor) throws(SystemError) {
        var missing: SystemError
        do {
            return try set(setting.write, in: directory)
        } catch let error where error.errno == .noEntry {
            missing = error
        }
        for alternative in setting.alternatives {
            do {
                return try set(alternative, in: directory)
            } catch let error where error.errno == .noEntry {
                missing = error
            }
        }
        if !setting.tolerance.contains(.missingFile) { throw missing }
    }

    private mutating func set(_ write: CgroupWrite, in directory: borrowing OwnedDescriptor) throws(SystemError) {
        if name != write.file {
            name = ""
            file = try OwnedDescriptor.open(at: directory, write.file, [.writeOnly, .noFollow])
            name = write.file
        }
        try file?.write(write.value, subject: write.file)
    }
}

/// Refuses a limit that is below what is in use already, where the setting asks for that.
private func checkUsage(_ setting: CgroupSetting, in directory: borrowing OwnedDescriptor) throws(RuntimeError) {
    guard let usageFile = setting.usageFile, let limit = UInt64(setting.write.value),
        let text = try? directory.smallFile(usageFile), let usage = UInt64(trimmed(text)), usage > limit
    else { return }
    throw RuntimeError(
        .wrongState, "\(setting.field): the limit of \(limit) is below the \(usage) bytes in use",
        hint: "checkBeforeUpdate asks for this check; without it the kernel would kill processes")
}

/// Says which field the kernel refused, and why where that can be known.
private func explain(
    _ error: SystemError, of setting: CgroupSetting, in directory: borrowing OwnedDescriptor
) -> RuntimeError {
    let file = setting.write.file
    if error.errno == .noEntry {
        return RuntimeError(
            .unsupported, "\(setting.field): this kernel has no \(file) here", errno: error.errno,
            hint: missingFileHint(file))
    }
    var failure = RuntimeError(
        .system, "\(setting.field): write \"\(setting.write.value)\" to \(file): \(error.errno)", errno: error.errno)
    if error.errno == .busy, file.hasPrefix("memory."), let text = try? directory.smallFile("memory.usage_in_bytes") {
        failure.message += ", \(trimmed(text)) bytes are in use"
    }
    failure.hint = refusalHint(file, error.errno)
    return failure
}

private func missingFileHint(_ file: String) -> String? {
    switch file {
    case "memory.memsw.limit_in_bytes", "memory.swap.max":
        return "swap accounting is off: start the kernel with swapaccount=1, or leave memory.swap out"
    case "blkio.weight", "blkio.weight_device", "io.weight", "io.bfq.weight":
        return "weights need an I/O scheduler that knows them, as bfq"
    default:
        return nil
    }
}

private func refusalHint(_ file: String, _ errno: Errno) -> String? {
    switch (file, errno) {
    case ("cpuset.cpus", _), ("cpuset.mems", _):
        return "the parent cgroup or this machine may not have all of them"
    case ("cpu.rt_runtime_us", _):
        return "the parent cgroup must have real-time runtime to give"
    case ("devices.allow", .notPermitted):
        return "the parent cgroup does not allow this device itself"
    case (_, .noDevice):
        return "there is no such device on this machine"
    default:
        return nil
    }
}
