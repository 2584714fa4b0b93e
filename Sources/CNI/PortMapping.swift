package import Diagnostics
import JSON

/// A port of the host's that leads to one of a container's: what `--publish` asks for.
///
/// CNI conventions, "Dynamic plugin specific fields", `portMappings`.
package struct PortMapping: Equatable, Sendable {
    /// The port on the host.
    package let hostPort: UInt16
    /// The port in the container.
    package let containerPort: UInt16
    /// tcp, udp or sctp.
    package let transport: String
    /// The host's address; nil for all.
    package let hostAddress: String?

    /// Reads `[ADDRESS:]HOST:CONTAINER[/PROTOCOL]`; an IPv6 address stands in brackets.
    ///
    /// - Parameter text: as in "8080:80", "127.0.0.1:8080:80/tcp" or "[::1]:53:53/udp".
    package init(parsing text: String) throws(RuntimeError) {
        let malformed = RuntimeError(
            .usage, "--publish: \"\(text)\" is not [ADDRESS:]HOST:CONTAINER[/PROTOCOL]",
            hint: "ports are numbers from 1 to 65535, and the protocol is tcp, udp or sctp")
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count <= 2, let places = halves.first else { throw malformed }
        transport = halves.count == 2 ? halves[1].lowercased() : "tcp"
        guard ["tcp", "udp", "sctp"].contains(transport) else { throw malformed }
        var rest = places
        guard let inner = Self.takePort(from: &rest), let outer = Self.takePort(from: &rest) else { throw malformed }
        (hostPort, containerPort) = (outer, inner)
        if rest.hasPrefix("["), rest.hasSuffix("]") { rest = rest.dropFirst().dropLast() }
        // The plugin knows what an address is.
        guard rest.utf8.count <= 64, rest.utf8.allSatisfy({ Self.isOfAddress($0) }) else { throw malformed }
        hostAddress = rest.isEmpty ? nil : String(rest)
    }

    /// Reads what `write(to:)` has written.
    init(_ value: JSONValue) throws(RuntimeError) {
        guard let host = value["hostPort"]?.uint64.flatMap({ UInt16(exactly: $0) }),
            let container = value["containerPort"]?.uint64.flatMap({ UInt16(exactly: $0) }),
            let transport = value["protocol"]?.string
        else { throw RuntimeError(.invalidBundle, "\(value.path): not a port mapping") }
        (hostPort, containerPort, self.transport) = (host, container, transport)
        hostAddress = value["hostIP"]?.string
    }

    /// Writes it as an object.
    func write(to writer: inout JSONWriter) {
        writer.object { object in
            object.member("hostPort", Int(hostPort))
            object.member("containerPort", Int(containerPort))
            object.member("protocol", transport)
            if let hostAddress { object.member("hostIP", hostAddress) }
        }
    }

    /// Takes the number behind the last colon, and the colon.
    private static func takePort(from text: inout Substring) -> UInt16? {
        let start = text.lastIndex(of: ":").map { text.index(after: $0) } ?? text.startIndex
        let digits = text[start...]
        guard digits.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
            let port = UInt16(digits), port > 0
        else { return nil }
        text = text[..<start].dropLast(start == text.startIndex ? 0 : 1)
        return port
    }

    private static func isOfAddress(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") || byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f")
            || byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "F") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: ":")
    }
}
