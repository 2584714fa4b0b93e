package import Diagnostics
package import JSON
import Syscalls

/// A container in a network, from before it is put there until it was taken out; CNI spec 1.0.0, section 3.
package struct NetworkAttachment: Sendable {
    /// The network.
    package let list: NetworkList
    /// The container, by the name that plugins know it by.
    package let container: String
    /// The link's name in the container.
    package let interface: String
    /// Ports of the host's that lead into it.
    package let ports: [PortMapping]
    /// The link and who makes it, as in "eth0 by bridge and portmap (network web)".
    package var description: String {
        "\(interface) by \(list.plugins.map(\.type).joined(separator: " and ")) (network \(list.name))"
    }
    /// What the last plugin of ADD has answered, JSON; nil before.
    package private(set) var result: JSONValue?

    /// Describes an attachment; nothing happens yet.
    ///
    /// - Throws: a name that plugins cannot be given.
    package init(
        to list: NetworkList, of container: String, as interface: String, ports: [PortMapping] = []
    ) throws(RuntimeError) {
        guard NetworkList.isName(container) else {
            throw RuntimeError(
                .usage, "CNI knows containers by letters, digits, \"_\", \".\" and \"-\" alone, not by \"\(container)\""
            )
        }
        // Linux, IFNAMSIZ: 15 bytes and a zero.
        guard !interface.isEmpty, interface.utf8.count < 16, !interface.contains("/"), ![".", ".."].contains(interface)
        else { throw RuntimeError(.usage, "\"\(interface)\" cannot be the name of a link") }
        (self.list, self.container, self.interface, self.ports) = (list, container, interface, ports)
        let taken = list.plugins.contains { $0.capabilities.contains(Self.portCapability) }
        guard ports.isEmpty || taken else {
            throw RuntimeError(
                .unsupported, "--publish: no plugin of the network \(list.name) takes port mappings",
                hint: "add {\"type\": \"portmap\", \"capabilities\": {\"portMappings\": true}} to its plugins")
        }
    }

    private static let portCapability = "portMappings"

    /// Puts the container into the network, plugin by plugin, each told what the one before has done.
    ///
    /// Whoever calls this calls `delete` in the end, and where it throws as well.
    ///
    /// - Parameters:
    ///   - namespace: the path of its network namespace.
    ///   - directories: where plugins are.
    package mutating func add(namespace: String, plugins directories: [String]) throws(RuntimeError) {
        try during("network \(list.name)") {
            let context = context(namespace, directories)
            var previous: JSONValue?
            for plugin in list.plugins {
                let printed = try runPlugin(
                    plugin.type, .add, context, configuration: configuration(plugin, previous: previous))
                previous = try JSONDocument(reading: printed, limit: outputLimit).root
            }
            result = previous
        }
    }

    /// Takes the container out, in the opposite order.
    ///
    /// What was never done, or is gone, is no error to a plugin. All plugins are called, also where one fails.
    ///
    /// - Parameters:
    ///   - namespace: the path of its network namespace; nil where that is gone.
    ///   - directories: where plugins are.
    /// - Throws: the first failure.
    package func delete(namespace: String?, plugins directories: [String]) throws(RuntimeError) {
        let context = context(namespace, directories)
        let previous = list.tellsWhatWasDone ? result : nil
        var failure: RuntimeError?
        for plugin in list.plugins.reversed() {
            do throws(RuntimeError) {
                _ = try runPlugin(
                    plugin.type, .delete, context, configuration: configuration(plugin, previous: previous))
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure.during("network \(list.name)") }
    }

    /// Asks all plugins whether what they did is still there.
    ///
    /// - Parameters:
    ///   - namespace: the path of its network namespace.
    ///   - directories: where plugins are.
    package func check(namespace: String, plugins directories: [String]) throws(RuntimeError) {
        guard !list.disablesCheck, list.tellsWhatWasDone, let result else { return }
        try during("network \(list.name)") {
            let context = context(namespace, directories)
            for plugin in list.plugins {
                _ = try runPlugin(
                    plugin.type, .check, context, configuration: configuration(plugin, previous: result))
            }
        }
    }

    private func context(_ namespace: String?, _ directories: [String]) -> OperationContext {
        OperationContext(container: container, namespace: namespace, interface: interface, directories: directories)
    }

    /// What a plugin reads: its part of the list, and what only a runtime knows; CNI spec 1.0.0, section 3,
    /// "Deriving execution configuration from plugin configuration".
    func configuration(_ plugin: NetworkList.Plugin, previous: JSONValue?) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { object in
            object.member("cniVersion", list.version)
            object.member("name", list.name)
            for (key, value) in plugin.configuration.members {
                let name = key.string ?? ""
                if ["cniVersion", "name", "capabilities", "runtimeConfig", "prevResult"].contains(name) { continue }
                object.member(name) { $0.json(value) }
            }
            if !ports.isEmpty, plugin.capabilities.contains(Self.portCapability) {
                object.member("runtimeConfig") { writer in
                    writer.object { object in object.member(Self.portCapability, writing: ports) }
                }
            }
            if let previous { object.member("prevResult") { $0.json(previous) } }
        }
        return writer.bytes
    }
}

extension NetworkAttachment {
    /// Writes it as an object, for `init(_:)` of whoever takes the container out.
    package func write(to writer: inout JSONWriter) {
        writer.object { object in
            object.member("container", container)
            object.member("interface", interface)
            // As it is now: the file may say something else by then, or be gone.
            object.member("configuration") { $0.json(list.source) }
            object.member("portMappings", writing: ports)
            if let result { object.member("result") { $0.json(result) } }
        }
    }

    /// Reads what `write(to:)` has written.
    package init(_ value: JSONValue) throws(RuntimeError) {
        guard let configuration = value["configuration"], let container = value["container"]?.string,
            let interface = value["interface"]?.string
        else { throw RuntimeError(.invalidBundle, "\(value.path): not an attachment") }
        var ports: [PortMapping] = []
        if let mappings = value["portMappings"] {
            for element in mappings.elements { ports.append(try PortMapping(element)) }
        }
        try self.init(to: NetworkList(configuration), of: container, as: interface, ports: ports)
        result = value["result"]
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ key: String, writing ports: [PortMapping]) {
        member(key) { writer in
            writer.array { writer in for port in ports { port.write(to: &writer) } }
        }
    }
}
