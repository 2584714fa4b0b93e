import CLinux
import Glibc

extension OwnedDescriptor {
    /// Loads an eBPF program of the type BPF_PROG_TYPE_CGROUP_DEVICE.
    ///
    /// The corresponding system call is `bpf(2)`.
    ///
    /// - Parameter instructions: 8 bytes each.
    /// - Throws: the error; its subject ends with the verifier's last words where it has any.
    package static func deviceProgram(_ instructions: [UInt8]) throws(SystemError) -> OwnedDescriptor {
        do {
            return try load(instructions, logSize: 0).descriptor()
        } catch let error where error.errno == .notPermitted {
            // Before Linux 5.11 programs counted against RLIMIT_MEMLOCK. Without the privilege to raise it, the
            // first error stands.
            var unlimited: [UInt64] = [.max, .max]
            guard unsafe clx_prlimit(0, CLX_RLIMIT_MEMLOCK, &unlimited, nil) == 0 else { throw error }
            return try load(instructions, logSize: 0).descriptor()
        } catch let error where error.errno == .invalidArgument || error.errno == .accessDenied {
            return try load(instructions, logSize: 4096).descriptor()
        }
    }

    /// Attaches a device program to this cgroup directory, or puts it in the place of the one that is attached there.
    ///
    /// Programs of the cgroups above stay in force. The corresponding system call is `bpf(2)`.
    package borrowing func attach(deviceProgram program: borrowing OwnedDescriptor) throws(SystemError) {
        let cgroup = number
        let new = program.number
        var ids = [UInt32](repeating: 0, count: 16)
        let count = unsafe clx_bpf_query_device_programs(cgroup, &ids, UInt32(ids.count))
        // Only one that stands alone is taken as ours to replace.
        if count == 1 {
            let old = OwnedDescriptor(owning: try syscall("bpf", on: "GET_FD_BY_ID") { clx_bpf_open_program(ids[0]) })
            let replaced = old.number
            try syscall("bpf", on: "PROG_ATTACH") { clx_bpf_attach_program(cgroup, new, CLX_BPF_DEVICE, replaced) }
        } else {
            try syscall("bpf", on: "PROG_ATTACH") { clx_bpf_attach_program(cgroup, new, CLX_BPF_DEVICE, -1) }
        }
    }
}

private struct LoadedProgram {
    let number: Int32
    let errno: Errno
    let log: String

    func descriptor() throws(SystemError) -> OwnedDescriptor {
        if number >= 0 { return OwnedDescriptor(owning: number) }
        throw SystemError("bpf", log.isEmpty ? "PROG_LOAD" : "PROG_LOAD, the verifier says: \(log)", errno)
    }
}

private func load(_ instructions: [UInt8], logSize: Int) -> LoadedProgram {
    var log = [CChar](repeating: 0, count: max(logSize, 1))
    let number = unsafe clx_bpf_load_program(
        CLX_BPF_DEVICE_PROGRAM, 0, instructions, UInt32(instructions.count / 8), &log, UInt32(logSize))
    let code = Errno.current
    let text = log.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let lines = text.split(separator: 0x0a).suffix(3)
    return LoadedProgram(
        number: number, errno: code, log: lines.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "; "))
}
