package import Diagnostics
package import JSON
import Syscalls

/// A network's configuration: the plugins that make it, in their order.
///
/// CNI spec 1.0.0, section 1, "Network configuration format".
package struct NetworkList: Sendable {
    /// One of its plugins.
    struct Plugin: Sendable {
        /// The program's name, without a directory.
        let type: String
        /// What it is to be told.
        let configuration: JSONValue
        /// What it takes from `runtimeConfig`.
        let capabilities: Set<String>
    }

    /// The name by which it is asked for.
    package let name: String
    /// The version of the spec in which its plugins are spoken to.
    package let version: String
    /// Whether CHECK means nothing to it.
    let disablesCheck: Bool
    /// Whether its plugins are told what they did, and know CHECK: not before 0.4.0.
    var tellsWhatWasDone: Bool { !version.hasPrefix("0.3.") }
    let plugins: [Plugin]
    /// The whole of it, as it was read.
    let source: JSONValue

    /// The versions that plugins can be spoken to in here, the oldest first.
    static let versions = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
    /// The most plugins that one network may have.
    static let mostPlugins = 64

    /// Reads a configuration.
    ///
    /// A file with a single plugin, which older versions of the spec know, is a list of one.
    ///
    /// - Parameter source: the JSON object.
    package init(_ source: JSONValue) throws(RuntimeError) {
        self.source = source
        guard let name = source["name"]?.string, Self.isName(name) else {
            throw RuntimeError(.invalidBundle, "name: a network needs one of letters, digits, \"_\", \".\" and \"-\"")
        }
        self.name = name
        // A configuration that says no version was written for the first.
        let version = source["cniVersion"]?.string ?? "0.1.0"
        guard Self.versions.contains(version) else {
            throw RuntimeError(
                .unsupported, "cniVersion: \"\(version)\" is not known",
                hint: "known are \(Self.versions.joined(separator: ", "))")
        }
        self.version = version
        disablesCheck = source["disableCheck"].map { $0.boolean ?? $0.isString("true") } ?? false
        var plugins: [Plugin] = []
        if let list = source["plugins"] {
            for (index, element) in list.elements.enumerated() {
                guard plugins.count < Self.mostPlugins else {
                    throw RuntimeError(.invalidBundle, "plugins: more than \(Self.mostPlugins)")
                }
                plugins.append(try Self.plugin(element, at: "plugins[\(index)]."))
            }
        } else {
            plugins = [try Self.plugin(source, at: "")]
        }
        guard !plugins.isEmpty else { throw RuntimeError(.invalidBundle, "plugins: a network needs one") }
        self.plugins = plugins
    }

    private static func plugin(_ value: JSONValue, at place: String) throws(RuntimeError) -> Plugin {
        // The name becomes a file's: it may not lead out of the plugins' directories.
        guard let type = value["type"]?.string, isName(type) else {
            throw RuntimeError(.invalidBundle, "\(place)type: a plugin is named by it, without a directory")
        }
        var capabilities: Set<String> = []
        if let wanted = value["capabilities"] {
            for (key, flag) in wanted.members where flag.boolean == true { capabilities.insert(key.string ?? "") }
        }
        return Plugin(type: type, configuration: value, capabilities: capabilities)
    }

    /// CNI spec 1.0.0, section 1: it begins with a letter or a digit.
    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, isAlphanumeric(first), text.utf8.count < 256 else { return false }
        return text.utf8.allSatisfy { isAlphanumeric($0) || "_.-".utf8.contains($0) }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}

extension NetworkList {
    /// Where configurations are kept.
    package static let standardDirectory = "/etc/cni/net.d"
    private static let sizeLimit = 1 << 20

    /// Finds a network by its name.
    ///
    /// - Parameters:
    ///   - name: the name that the configuration itself has.
    ///   - directory: where configurations are; they are looked at in the order of their files' names.
    /// - Throws: that there is none of that name, which there are, and what is wrong with the file that has it.
    package static func find(_ name: String, in directory: String) throws(RuntimeError) -> NetworkList {
        let endings = [".conflist", ".conf", ".json"]
        let files = ((try? OwnedDescriptor.open(directory, .directory).entries()) ?? []).sorted()
        var (others, fault): ([String], RuntimeError?) = ([], nil)
        for file in files where endings.contains(where: file.hasSuffix) {
            let path = "\(directory)/\(file)"
            do throws(RuntimeError) {
                let list = try read(path)
                if list.name == name { return list }
                others.append(list.name)
            } catch {
                fault = fault ?? error
            }
        }
        // The file that cannot be read may be the one that was meant.
        if let fault { throw fault }
        throw RuntimeError(
            .notFound, "no network \(name) in \(directory)",
            hint: others.isEmpty
                ? "put the configuration of a CNI network there" : "there are \(others.joined(separator: ", "))")
    }

    private static func read(_ path: String) throws(RuntimeError) -> NetworkList {
        let bytes: [UInt8]
        do {
            bytes = try readFile(path, limit: sizeLimit)
        } catch {
            throw RuntimeError(error)
        }
        return try during(path) { try NetworkList(JSONDocument(reading: bytes, limit: sizeLimit).root) }
    }
}
