package import Diagnostics
import Glibc
import Syscalls

/// Runs a program of the host and takes what it prints, on standard output and standard error alike.
///
/// - Parameters:
///   - name: the program, looked for in `PATH`.
///   - arguments: what follows its name.
///   - environment: NAME=value each; nil for this process's own.
///   - limit: the most bytes to take.
/// - Returns: its exit status as a shell would show it, and the text.
package func outputOfProgram(
    _ name: String, _ arguments: [String], environment: [String]? = nil, limit: Int = 64 << 20
) throws(RuntimeError) -> (status: Int32, text: String) {
    do throws(SystemError) {
        let input = try OwnedDescriptor.open("/dev/null")
        let pipe = try makePipe()
        let pid = try spawnProcess(
            name, arguments: [name] + arguments, environment: environment, input: input, output: pipe.writing,
            errors: pipe.writing)
        let bytes = try pipe.keepReading().readAll(limit: limit, subject: "the output of \(name)")
        let ended = try waitForChild(pid)
        return (ended?.end.shellStatus ?? 0, String(decoding: bytes, as: UTF8.self))
    } catch {
        if error.call == "execve", error.errno == .noEntry {
            throw RuntimeError(.unsupported, "\(name): executable file not found in $PATH")
        }
        throw RuntimeError(error)
    }
}
