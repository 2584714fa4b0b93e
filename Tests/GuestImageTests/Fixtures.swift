import Diagnostics
import Glibc
import Syscalls
import Testing

@testable import GuestImage

/// A directory of its own for a test, which goes with it.
final class Folder {
    let path: String

    init() throws {
        let parent = environmentVariable("TMPDIR") ?? "/tmp"
        path = "\(parent)/guest-image.\(currentProcess()).\(UInt64.random(in: 0...UInt64.max))"
        try makeDirectory(path, mode: 0o700)
    }

    deinit {
        Self.remove(path)
    }

    /// Writes a file below it, with the directories above the file.
    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = "\(path)/\(name)"
        let parent = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        try makeDirectories(parent, mode: 0o755)
        try writeFileAtomically(bytes, to: file)
        return file
    }

    private static func remove(_ path: String) {
        if (try? status(of: path, followLinks: false))?.kind == .directory {
            for name in (try? OwnedDescriptor.open(path, .directory).entries()) ?? [] { remove("\(path)/\(name)") }
            try? removeDirectory(path)
        } else {
            try? removeFile(path)
        }
    }
}

/// Runs a program with some input and gives what it prints; nil where it is not installed or fails.
func output(of program: String, _ arguments: [String], input: [UInt8]) throws -> [UInt8]? {
    let folder = try Folder()
    let source = try folder.write("in", input)
    let target = try folder.write("out", [])
    guard
        let child = try? spawnProcess(
            program, arguments: [program] + arguments, environment: nil, input: OwnedDescriptor.open(source),
            output: OwnedDescriptor.open(target, .writeOnly), errors: OwnedDescriptor.open("/dev/null", .writeOnly))
    else { return nil }
    var result: Int32 = 0
    guard unsafe waitpid(child, &result, 0) == child, result == 0 else { return nil }
    return try readFile(target, limit: 1 << 26)
}

/// The start of an ELF file for x86-64, and then bytes that compress a little.
func elfKernel(count: Int = 3000) -> [UInt8] {
    let header: [UInt8] = [
        0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // magic, 64 bits, little-endian, version 1
        2, 0, 62, 0,  // an executable, for x86-64
    ]
    let block = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* $0 / 7) }
    var kernel = header
    while kernel.count < count { kernel += block }
    return Array(kernel[..<count])
}

/// What a bzImage is made of, each part to be told a lie about.
struct SyntheticBzImage {
    var payload: [UInt8]
    var setupSectors: UInt8 = 1
    var protocolVersion: UInt16 = 0x20f
    var payloadOffset: UInt32 = 16
    var payloadLength: UInt32?
    var release = "6.1.0-test"

    var bytes: [UInt8] {
        let sectors = setupSectors == 0 ? 4 : Int(setupSectors)
        var image = [UInt8](repeating: 0, count: (sectors + 1) * 512)
        func put(_ bytes: [UInt8], at offset: Int) { image.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
        put([setupSectors], at: 0x1f1)
        put([0x55, 0xaa], at: 0x1fe)
        put(Array("HdrS".utf8), at: 0x202)
        put([UInt8(truncatingIfNeeded: protocolVersion), UInt8(protocolVersion >> 8)], at: 0x206)
        put([0x80, 0x01], at: 0x20e)
        put(littleEndian(payloadOffset), at: 0x248)
        put(littleEndian(payloadLength ?? UInt32(payload.count)), at: 0x24c)
        put(Array("\(release) (somebody@somewhere) #1".utf8) + [0], at: 0x380)
        return image + [UInt8](repeating: 0xcc, count: 16) + payload
    }
}

func littleEndian(_ value: UInt32) -> [UInt8] {
    [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) }
}

/// A module: ELF, and at its end what sign-file(1) appends.
func signedModule(_ content: [UInt8], signature: Int = 300) -> [UInt8] {
    content + [UInt8](repeating: 0x5a, count: signature)
        + [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, UInt8(signature >> 8), UInt8(signature & 255)]
        + Array("~Module signature appended~\n".utf8)
}
