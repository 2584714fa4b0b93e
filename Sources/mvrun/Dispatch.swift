import Diagnostics
import Options
import Runtime

/// Performs a verb.
///
/// - Returns: the exit status.
func dispatch(_ verb: Verb, _ invocation: Invocation, _ session: Session) throws(RuntimeError) -> Int32 {
    switch verb {
    case .create: try CreateCommand.run(invocation, session)
    case .start: try session.start(invocation.container)
    case .run: return try RunCommand.run(invocation, session)
    case .exec: return try ExecCommand.run(invocation, session)
    case .state: try StateCommand.run(invocation, session)
    case .kill: try KillCommand.run(invocation, session)
    case .delete: return try DeleteCommand.run(invocation, session)
    case .list: try ListCommand.run(invocation, session)
    case .ps: try PsCommand.run(invocation, session)
    case .pause: try session.pause(invocation.container)
    case .resume: try session.resume(invocation.container)
    case .update: try UpdateCommand.run(invocation, session)
    case .events: try EventsCommand.run(invocation, session)
    case .console: try ConsoleCommand.run(invocation, session)
    case .dmesg: try ConsoleCommand.runLog(invocation, session)
    case .features: try FeaturesCommand.run()
    case .plan: try PlanCommand.run(invocation, session)
    case .check: return try CheckCommand.run(invocation, session)
    case .doctor: return try DoctorCommand.run(invocation, session)
    case .gc: try GcCommand.run(invocation, session)
    case .spec: try SpecCommand.run(invocation)
    case .bundle: try BundleCommand.run(invocation, session)
    case .completion: try CompletionCommand.run(invocation)
    case .version: try VersionCommand.run()
    case .help: try HelpCommand.run(invocation)
    case .checkpoint: try CheckpointCommand.run(invocation, session)
    case .restore: return try RestoreCommand.run(invocation, session)
    }
    return ExitStatus.success
}
