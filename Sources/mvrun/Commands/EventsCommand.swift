import Diagnostics
import Options
import Runtime

/// `mvrun events CONTAINER`: prints statistics once, or at intervals together with what happens to the memory.
enum EventsCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        if invocation.has(.stats) { return try printOutput(session.statistics(of: invocation.container)) }
        let text = invocation.value(.interval) ?? "5s"
        guard let interval = milliseconds(text), interval > 0 else {
            throw RuntimeError(
                .usage, "--interval: \"\(text)\" is not a time", hint: "write it as in 5s, 500ms or 1m30s")
        }
        try session.events(of: invocation.container, intervalMilliseconds: interval) { line throws(RuntimeError) in
            try printOutput(line)
        }
    }

    /// A time as Go's ParseDuration takes it, in whole units; without a unit it is seconds.
    static func milliseconds(_ text: String) -> Int? {
        if let seconds = Int(text) {
            return seconds.multipliedReportingOverflow(by: 1000).overflow ? nil : seconds * 1000
        }
        var total = 0
        var rest = text[...]
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            let factors = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000]
            guard let number = Int(digits), let factor = factors[String(unit)] else { return nil }
            let (part, tooLarge) = number.multipliedReportingOverflow(by: factor)
            let (sum, overflow) = total.addingReportingOverflow(part)
            if tooLarge || overflow { return nil }
            total = sum
        }
        return text.isEmpty ? nil : total
    }
}
