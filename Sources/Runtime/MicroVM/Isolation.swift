import Diagnostics
import OCI
import Planning

/// What keeps a container apart from the host.
package enum Isolation: String, Sendable {
    /// Namespaces and cgroups of the host's kernel.
    case container
    /// A virtual machine with a kernel of its own.
    case vm
}

/// What `--isolation` asks for.
package enum IsolationChoice: String, Sendable {
    /// Namespaces and cgroups.
    case container
    /// A virtual machine, or an error.
    case vm
    /// A virtual machine where this host can run one.
    case auto
}

extension Session {
    /// The annotation that asks for a kind of isolation.
    package static var isolationAnnotation: String { "dev.mvrun.isolation" }

    /// What keeps a bundle's container apart: what the command line says, else a virtual machine where mvrun was started
    /// under the name for that or the bundle asks for one, else namespaces.
    ///
    /// An annotation may come from an image. So it can ask for a virtual machine, and never talk anybody out of one.
    ///
    /// - Throws: an annotation that makes no sense, or why this host cannot run the machine that was asked for.
    func isolation(of spec: Spec, _ choice: IsolationChoice?) throws(RuntimeError) -> Isolation {
        let wish = try bundleWish(spec)
        switch choice {
        case .container: return .container
        case .vm: return .vm
        case .auto where wish == .vm: return .vm
        case .auto:
            guard let fault = machineFault() else { return .vm }
            log.warn("no virtual machine on this host, so this is a container: \(fault)")
            return .container
        case nil: return isNamedForMachines ? .vm : wish
        }
    }

    /// What the bundle asks for.
    private func bundleWish(_ spec: Spec) throws(RuntimeError) -> Isolation {
        var wish = Isolation.container
        if let text = spec.annotation(Self.isolationAnnotation) {
            guard let named = Isolation(rawValue: text) else {
                throw RuntimeError(
                    .invalidBundle,
                    "config.json: annotations.\(Self.isolationAnnotation): \"\(text)\" is neither container nor vm")
            }
            wish = named
        }
        if spec.annotation("run.oci.handler") == "krun" { wish = .vm }
        return spec.vm == nil ? wish : .vm
    }
}
