import CLinux
import Glibc

/// Starts a child that does nothing but enter its cgroups and namespaces and execute a program: the Swift side of
/// `clx_launch`.
///
/// - Parameters:
///   - program: the program's open file.
///   - arguments: argv.
///   - namespaces: CLONE_NEW* flags.
///   - cgroup: the number of the open directory of a v2 cgroup to be born in, or nil.
///   - cgroupTasks: numbers of open `tasks` files of v1 cgroups, which outlive the call.
///   - inherited: numbers of the descriptors that the program keeps; the first is the channel.
///   - standardStreams: numbers above 2 of what become its standard streams; empty for those of this process.
///   - waitsForIDMap: the child waits for a packet before it becomes root of its user namespace.
/// - Returns: the child's pid and a pidfd.
package func launchProcess(
    _ program: borrowing OwnedDescriptor, arguments: [String], namespaces: UInt64,
    cgroup: Int32?, cgroupTasks: [Int32], inherited: [Int32], standardStreams: [Int32] = [], waitsForIDMap: Bool
) throws(SystemError) -> LaunchedProcess {
    precondition(standardStreams.isEmpty || standardStreams.count == 3, "there are three standard streams")
    let argv = unsafe cStrings(arguments)
    // The Swift runtime would look for its backtrace program in ten places; the stage's stderr is not for backtraces.
    // It hashes nothing that somebody hostile chooses, so its tables need no seeds; and it asks for its memory at once.
    let envp = unsafe cStrings([
        "SWIFT_BACKTRACE=enable=off,swift-backtrace=/,color=no,interactive=no", "SWIFT_DETERMINISTIC_HASHING=1",
        "GLIBC_TUNABLES=glibc.malloc.top_pad=524288:glibc.malloc.trim_threshold=1048576",
    ])
    // SAFETY: both blocks were made above and are not used after the call.
    defer {
        unsafe free(argv)
        unsafe free(envp)
    }
    var request = unsafe clx_launch_request()
    unsafe request.namespaces = namespaces
    unsafe request.cgroup_v2 = cgroup ?? -1
    unsafe request.program = program.number
    unsafe request.argv = unsafe UnsafePointer(argv)
    unsafe request.envp = unsafe UnsafePointer(envp)
    unsafe request.wait_for_id_map = waitsForIDMap ? 1 : 0
    var process: Int32 = -1
    let pid = try syscall("clone3", on: "the sandbox") {
        // SAFETY: the child is a copy of this process or has its memory until the exec, for which this call waits; what the
        // request points to stays valid for the length of the closures.
        unsafe cgroupTasks.withUnsafeBufferPointer { tasks in
            unsafe inherited.withUnsafeBufferPointer { kept in
                unsafe standardStreams.withUnsafeBufferPointer { streams in
                    unsafe request.cgroup_v1_tasks = tasks.baseAddress
                    unsafe request.cgroup_v1_count = Int32(tasks.count)
                    unsafe request.inherited = kept.baseAddress
                    unsafe request.inherited_count = Int32(kept.count)
                    unsafe request.standard_streams = streams.isEmpty ? nil : streams.baseAddress
                    return unsafe clx_launch(&request, &process)
                }
            }
        }
    }
    return LaunchedProcess(pid: pid, process: OwnedDescriptor(owning: process))
}

/// A child that was started.
package struct LaunchedProcess: ~Copyable, Sendable {
    /// Its pid.
    package let pid: Int32
    /// Its pidfd.
    package let process: OwnedDescriptor

    /// The pidfd alone.
    package consuming func takeProcess() -> OwnedDescriptor {
        process
    }
}

/// Starts a process that does nothing but keep a new user namespace alive until it is killed.
///
/// - Returns: its pid.
package func holdUserNamespace() throws(SystemError) -> Int32 {
    try syscall("clone3", on: "a user namespace") { clx_hold_user_namespace() }
}
