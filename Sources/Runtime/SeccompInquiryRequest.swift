import Diagnostics
import OCI
import Planning
import Plans
import Syscalls

/// What `run` is to find out about the program's system calls.
package enum SeccompInquiryRequest: Sendable {
    /// Which ones the profile blocks; each is told on stderr when it is first made.
    case explain
    /// Which ones are made at all; a profile that allows just these is written to a file.
    case record(file: String)

    /// Turns the profile's filter into one that asks mvrun.
    ///
    /// - Parameters:
    ///   - spec: the container's configuration.
    ///   - filter: the profile's filter; nil without a profile.
    /// - Returns: how mvrun answers; nil where there is nothing to ask about.
    func ask(_ spec: Spec, _ filter: inout SeccompFilter?) throws(RuntimeError) -> SeccompSupervisor.Answers? {
        switch self {
        case .record:
            filter =
                try filter.map { base throws(RuntimeError) in try SeccompFilter(asking: .record, for: base) }
                ?? .askingAboutAll
            return .recording
        case .explain:
            guard let base = filter, let profile = try spec.linux.seccomp?.parsed() else {
                throw RuntimeError(
                    .invalidBundle, "--explain-seccomp: config.json has no linux.seccomp, so nothing is blocked")
            }
            filter = try SeccompFilter(asking: .explain, for: base)
            return SeccompExplanation(profile, filter: base).map { .explaining($0) }
        }
    }
}

/// An inquiry that is under way.
struct RunningInquiry: ~Copyable {
    private let supervisor: SeccompSupervisor
    private let thread: SeccompSupervisorThread

    /// Begins to answer.
    init(listener: consuming OwnedDescriptor, _ answers: SeccompSupervisor.Answers) throws(RuntimeError) {
        let supervisor = SeccompSupervisor(listener: listener, answers) { event in
            // Nobody is left to be told where stderr is closed.
            try? writeStandard("mvrun: seccomp: \(event)\n", to: 2)
        }
        do {
            thread = try SeccompSupervisorThread(supervisor)
        } catch {
            throw RuntimeError(error).during("look at the program's system calls")
        }
        self.supervisor = supervisor
    }

    /// Stops answering, and writes down what was learnt.
    consuming func finish(_ request: SeccompInquiryRequest) throws(RuntimeError) {
        let supervisor = supervisor
        do {
            try thread.finish()
            if case .record(let file) = request {
                try writeFileAtomically(supervisor.recording.profile, to: file, mode: 0o644)
            }
        } catch {
            throw RuntimeError(error).during("look at the program's system calls")
        }
    }
}
