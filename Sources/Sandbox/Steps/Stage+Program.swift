import Diagnostics
import Glibc
import Plans
import Syscalls

extension Stage {
    /// Enters the working directory, as far as the user of now may.
    func enterWorkingDirectory(_ path: String) throws(RuntimeError) {
        do {
            try changeToDirectory(path)
        } catch let error where error.errno == .accessDenied {
            // The program's user may be allowed where root is not, as on a network file system.
            pendingDirectory = path
        }
    }

    /// Changes the working directory without ever following a link of procfs: `/proc/self/fd/7` would lead to the host
    /// (CVE-2024-21626).
    func changeToDirectory(_ path: String) throws(RuntimeError) {
        if path == "/" {
            if isAtRoot { return }
            return try during("process.cwd /") { try changeDirectory("/") }
        }
        do {
            let top = try OwnedDescriptor.open("/", [.path, .directory])
            let directory = try OwnedDescriptor.open(
                at: top, path, [.path, .directory], resolve: [.inRoot, .noMagicLinks])
            try changeDirectory(directory)
        } catch {
            throw RuntimeError(error).during("process.cwd \(path)")
        }
    }

    /// The path of the program, found as execvp(3) finds it.
    func findProgram() throws(RuntimeError) -> String {
        guard let name = plan.program.arguments.first, !name.isEmpty else {
            throw RuntimeError(.invalidBundle, "process.args names no program")
        }
        if name.contains("/") {
            if let fault = whyNotExecutable(name) { throw fault.during("exec \(name)") }
            return name
        }
        let search = plan.program.environment.last { $0.hasPrefix("PATH=") }?.dropFirst(5)
        var refused: RuntimeError?
        for directory in (search ?? "/bin:/usr/bin").split(separator: ":", omittingEmptySubsequences: false) {
            let candidate = directory.isEmpty ? "./\(name)" : "\(directory)/\(name)"
            guard let fault = whyNotExecutable(candidate) else { return candidate }
            if fault.kind == .programNotExecutable { refused = refused ?? fault.during("exec \(candidate)") }
        }
        if let refused { throw refused }
        throw RuntimeError(
            .programNotFound, "exec \"\(name)\": executable file not found in $PATH",
            hint: search == nil ? "the environment has no PATH; /bin and /usr/bin were searched" : nil)
    }

    /// What stands in the way of executing a file; nil for nothing that can be seen from here.
    private func whyNotExecutable(_ path: String) -> RuntimeError? {
        let found: FileStatus
        do {
            found = try status(of: path)
        } catch let error where error.errno == .noEntry || error.errno == .notDirectory {
            return RuntimeError(.programNotFound, "no such file or directory", errno: error.errno)
        } catch {
            return RuntimeError(.programNotExecutable, "\(error.errno)", errno: error.errno)
        }
        if found.kind == .directory {
            return RuntimeError(.programNotExecutable, "it is a directory: permission denied")
        }
        guard found.kind == .regular, found.permissions & 0o111 != 0 else {
            return RuntimeError(
                .programNotExecutable, "permission denied",
                hint: "no execute bit is set (mode \(String(found.permissions, radix: 8)))")
        }
        return nil
    }

    /// Executes the program; it returns only to throw.
    func executeProgram() throws(RuntimeError) {
        let program = plan.program
        var environment = program.environment
        if let count = program.listenDescriptors {
            environment.removeAll { $0.hasPrefix("LISTEN_FDS=") || $0.hasPrefix("LISTEN_PID=") }
            environment += ["LISTEN_FDS=\(count)", "LISTEN_PID=\(currentProcess())"]
        }
        if !environment.contains(where: { $0.hasPrefix("HOME=") }) {
            environment.append("HOME=\(homeDirectory())")
        }
        do {
            try placeFiles(program.handedFiles)
            // Everything but the standard streams and what was asked for closes with the exec, whoever left it open.
            try closeOnExec(from: Int32(3 + max(program.preservedDescriptors, program.handedFiles)))
            // Whoever started mvrun may have ignored or blocked signals; mvrun itself blocks them in the foreground.
            resetSignals(ignored: plan.ignoredSignals)
            try execute(programPath, arguments: program.arguments, environment: environment)
        } catch let error where error.call == "execve" {
            throw explainFailedExec(of: programPath, error)
        } catch {
            throw RuntimeError(error).during("exec \(programPath)")
        }
    }

    /// Gives the files that the launcher handed over the numbers from 3 on.
    private func placeFiles(_ count: Int) throws(SystemError) {
        guard count > 0 else { return }
        // What has one of these numbers makes room first: the channel moves, and the rest has done its work.
        (root, hostProcesses, emptyDirectory) = (nil, nil, nil)
        let free = Int32(3 + count)
        channel = PacketSocket(try channel.descriptor.duplicate(atLeast: free))
        var lifted: [Int32] = []
        for number in handed.suffix(count) {
            lifted.append(try OwnedDescriptor(owning: number).duplicate(atLeast: free).release())
        }
        for (position, number) in lifted.enumerated() { try OwnedDescriptor.place(number, at: Int32(3 + position)) }
    }

    /// The home directory of this process's user as the container's /etc/passwd has it; `/` where it has none.
    private func homeDirectory() -> String {
        let user = "\(getuid())"
        guard let passwd = try? readText("/etc/passwd", limit: 1 << 20) else { return "/" }
        for line in passwd.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count >= 6 && fields[2] == user { return String(fields[5]) }
        }
        return "/"
    }
}
