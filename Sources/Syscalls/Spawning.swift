import CLinux
import Glibc

/// Starts a program in a process of its own, with these standard streams and nothing else that is open.
///
/// The program gets the default action for every signal and an empty mask, whatever this process changed for itself. The
/// corresponding function is `posix_spawn(3)`, so a program that cannot be executed is an error here, not a status later.
///
/// - Parameters:
///   - path: the program; without a slash it is looked for in `PATH`.
///   - arguments: argv.
///   - environment: NAME=value each; nil for this process's own.
///   - input: standard input.
///   - output: standard output.
///   - errors: standard error.
/// - Returns: the child's pid.
package func spawnProcess(
    _ path: String, arguments: [String], environment: [String]?, input: borrowing OwnedDescriptor,
    output: borrowing OwnedDescriptor, errors: borrowing OwnedDescriptor
) throws(SystemError) -> Int32 {
    let argv = unsafe cStrings(arguments)
    let envp = unsafe environment.map { unsafe cStrings($0) }
    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    // SAFETY: both blocks of strings and both attribute objects live to the end of this function, and are freed once.
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawnattr_init(&attributes)
    defer {
        unsafe posix_spawn_file_actions_destroy(&actions)
        unsafe posix_spawnattr_destroy(&attributes)
        unsafe free(argv)
        unsafe envp.map { unsafe free($0) }
    }
    var mask = sigset_t()
    var defaults = sigset_t()
    unsafe sigemptyset(&mask)
    unsafe sigfillset(&defaults)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    unsafe posix_spawnattr_setsigmask(&attributes, &mask)
    unsafe posix_spawnattr_setsigdefault(&attributes, &defaults)
    unsafe posix_spawn_file_actions_adddup2(&actions, input.number, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, output.number, 1)
    unsafe posix_spawn_file_actions_adddup2(&actions, errors.number, 2)
    var pid: Int32 = -1
    let code =
        if path.contains("/") {
            unsafe posix_spawn(&pid, path, &actions, &attributes, argv, envp ?? environ)
        } else {
            unsafe posix_spawnp(&pid, path, &actions, &attributes, argv, envp ?? environ)
        }
    if code != 0 { throw SystemError("execve", path, Errno(rawValue: code)) }
    return pid
}

/// The value of a variable of this process's environment; nil where it is not set.
package func environmentVariable(_ name: String) -> String? {
    // SAFETY: nothing in mvrun changes its own environment, so the text stays where it is while it is copied.
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
}

/// Where programs are looked for, as in `PATH`: this process's own, or where distributions have them.
package var searchPath: String {
    environmentVariable("PATH") ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}

/// A pipe, both ends closed on exec.
///
/// The corresponding system call is `pipe2(2)`.
package func makePipe() throws(SystemError) -> PipeEnds {
    var numbers: [Int32] = [-1, -1]
    try syscall("pipe2", on: "") { unsafe clx_pipe(&numbers) }
    return PipeEnds(reading: OwnedDescriptor(owning: numbers[0]), writing: OwnedDescriptor(owning: numbers[1]))
}

/// The two ends of a pipe.
package struct PipeEnds: ~Copyable {
    /// What is read from.
    package var reading: OwnedDescriptor
    /// What is written to.
    package var writing: OwnedDescriptor

    /// The reading end alone; the writing one is closed here, so that the last writer's end is the pipe's.
    package consuming func keepReading() -> OwnedDescriptor {
        reading
    }
}

extension OwnedDescriptor {
    /// A file without a name that holds these bytes, to be read from its start.
    ///
    /// As a program's standard input it is better than a pipe where everything is known beforehand: nobody has to feed it,
    /// and a program that does not read does no harm.
    ///
    /// The corresponding system call is `memfd_create(2)`.
    package static func memory(_ bytes: [UInt8], name: String) throws(SystemError) -> OwnedDescriptor {
        let file = try make(name)
        let number = file.number
        var done = 0
        while done < bytes.count {
            let start = done
            done += try syscall("pwrite", on: name) {
                // SAFETY: `start` is below the array's count, and the kernel only reads.
                unsafe bytes.withUnsafeBytes { buffer in
                    unsafe pwrite(number, buffer.baseAddress.map { unsafe $0 + start }, buffer.count - start, start)
                }
            }
        }
        return file
    }

    private static func make(_ name: String) throws(SystemError) -> OwnedDescriptor {
        let notExecutable: UInt32 = 8
        do {
            // With vm.memfd_noexec=2 the kernel makes no other kind; before 6.3 it does not know this one.
            return OwnedDescriptor(
                owning: try syscall("memfd_create", on: name) {
                    unsafe clx_memfd_create(name, CLX_MFD_CLOEXEC | notExecutable)
                })
        } catch let error where error.errno == .invalidArgument {
            return OwnedDescriptor(
                owning: try syscall("memfd_create", on: name) { unsafe clx_memfd_create(name, CLX_MFD_CLOEXEC) })
        }
    }

    /// Reads and writes that would wait fail with EAGAIN instead, or wait again.
    ///
    /// The corresponding request is `F_SETFL` of `fcntl(2)`.
    package borrowing func setNonBlocking(_ nonBlocking: Bool) throws(SystemError) {
        let number = self.number
        let flags = try syscall("fcntl", on: "F_GETFL \(number)") { clx_fcntl(number, F_GETFL, 0) }
        let wanted = nonBlocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK
        if wanted == flags { return }
        try syscall("fcntl", on: "F_SETFL \(number)") { clx_fcntl(number, F_SETFL, Int(wanted)) }
    }
}
