import Diagnostics
import Glibc
import Options
import Runtime
import Syscalls

/// The program: takes the command line apart, performs its verb, and reports what went wrong.
@main
enum Main {
    static func main() {
        exit(status(of: Array(programArguments.dropFirst())))
    }

    /// Performs a command line.
    ///
    /// - Parameter words: the command line without the program's name.
    /// - Returns: the exit status.
    private static func status(of words: [String]) -> Int32 {
        var log = Log()
        do throws(RuntimeError) {
            let invocation = try Invocation(parsing: words)
            log = makeLog(invocation)
            do throws(RuntimeError) {
                return try perform(invocation, log)
            } catch {
                let activity = [invocation.verb?.definition.name, invocation.arguments.first].compactMap(\.self)
                log.report(activity.isEmpty ? error : error.during(activity.joined(separator: " ")))
                return ExitStatus.of(error, verb: invocation.verb)
            }
        } catch {
            log.report(error)
            return ExitStatus.usage
        }
    }

    private static func perform(_ invocation: Invocation, _ log: Log) throws(RuntimeError) -> Int32 {
        if invocation.has(.help) {
            try printOutput(invocation.verb.map { Help.text(of: $0) } ?? Help.text)
            return ExitStatus.success
        }
        if invocation.has(.version) {
            try VersionCommand.run()
            return ExitStatus.success
        }
        guard let verb = invocation.verb else {
            throw RuntimeError(.usage, "the command is missing", hint: "\"mvrun help\" lists the commands")
        }
        return try dispatch(verb, invocation, makeSession(invocation, log))
    }

    private static func makeSession(_ invocation: Invocation, _ log: Log) -> Session {
        let root = invocation.value(.root) ?? StateStore.defaultRoot()
        var session = Session(store: StateStore(root: absolutePath(root)), log: log)
        session.cgroupManager =
            switch invocation.value(.cgroupManager) {
            case "systemd": .systemd
            case "disabled": .disabled
            case "cgroupfs": .cgroupfs
            default: invocation.has(.systemdCgroup) ? .systemd : .cgroupfs
            }
        session.toleratesCgroups =
            switch invocation.value(.rootless) {
            case "true", "1", "yes": true
            case "false", "0", "no": false
            default: nil
            }
        session.isNamedForMachines =
            programArguments.first?.split(separator: "/").last.map { $0 == "mvrun-vm" } ?? false
        session.criu = invocation.value(.criu)
        return session
    }

    private static func makeLog(_ invocation: Invocation) -> Log {
        let level =
            invocation.has(.debug) ? Log.Level.debug : invocation.value(.logLevel).flatMap(Log.Level.init(name:))
        let format = invocation.value(.logFormat).flatMap(Log.Format.init(rawValue:))
        // crun's spelling names what kind of place it is.
        let path = invocation.value(.log).map { $0.hasPrefix("file:") ? String($0.dropFirst(5)) : $0 }
        return Log(path: path, format: format ?? .text, level: level ?? .warning)
    }
}
