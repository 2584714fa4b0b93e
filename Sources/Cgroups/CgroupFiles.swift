import Syscalls

// The files of a cgroup are small: each is read with one read(2) and written with one write(2).

extension OwnedDescriptor {
    /// Reads a file of this cgroup that holds at most a page, as single values and lists of controllers do.
    borrowing func smallFile(_ name: String) throws(SystemError) -> String {
        let file = try OwnedDescriptor.open(at: self, name, .noFollow)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = try file.read(into: &bytes, subject: name)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Writes a file of this cgroup.
    borrowing func set(_ name: String, _ value: String) throws(SystemError) {
        try OwnedDescriptor.open(at: self, name, [.writeOnly, .noFollow]).write(value, subject: name)
    }
}

/// A text without the spaces and line ends around it.
func trimmed(_ text: String) -> String {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x0a }
    guard let first = text.utf8.firstIndex(where: { !isSpace($0) }),
        let last = text.utf8.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(text[first...last])
}

/// Opens the directory of a cgroup.
func openCgroup(_ path: String) throws(SystemError) -> OwnedDescriptor {
    try OwnedDescriptor.open(path, [.directory, .path])
}

/// The number behind a key in a file of lines as "oom_kill 3".
func keyedValue(_ key: String, in text: String) -> UInt64? {
    for line in text.utf8.split(separator: 0x0a) {
        let parts = line.split(separator: 0x20)
        if parts.count == 2, Substring(parts[0]) == key { return UInt64(Substring(parts[1])) }
    }
    return nil
}
