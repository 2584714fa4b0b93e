import Diagnostics
import JSON
import OCI
import Testing

@Suite struct StateTests {
    private let state = State(
        id: "web", status: .running, pid: 4422, bundle: "/containers/web", annotations: [Entry(key: "k", value: "v")])

    @Test(arguments: [
        ("{", "state.json: expected a key in quotation marks, found the end (line 1, column 2)"),
        ("[]", "state.json: expected an object, found an array (line 1)"),
        (#"{"ociVersion": "1.0.0"}"#, "state.json: id: required, and missing (line 1)"),
        (
            #"{"ociVersion": "1.0.0", "id": "a", "status": "alive"}"#,
            #"state.json: status: "alive" is not a status (line 1)"#
        ),
        (
            #"{"ociVersion": "1.0.0", "id": "a", "status": "running", "pid": 99999999999}"#,
            "state.json: pid: 99999999999 is not an integer from -2147483648 to 2147483647 (line 1)"
        ),
    ])
    func aBrokenStateIsRefused(text: String, expected: String) {
        let error = #expect(throws: RuntimeError.self) { try State(Array(text.utf8), named: "state.json") }
        #expect(error?.description == expected)
    }

    @Test func aStateSurvivesAWriteAndARead() throws {
        #expect(try State(state.json(), named: "state") == state)
        #expect(try State(state.json(.pretty), named: "state") == state)
    }

    @Test func hooksGetTheStateOfTheSpec() {
        #expect(
            String(decoding: state.json(), as: UTF8.self)
                == #"{"ociVersion":"1.3.0","id":"web","status":"running","pid":4422,"bundle":"/containers/web","#
                + #""annotations":{"k":"v"}}"#)
    }

    @Test func aSeccompListenerGetsTheProcessStateOfTheSpec() {
        let process = ContainerProcessState(pid: 7, metadata: "m", state: state)
        let inner = String(decoding: state.json(), as: UTF8.self)
        #expect(
            String(decoding: process.json, as: UTF8.self)
                == #"{"ociVersion":"1.3.0","fds":["seccompFd"],"pid":7,"metadata":"m","state":\#(inner)}"#)
    }

    @Test func featuresListWhatTheTablesHold() throws {
        var support = Features.Support()
        support.systemdUser = false
        support.seccompFlags = [.log]
        let features = Features(
            support: support, annotations: [Entry(key: "v", value: "1")],
            potentiallyUnsafeConfigAnnotations: ["run.oci."])
        let root = try JSONDocument(reading: features.json(), limit: 1 << 20).root
        func texts(_ value: JSONValue?) -> [String?] { value.map { $0.elements.map(\.string) } ?? [] }
        #expect(root["ociVersionMin"]?.string == "1.0.0")
        #expect(root["ociVersionMax"]?.string == "1.3.0")
        #expect(texts(root["hooks"]) == Spec.Hooks.Point.names)
        #expect(texts(root["mountOptions"]) == MountOptions.names)
        let linux = try #require(root["linux"])
        #expect(texts(linux["namespaces"]) == ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"])
        #expect(texts(linux["capabilities"]).count == 41)
        #expect(linux["cgroup"]?["systemdUser"]?.boolean == false)
        #expect(linux["cgroup"]?["v1"]?.boolean == true)
        #expect(texts(linux["seccomp"]?["supportedFlags"]) == ["SECCOMP_FILTER_FLAG_LOG"])
        #expect(texts(linux["seccomp"]?["knownFlags"]).count == 4)
        #expect(texts(linux["memoryPolicy"]?["modes"]).count == 7)
        #expect(linux["mountExtensions"]?["idmap"]?["enabled"]?.boolean == true)
        #expect(root["potentiallyUnsafeConfigAnnotations"]?.elements.map(\.string) == ["run.oci."])
    }
}
