import Diagnostics
import Foundation
import JSON
import TestSupport
import Testing

@testable import CNI

@Suite struct NetworkAttachmentTests {
    /// Plugins that note what they are asked, and a network of two of them.
    private struct Stage {
        let folder: String
        var noted: [String] {
            ((try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? "").split(separator: "\n").map(
                String.init)
        }

        init(_ folder: String) throws {
            self.folder = folder
            try plugin("one", #"echo '{"cniVersion":"1.0.0","from":"one"}'"#)
            try plugin("two", #"echo '{"cniVersion":"1.0.0","from":"two","ips":[{"address":"10.1.0.2/16"}]}'"#)
        }

        func plugin(_ name: String, _ script: String) throws {
            let text = """
                #!/bin/sh
                echo "\(name) $CNI_COMMAND $CNI_CONTAINERID $CNI_NETNS $CNI_IFNAME $(cat)" >> \(folder)/log
                \(script)
                """
            try makeProgram(at: "\(folder)/\(name)", text)
        }

        func attachment(version: String = "1.0.0", ports: [PortMapping] = []) throws -> NetworkAttachment {
            let text = """
                {"cniVersion": "\(version)", "name": "net", "plugins": [{"type": "one", "mtu": 1400, "prevResult": 1},
                {"type": "two", "capabilities": {"portMappings": true}}]}
                """
            let list = try NetworkList(JSONDocument(reading: Array(text.utf8), limit: 1 << 20).root)
            return try NetworkAttachment(to: list, of: "web", as: "eth0", ports: ports)
        }
    }

    private func onStage(_ body: (Stage) throws -> Void) throws { try withFolder { try body(try Stage($0)) } }

    @Test func eachPluginIsToldWhatTheOneBeforeHasDone() throws {
        try onStage { stage in
            var attachment = try stage.attachment(ports: [PortMapping(parsing: "127.0.0.1:8080:80")])
            try attachment.add(namespace: "/ns", plugins: ["/no/such", stage.folder])
            #expect(
                stage.noted == [
                    #"one ADD web /ns eth0 {"cniVersion":"1.0.0","name":"net","type":"one","mtu":1400}"#,
                    #"two ADD web /ns eth0 {"cniVersion":"1.0.0","name":"net","type":"two","runtimeConfig":{"portMappings":"#
                        + #"[{"hostPort":8080,"containerPort":80,"protocol":"tcp","hostIP":"127.0.0.1"}]},"#
                        + #""prevResult":{"cniVersion":"1.0.0","from":"one"}}"#,
                ])
            #expect(attachment.result?["from"]?.string == "two")
        }
    }

    @Test func theyAreUndoneInTheOppositeOrderByWhatWasKept() throws {
        try onStage { stage in
            var attachment = try stage.attachment()
            try attachment.add(namespace: "/ns", plugins: [stage.folder])
            var writer = JSONWriter()
            attachment.write(to: &writer)
            let kept = try NetworkAttachment(JSONDocument(reading: writer.bytes, limit: 1 << 20).root)
            try kept.check(namespace: "/ns", plugins: [stage.folder])
            try kept.delete(namespace: nil, plugins: [stage.folder])
            let words = stage.noted.map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
            #expect(words == ["one ADD", "two ADD", "one CHECK", "two CHECK", "two DEL", "one DEL"])
            #expect(
                stage.noted.suffix(4).allSatisfy { $0.contains(#""prevResult":{"cniVersion":"1.0.0","from":"two""#) })
            #expect(stage.noted.last?.hasPrefix("one DEL web  eth0 ") == true, "the namespace is gone")
        }
    }

    @Test func whatPluginsOfOldAreNotToldIsLeftOut() throws {
        try onStage { stage in
            var attachment = try stage.attachment(version: "0.3.1")
            try attachment.add(namespace: "/ns", plugins: [stage.folder])
            try attachment.check(namespace: "/ns", plugins: [stage.folder])
            try attachment.delete(namespace: "/ns", plugins: [stage.folder])
            #expect(stage.noted.count == 4 && stage.noted.suffix(2).allSatisfy { !$0.contains("prevResult") })
        }
    }

    @Test func anAddThatFailsSaysWhoAndWhyInThePluginsWords() throws {
        try onStage { stage in
            try stage.plugin("two", #"echo '{"code":7,"msg":"no addresses","details":"pool empty"}'; exit 1"#)
            var attachment = try stage.attachment()
            let error = #expect(throws: RuntimeError.self) {
                try attachment.add(namespace: "/ns", plugins: [stage.folder])
            }
            #expect(error?.description == "network net: ADD two: no addresses: pool empty (code 7)")
            #expect(attachment.result == nil)
        }
    }

    @Test func oneThatCannotBeUndoneKeepsNoOtherFromIt() throws {
        try onStage { stage in
            try stage.plugin("two", "echo lost >&2; kill -9 $$")
            let attachment = try stage.attachment()
            let error = #expect(throws: RuntimeError.self) {
                try attachment.delete(namespace: nil, plugins: [stage.folder])
            }
            #expect(error?.description == "network net: DEL two: it was killed by signal 9, its last words: lost")
            #expect(stage.noted.map { $0.prefix(7) } == ["two DEL", "one DEL"])
        }
    }

    @Test func aPluginThatIsNotThereIsNamed() throws {
        try onStage { stage in
            var attachment = try stage.attachment()
            let error = #expect(throws: RuntimeError.self) {
                try attachment.add(namespace: "/ns", plugins: ["/no/such"])
            }
            #expect(error?.description == "network net: ADD one: executable file not found in /no/such")
            #expect(error?.hint?.contains("containernetworking-plugins") == true)
        }
    }

    @Test func aPluginThatHangsIsKilled() throws {
        try onStage { stage in
            try stage.plugin("one", "exec sleep 100")
            let context = OperationContext(
                container: "web", namespace: nil, interface: "eth0", directories: [stage.folder])
            let error = #expect(throws: RuntimeError.self) {
                try runPlugin("one", .add, context, configuration: [], timeoutSeconds: 1)
            }
            #expect(error?.description == "ADD one: it did not end within 1 s and was killed")
        }
    }

    @Test func aResultThatIsNoJSONIsRefused() throws {
        try onStage { stage in
            try stage.plugin("one", "echo fine")
            var attachment = try stage.attachment()
            #expect(throws: RuntimeError.self) { try attachment.add(namespace: "/ns", plugins: [stage.folder]) }
        }
    }

    @Test func portsNeedAPluginThatTakesThem() throws {
        let text = #"{"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "one"}]}"#
        let list = try NetworkList(JSONDocument(reading: Array(text.utf8), limit: 1 << 20).root)
        let ports = [try PortMapping(parsing: "1:1")]
        let error = #expect(throws: RuntimeError.self) {
            try NetworkAttachment(to: list, of: "web", as: "eth0", ports: ports)
        }
        #expect(error?.description.hasPrefix("--publish: no plugin of the network net takes port mappings") == true)
    }

    @Test(arguments: ["", "_web", "a b", "a/b", "a+b"])
    func namesThatPluginsCannotBeGivenAreRefused(name: String) throws {
        let text = #"{"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "one"}]}"#
        let list = try NetworkList(JSONDocument(reading: Array(text.utf8), limit: 1 << 20).root)
        #expect(throws: RuntimeError.self) { try NetworkAttachment(to: list, of: name, as: "eth0") }
    }
}
