/// Where a field of config.json takes effect when the container is a virtual machine.
package enum FieldPlace: String, Sendable {
    /// On the host, around the machine.
    case host
    /// In the guest.
    case guest
    /// On the host and in the guest.
    case both
    /// Nowhere.
    case ignored

    /// The place of a field.
    ///
    /// - Parameter pattern: its path as `FieldCatalogue` has it, as in `linux.namespaces[].type`.
    package static func of(_ pattern: String) -> FieldPlace? {
        // The longest entry that the path starts with decides.
        var best: (length: Int, place: FieldPlace)?
        for (start, place) in table where pattern.hasPrefix(start) {
            let next = pattern.utf8.dropFirst(start.utf8.count).first
            let isWhole = next == nil || next == UInt8(ascii: ".") || next == UInt8(ascii: "[")
            if isWhole, start.utf8.count > best?.length ?? -1 { best = (start.utf8.count, place) }
        }
        return best?.place
    }

    private static let table: [(start: String, place: FieldPlace)] = [
        ("ociVersion", .host), ("annotations", .host), ("root", .both), ("hostname", .guest), ("domainname", .guest),
        ("process", .guest), ("process.terminal", .both), ("process.consoleSize", .both),
        ("process.oomScoreAdj", .both), ("process.apparmorProfile", .host), ("process.selinuxLabel", .host),
        ("mounts", .both), ("mounts[].uidMappings", .host), ("mounts[].gidMappings", .host),
        ("hooks", .host), ("hooks.startContainer", .guest),
        ("linux", .guest), ("linux.uidMappings", .host), ("linux.gidMappings", .host), ("linux.namespaces", .both),
        ("linux.cgroupsPath", .host), ("linux.netDevices", .both), ("linux.mountLabel", .ignored),
        ("linux.memoryPolicy", .host), ("linux.intelRdt", .host), ("linux.resources", .host),
        ("linux.resources.memory.limit", .both), ("linux.resources.pids", .both),
        ("linux.resources.devices", .ignored), ("vm", .host),
    ]
}
