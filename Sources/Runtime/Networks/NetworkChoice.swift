import CNI
package import Diagnostics
package import OCI

/// What `--network` asks for, in place of what the bundle says.
package enum NetworkChoice: Equatable, Sendable {
    /// A network namespace of its own, with nothing in it but loopback.
    case none
    /// The network that mvrun itself is in.
    case host
    /// A namespace that somebody else has made.
    case namespace(path: String)
    /// A namespace of its own, which the plugins of a CNI network put a link into.
    case network(name: String)

    /// Reads `none`, `host`, `ns:PATH` or `cni:NAME`.
    package init(parsing text: String) throws(RuntimeError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        switch (parts.first, parts.count == 2 ? parts[1] : nil) {
        case ("none", nil): self = .none
        case ("host", nil): self = .host
        case ("ns", .some(let path)) where path.hasPrefix("/"): self = .namespace(path: String(path))
        case ("cni", .some(let name)) where !name.isEmpty: self = .network(name: String(name))
        default:
            throw RuntimeError(
                .usage, "--network: \"\(text)\" is none of none, host, ns:PATH and cni:NAME",
                hint: parts.first == "ns" ? "the path of a namespace is absolute, as in ns:/run/netns/web" : nil)
        }
    }
}

extension CreateRequest {
    /// The bundle, with the network that the command line gives it.
    package func openBundle() throws(RuntimeError) -> Bundle {
        let bundle = try Bundle(at: bundle, config: config)
        let names = networkNames
        guard ports.isEmpty || !names.isEmpty else {
            throw RuntimeError(
                .usage, "--publish needs a network that leads somewhere", hint: "add --network cni:NAME")
        }
        switch networks.first {
        case nil: return bundle
        case .some where networks.count > 1 && names.count < networks.count:
            throw RuntimeError(.usage, "--network: only cni:NAME can be given more than once")
        case .host: return try bundle.replacing(network: nil)
        case .namespace(let path): return try bundle.replacing(network: Spec.Namespace(.network, path: path))
        case .none?, .network: return try bundle.replacing(network: Spec.Namespace(.network))
        }
    }

    /// The CNI networks that were asked for.
    var networkNames: [String] {
        networks.compactMap { choice in
            if case .network(let name) = choice { name } else { nil }
        }
    }
}
