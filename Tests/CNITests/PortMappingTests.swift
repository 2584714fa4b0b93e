import Diagnostics
import Testing

@testable import CNI

@Suite struct PortMappingTests {
    @Test(arguments: [
        ("8080:80", "8080 80 tcp -"), ("53:5353/udp", "53 5353 udp -"),
        ("127.0.0.1:1:65535/TCP", "1 65535 tcp 127.0.0.1"),
        ("[::1]:8080:80", "8080 80 tcp ::1"), ("9:9/sctp", "9 9 sctp -"),
    ])
    func aPortOfTheHostsLeadsToOneOfTheContainers(text: String, expected: String) throws {
        let mapping = try PortMapping(parsing: text)
        let said = "\(mapping.hostPort) \(mapping.containerPort) \(mapping.transport) \(mapping.hostAddress ?? "-")"
        #expect(said == expected)
    }

    @Test(arguments: [
        "", ":", "80", "80:", ":80", "0:80", "80:0", "65536:80", "80:80/icmp", "80:80/tcp/udp", "-1:80", "+1:80",
        "a:80:80:b",
        "host.name:80:80", "80:8 0", "1.1.1.1;rm:80:80",
    ])
    func whatIsNoMappingIsRefused(text: String) {
        let error = #expect(throws: RuntimeError.self) { try PortMapping(parsing: text) }
        #expect(error?.description.hasPrefix("--publish: \"\(text)\" is not") == true)
    }
}
