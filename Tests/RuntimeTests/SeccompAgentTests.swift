import Diagnostics
import Foundation
import Syscalls
import Testing

@testable import Runtime

@Suite struct SeccompAgentTests {
    private var state: ContainerProcessState {
        var record = ContainerRecord(id: "web", bundle: "/b", rootfs: "/b/rootfs", created: "", owner: 0)
        record.annotations = [.init(key: "a", value: "\"b\"")]
        return ContainerProcessState(
            record: record, status: "creating", containerPID: 7, processPID: 8, metadata: "who\n")
    }

    @Test func theStateIsWhatTheSpecSays() throws {
        let expected = #"""
            {"ociVersion":"1.3.0","fds":["seccompFd"],"pid":8,"metadata":"who\n","state":{"ociVersion":"1.3.0","id":"web",\#
            "status":"creating","pid":7,"bundle":"/b","annotations":{"a":"\"b\""}}}
            """#
        #expect(String(decoding: state.json, as: UTF8.self) == expected)
    }

    @Test func theAgentGetsTheTextAndTheDescriptor() throws {
        let path = "/tmp/mvrun-agent-\(UUID().uuidString.prefix(8))"
        let agent = try UnixSocket.listen(at: path, .stream)
        defer { try? removeFile(path) }
        let pipe = try makePipe()
        try send(pipe.reading, of: state, toAgent: path)
        var packet = try PacketSocket(try UnixSocket.accept(agent)).receive()
        #expect(packet.bytes == state.json)
        try pipe.writing.writeAll([42], subject: "pipe")
        guard let passed = packet.passed.take() else {
            Issue.record("no descriptor came")
            return
        }
        var byte: [UInt8] = [0]
        #expect(try passed.read(into: &byte, subject: "pipe") == 1)
        #expect(byte == [42])
    }

    @Test func anAgentThatDoesNotListenIsNamed() throws {
        let pipe = try makePipe()
        #expect {
            try send(pipe.reading, of: state, toAgent: "/nowhere/agent")
        } throws: { error in
            "\(error)" == "linux.seccomp.listenerPath: connect(/nowhere/agent): no such file or directory"
        }
    }

    @Test func aPathTooLongForASocketIsNamed() throws {
        let pipe = try makePipe()
        let path = "/" + String(repeating: "a", count: 107)
        #expect {
            try send(pipe.reading, of: state, toAgent: path)
        } throws: { error in "\(error)".hasPrefix("linux.seccomp.listenerPath: connect(\(path)): ") }
    }
}
