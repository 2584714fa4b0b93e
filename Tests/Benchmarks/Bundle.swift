import Foundation

/// A bundle made for the bench.
struct Bundle {
    let path: String

    /// The bundles of the bench by their names: a container with the host's network, one with a network of its own, and
    /// one with Docker's system calls; and one whose process stays.
    ///
    /// - Parameters:
    ///   - folder: where they are made.
    ///   - root: the tree that has Rootfs and Specs.
    static func all(in folder: String, root: String, command: Command) throws -> [String: Bundle] {
        let profile = "\(root)/Specs/seccomp-docker-default.json"
        let kinds: [(name: String, options: [String], hasNetwork: Bool, program: [String])] = [
            ("plain", [], false, ["/bin/true"]), ("network", [], true, ["/bin/true"]),
            ("seccomp", ["--seccomp", profile], false, ["/bin/true"]), ("staying", [], false, ["/bin/sleep", "3600"]),
        ]
        var bundles: [String: Bundle] = [:]
        for kind in kinds {
            let bundle = Bundle(path: "\(folder)/\(kind.name)")
            try command.run(["\(root)/Rootfs/make-bundle", bundle.path] + kind.options + ["--"] + kind.program)
            if !kind.hasNetwork { try bundle.removeNetworkNamespace() }
            bundles[kind.name] = bundle
        }
        return bundles
    }

    /// Takes the network namespace, the dearest of all, out of the configuration.
    private func removeNetworkNamespace() throws {
        let file = URL(filePath: "\(path)/config.json")
        guard var config = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any],
            var linux = config["linux"] as? [String: Any], let namespaces = linux["namespaces"] as? [[String: String]]
        else { throw Failure("\(file.path): no linux.namespaces") }
        linux["namespaces"] = namespaces.filter { $0["type"] != "network" }
        config["linux"] = linux
        try JSONSerialization.data(withJSONObject: config, options: [.prettyPrinted, .sortedKeys]).write(to: file)
    }
}
