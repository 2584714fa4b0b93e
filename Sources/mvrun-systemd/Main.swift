import CSystemd
import Glibc
import Syscalls

/// Asks systemd over D-Bus for what only systemd can do: to make a scope around a process, and to end it.
///
/// mvrun starts it, with `--systemd-cgroup` alone, because libsystemd exists only as a shared library:
///
///     mvrun-systemd [--user] start UNIT <PROPERTIES    makes the unit, and waits until it is there
///     mvrun-systemd [--user] set UNIT <PROPERTIES      changes properties, until the next boot
///     mvrun-systemd [--user] stop UNIT                 ends the unit, and waits until it is gone
///     mvrun-systemd [--user] cgroup                    prints the cgroup of that systemd, an empty line for the root
///
/// `--user` asks the user's systemd in place of the machine's. Properties are lines on the standard input, see `Property`.
/// A unit that does not exist is stopped already. The exit status is 0, or 1 with one line on the standard error which
/// says why, or 64 for a command line that mvrun would not write.
@main
enum Main {
    static func main() {
        guard let request = Request(Array(CommandLine.arguments.dropFirst())) else {
            complain("mvrun-systemd is started by mvrun: [--user] start|set|stop UNIT, or [--user] cgroup")
            exit(64)
        }
        do throws(BusError) {
            try perform(request)
        } catch {
            complain(error.message)
            exit(1)
        }
    }

    private static func perform(_ request: Request) throws(BusError) {
        guard sd_booted() > 0 else { throw BusError("systemd is not running here") }
        let systemd = try Systemd(ofUser: request.isUsers)
        switch request.verb {
        case .start: try systemd.start(request.unit, try readProperties())
        case .set: try systemd.set(try readProperties(), of: request.unit)
        case .stop: try systemd.stop(request.unit)
        case .cgroup: try write(try systemd.controlGroup() + "\n", to: 1)
        }
    }

    private static func readProperties() throws(BusError) -> [Property] {
        let bytes: [UInt8]
        do {
            bytes = try OwnedDescriptor(owning: 0).readAll(limit: 1 << 20, subject: "the properties")
        } catch {
            throw BusError("\(error)")
        }
        var properties: [Property] = []
        for line in bytes.split(separator: 0x0a) { properties.append(try Property(line: line)) }
        return properties
    }

    private static func write(_ text: String, to number: Int32) throws(BusError) {
        let file = OwnedDescriptor(owning: number)
        do {
            try file.writeAll(Array(text.utf8), subject: "the answer")
        } catch {
            throw BusError("\(error)")
        }
    }

    /// Says why on the standard error: in one line, whatever systemd has put into its text.
    private static func complain(_ reason: String) {
        let line = reason.split(whereSeparator: \.isNewline).joined(separator: " ")
        // Nobody is left to be told of a standard error that cannot be written.
        try? write(line + "\n", to: 2)
    }
}

/// A command line.
private struct Request {
    enum Verb: String {
        case start, set, stop, cgroup
    }

    let isUsers: Bool
    let verb: Verb
    /// The unit; empty for `cgroup`.
    let unit: String

    init?(_ words: [String]) {
        isUsers = words.first == "--user"
        let rest = isUsers ? words.dropFirst() : words[...]
        guard let verb = rest.first.flatMap(Verb.init(rawValue:)), rest.count == (verb == .cgroup ? 1 : 2) else {
            return nil
        }
        self.verb = verb
        unit = verb == .cgroup ? "" : rest.last ?? ""
    }
}
