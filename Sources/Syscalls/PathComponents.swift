extension String {
    /// The components of a path as the kernel takes it apart: by its bytes.
    ///
    /// By characters it would be another path: a slash and a combining mark behind it are one character, which is no
    /// slash, and what stands before it would pass for a component. path_resolution(7).
    package var pathComponents: [String] {
        var components: [String] = []
        var start = utf8.startIndex
        for place in utf8.indices where utf8[place] == UInt8(ascii: "/") {
            if start < place { components.append(String(self[start..<place])) }
            start = utf8.index(after: place)
        }
        if start < utf8.endIndex { components.append(String(self[start...])) }
        return components
    }

    /// Whether the kernel takes it as a path from the root.
    package var isAbsolutePath: Bool { utf8.first == UInt8(ascii: "/") }
}
