import Foundation
import Plans
import Syscalls
import Testing

/// Two new network namespaces for one test: the one its thread is in, called outside, and another, called inside.
///
/// Both go when the test ends, and with them every device in them.
struct PrivateNetworks: ~Copyable {
    /// Whether this machine can make them.
    static let canBeMade =
        geteuid() == 0
        && ["ip", "nsenter"].allSatisfy { program in
            ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].contains {
                FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
            }
        }

    private let file: OwnedDescriptor

    private init() throws {
        try unshareNamespaces(NamespaceKind.network.cloneFlag, subject: "network")
        let inside = try OwnedDescriptor.open("/proc/thread-self/ns/net")
        try unshareNamespaces(NamespaceKind.network.cloneFlag, subject: "network")
        file = inside
    }

    /// The file of the namespace called inside.
    var insidePath: String { "/proc/\(getpid())/fd/\(file.number)" }

    /// Runs a shell script outside.
    @discardableResult
    func outside(_ script: String) throws -> String { try run(["sh", "-ec", script]) }

    /// Runs a shell script inside.
    @discardableResult
    func inside(_ script: String) throws -> String { try run(["nsenter", "--net=\(insidePath)", "sh", "-ec", script]) }

    /// Runs a command as a child of this very thread, whose namespace it has.
    private func run(_ command: [String]) throws -> String {
        let pipe = try makePipe()
        let child = try spawnProcess(
            command[0], arguments: command, environment: nil, input: OwnedDescriptor.open("/dev/null"),
            output: pipe.writing, errors: pipe.writing)
        let output = try pipe.keepReading().readAll(limit: 1 << 20, subject: command[0])
        let ended = try waitForChild(child)
        let text = String(decoding: output, as: UTF8.self)
        try #require(ended?.end == .exited(0), "\(command): \(text)")
        return text
    }

    /// Runs a test in networks of its own; it does not leave its thread, which is back where it was afterwards.
    static func with(_ body: (borrowing PrivateNetworks) throws -> Void) throws {
        let own = try OwnedDescriptor.open("/proc/thread-self/ns/net")
        let kind = NamespaceKind.network.cloneFlag
        defer { #expect(throws: Never.self) { try enterNamespaces(of: own, kinds: kind, subject: "the way back") } }
        try body(PrivateNetworks())
    }
}
