import Diagnostics
import Foundation
import JSON
import Testing

@testable import CNI

@Suite struct NetworkListTests {
    private func list(_ text: String) throws -> NetworkList {
        try NetworkList(JSONDocument(reading: Array(text.utf8), limit: 1 << 20).root)
    }

    @Test func aListHasItsPluginsInOrder() throws {
        let list = try list(
            """
            {"cniVersion": "1.0.0", "name": "web", "disableCheck": true, "plugins": [
                {"type": "bridge", "bridge": "b0"},
                {"type": "portmap", "capabilities": {"portMappings": true, "bandwidth": false}}]}
            """)
        #expect(list.name == "web" && list.version == "1.0.0" && list.disablesCheck)
        #expect(list.plugins.map(\.type) == ["bridge", "portmap"])
        #expect(list.plugins.map(\.capabilities) == [[], ["portMappings"]])
    }

    @Test func aSinglePluginIsAListOfOne() throws {
        let list = try list(#"{"cniVersion": "0.3.1", "name": "one", "type": "ptp"}"#)
        #expect(list.plugins.map(\.type) == ["ptp"] && !list.disablesCheck)
    }

    @Test(arguments: [
        (#"{"cniVersion": "1.0.0", "plugins": [{"type": "a"}]}"#, "name: "),
        (#"{"cniVersion": "1.0.0", "name": "-x", "plugins": [{"type": "a"}]}"#, "name: "),
        (#"{"cniVersion": "0.2.0", "name": "x", "plugins": [{"type": "a"}]}"#, "cniVersion: \"0.2.0\""),
        (#"{"name": "x", "plugins": [{"type": "a"}]}"#, "cniVersion: \"0.1.0\""),
        (#"{"cniVersion": "1.0.0", "name": "x", "plugins": []}"#, "plugins: "),
        (#"{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "a"}, {"type": "../b"}]}"#, "plugins[1].type: "),
        (#"{"cniVersion": "1.0.0", "name": "x", "plugins": [{}]}"#, "plugins[0].type: "),
        (#"{"cniVersion": "1.0.0", "name": "x"}"#, "type: "), ("[]", "name: "),
    ])
    func whatIsNoNetworkIsRefused(text: String, start: String) {
        let error = #expect(throws: RuntimeError.self) { try list(text) }
        #expect(error?.description.hasPrefix(start) == true, "\(error?.description ?? "")")
    }

    @Test func aNetworkIsFoundByItsNameNotItsFiles() throws {
        try withFolder { folder in
            let text = #"{"cniVersion": "1.0.0", "name": "NAME", "plugins": [{"type": "a"}]}"#
            for (file, name) in [("10-b.conflist", "first"), ("20-a.conf", "second"), ("30.txt", "third")] {
                try text.replacing("NAME", with: name).write(
                    toFile: "\(folder)/\(file)", atomically: true, encoding: .utf8)
            }
            #expect(try NetworkList.find("second", in: folder).name == "second")
            let error = #expect(throws: RuntimeError.self) { try NetworkList.find("third", in: folder) }
            #expect(error?.description == "no network third in \(folder)")
            #expect(error?.hint == "there are first, second")
            try "{".write(toFile: "\(folder)/15.conflist", atomically: true, encoding: .utf8)
            #expect(try NetworkList.find("second", in: folder).name == "second")
            let broken = #expect(throws: RuntimeError.self) { try NetworkList.find("third", in: folder) }
            #expect(broken?.description.hasPrefix("\(folder)/15.conflist: ") == true, "\(broken?.description ?? "")")
        }
    }

    @Test func withoutADirectoryThereIsNone() {
        let error = #expect(throws: RuntimeError.self) { try NetworkList.find("x", in: "/no/such/place") }
        #expect(error?.description == "no network x in /no/such/place" && error?.hint?.hasPrefix("put ") == true)
    }
}

/// A folder that is there for as long as the body runs.
func withFolder(_ body: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "cni.\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
}
