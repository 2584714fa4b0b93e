package import Diagnostics
package import Syscalls

/// What of a config.json an image decides: image-spec, conversion.md.
///
/// An image is hostile. It decides what its program finds inside, and nothing else: no path of the host's, no mount, no
/// namespace. Its labels become annotations, but for those by which runtimes are told how to run something.
package struct ImageProgram: Equatable, Sendable {
    /// `process.args`; empty where the image names no program.
    package var arguments: [String]
    /// `process.env`.
    package var environment: [String]
    /// `process.cwd`.
    package var workingDirectory: String
    /// `process.user`.
    package var user: ImageUser
    /// `annotations`.
    package var annotations: [ImageConfig.Label]
    /// The labels that did not become annotations.
    package private(set) var refusedLabels: [String] = []

    /// `PATH` of an image that has none.
    package static let standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Beginnings of annotations that some runtime takes orders from.
    private static let orders = [
        "dev.mvrun.", "run.oci.", "krun.", "io.katacontainers.", "org.systemd.property.", "org.opencontainers.runc.",
        "io.kubernetes.", "io.podman.", "io.container.", "module.wasm.",
    ]
    /// The one order that an image may give: it takes nothing from anybody.
    private static let strengthening = ImageConfig.Label("dev.mvrun.isolation", "vm")

    /// Converts an image's configuration.
    ///
    /// - Parameters:
    ///   - config: the configuration.
    ///   - command: what to run in place of `Cmd`; empty for that.
    ///   - root: the unpacked image, for the names of users.
    package init(
        _ config: ImageConfig, command: [String] = [], in root: borrowing OwnedDescriptor
    ) throws(RuntimeError) {
        arguments = config.entrypoint + (command.isEmpty ? config.cmd : command)
        environment = config.env
        if !environment.contains(where: { $0.hasPrefix("PATH=") }) {
            environment.insert("PATH=\(Self.standardPath)", at: 0)
        }
        let directory = config.workingDir ?? "/"
        workingDirectory = directory.hasPrefix("/") ? directory : "/" + directory
        user = try ImageUser(config.user, in: root)
        annotations = config.about
        if !config.exposedPorts.isEmpty {
            let ports = config.exposedPorts.joined(separator: ",")
            annotations.append(ImageConfig.Label("org.opencontainers.image.exposedPorts", ports))
        }
        if let signal = config.stopSignal {
            annotations.append(ImageConfig.Label("org.opencontainers.image.stopSignal", signal))
        }
        for label in config.labels { take(label) }
    }

    /// Makes an annotation of a label; one that the image has set itself replaces what follows from its configuration.
    private mutating func take(_ label: ImageConfig.Label) {
        let isOrder = Self.orders.contains { label.key.hasPrefix($0) }
        guard !label.key.isEmpty, !isOrder || label == Self.strengthening else {
            refusedLabels.append(label.key)
            return
        }
        annotations.removeAll { $0.key == label.key }
        annotations.append(label)
    }
}
