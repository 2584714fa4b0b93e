import Syscalls

/// A capability of capabilities(7), numbered as in linux/capability.h.
package struct Capability: RawRepresentable, Hashable, Sendable {
    /// The number.
    package let rawValue: UInt8

    /// Wraps a number.
    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Finds a capability by its name, as in "CAP_CHOWN"; nil for a name that Linux 6.18 does not have.
    package init?(name: String) {
        guard let index = Capability.names.firstIndex(of: name) else { return nil }
        self.rawValue = UInt8(index)
    }

    /// The name; nil for a number that is in no name's place.
    package var name: String? {
        Int(rawValue) < Capability.names.count ? Capability.names[Int(rawValue)] : nil
    }

    /// The capability's bit in a set.
    package var bit: UInt64 {
        rawValue < 64 ? 1 << UInt64(rawValue) : 0
    }

    /// All names, each at the place of its number.
    package static var names: [String] { Capabilities.names }
}
