import Syscalls

/// The head of a request, decoded.
struct RequestHeader {
    let opcode: UInt32
    let unique: UInt64
    let node: UInt64
    let user: UInt32
    let group: UInt32
    /// Bytes of extensions at the request's end.
    let extensionLength: Int
}

/// Takes a request apart; whatever is missing or malformed is an EINVAL.
struct RequestReader {
    private let bytes: [UInt8]
    private var position = 0
    private var end: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        end = bytes.count
    }

    /// Bytes that have not been taken.
    var remaining: Int { end - position }

    private mutating func number<T: FixedWidthInteger>(_ type: T.Type) throws(Errno) -> T {
        let size = T.bitWidth / 8
        guard remaining >= size else { throw .invalidArgument }
        var value: T = 0
        for index in 0..<size { value |= T(truncatingIfNeeded: bytes[position + index]) << T(8 * index) }
        position += size
        return value
    }

    mutating func uint16() throws(Errno) -> UInt16 { try number(UInt16.self) }
    mutating func uint32() throws(Errno) -> UInt32 { try number(UInt32.self) }
    mutating func uint64() throws(Errno) -> UInt64 { try number(UInt64.self) }

    /// A place in a file: no more than the kernel's own off_t holds.
    mutating func offset() throws(Errno) -> Int64 {
        guard let value = Int64(exactly: try uint64()) else { throw .invalidArgument }
        return value
    }

    mutating func skip(_ count: Int) throws(Errno) {
        guard count <= remaining else { throw .invalidArgument }
        position += count
    }

    mutating func header(requestLength: Int) throws(Errno) -> RequestHeader {
        guard try uint32() == UInt32(truncatingIfNeeded: requestLength) else { throw .invalidArgument }
        let (opcode, unique, node) = (try uint32(), try uint64(), try uint64())
        let (user, group) = (try uint32(), try uint32())
        try skip(4)
        let extensionLength = Int(try uint16()) * 8
        try skip(2)
        return RequestHeader(
            opcode: opcode, unique: unique, node: node, user: user, group: group, extensionLength: extensionLength)
    }

    /// Takes the extensions off the end: the one group of the caller that counts where a file is made, if there is one.
    mutating func creationGroup(_ header: RequestHeader) throws(Errno) -> UInt32? {
        guard header.extensionLength > 0 else { return nil }
        guard header.extensionLength <= remaining else { throw .invalidArgument }
        var extensions = self
        extensions.position = end - header.extensionLength
        end -= header.extensionLength
        while extensions.remaining >= 8 {
            let (size, type) = (Int(try extensions.uint32()), try extensions.uint32())
            guard size >= 8, size - 8 <= extensions.remaining else { throw .invalidArgument }
            if type == Wire.extensionGroups, size >= 16, try extensions.uint32() == 1 { return try extensions.uint32() }
            if type != Wire.extensionGroups { try extensions.skip(size - 8) }
        }
        return nil
    }

    /// The bytes before the next NUL, which is skipped.
    mutating func text() throws(Errno) -> ArraySlice<UInt8> {
        guard let stop = bytes[position..<end].firstIndex(of: 0) else { throw .invalidArgument }
        defer { position = stop + 1 }
        return bytes[position..<stop]
    }

    /// One component of a path.
    mutating func name() throws(Errno) -> FileName {
        let text = try text()
        if text.count > FileName.longestComponent { throw Errno(rawValue: 36) }
        guard let name = FileName(component: text) else { throw .invalidArgument }
        return name
    }

    mutating func rest(_ count: Int) throws(Errno) -> ArraySlice<UInt8> {
        guard count <= remaining else { throw .invalidArgument }
        defer { position += count }
        return bytes[position..<(position + count)]
    }
}
