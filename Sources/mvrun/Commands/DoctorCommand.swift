import Diagnostics
import JSON
import Options
import Runtime

/// `mvrun doctor`: says what this host can run, what is missing, and what to do about it.
enum DoctorCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) -> Int32 {
        let examinations = session.examineHost()
        if invocation.value(.format) == "json" {
            var writer = JSONWriter(.pretty)
            writer.array { array in
                for examination in examinations { write(examination, to: &array) }
            }
            try printOutput(writer.text + "\n")
        } else {
            try printOutput(examinations.map(text).joined())
        }
        return examinations.contains { $0.verdict == .failed } ? ExitStatus.failure : ExitStatus.success
    }

    private static func text(_ examination: Examination) -> String {
        let verdict = examination.verdict.rawValue
        let line =
            "\(verdict)\(String(repeating: " ", count: 9 - verdict.count))\(examination.subject): \(examination.finding)\n"
        return line + (examination.remedy.map { "         \($0)\n" } ?? "")
    }

    private static func write(_ examination: Examination, to writer: inout JSONWriter) {
        writer.object { object in
            object.member("subject", examination.subject)
            object.member("verdict", examination.verdict.rawValue)
            object.member("finding", examination.finding)
            if let remedy = examination.remedy { object.member("remedy", remedy) }
        }
    }
}
