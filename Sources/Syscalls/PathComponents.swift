extension StringProtocol {
    /// The components of a path as the kernel takes it apart: by its bytes.
    ///
    /// By characters it would be another path: a slash and a combining mark behind it are one character, which is no
    /// slash, and what stands before it would pass for a component. path_resolution(7).
    package var pathComponents: [String] {
        utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether the kernel takes it as a path from the root.
    package var isAbsolutePath: Bool { utf8.first == UInt8(ascii: "/") }
}
