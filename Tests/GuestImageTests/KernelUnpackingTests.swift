import Diagnostics
import Syscalls
import Testing

@testable import GuestImage

/// Unpacks into memory.
private func unpacked(_ image: [UInt8]) throws(RuntimeError) -> [UInt8] {
    var result: [UInt8] = []
    try KernelUnpacking.unpack(image) { result += $0 }
    return result
}

/// A compressor, as the kernel's makefiles call it.
private struct Compressor: CustomTestStringConvertible, Sendable {
    let program: String
    let arguments: [String]
    var appendsLength = true
    var testDescription: String { ([program] + arguments).joined(separator: " ") }

    static let all = [
        Compressor(program: "lz4", arguments: ["-l", "-9", "-", "-"]),
        Compressor(program: "gzip", arguments: ["-n", "-9"], appendsLength: false),
        Compressor(program: "zstd", arguments: ["-22", "--ultra"]),
        Compressor(program: "xz", arguments: ["--check=crc32", "--x86", "--lzma2=,dict=32MiB"]),
    ]

    func payload(_ kernel: [UInt8]) throws -> [UInt8]? {
        guard let compressed = try output(of: program, arguments, input: kernel) else { return nil }
        return compressed + (appendsLength ? littleEndian(UInt32(kernel.count)) : [])
    }
}

@Suite struct KernelUnpackingTests {
    @Test(arguments: Compressor.all)
    private func aKernelComesOutAsItWentIn(_ compressor: Compressor) throws {
        // More than one block of LZ4, and than one buffer of the others.
        for count in [64, 3000, 9 << 20] {
            let kernel = elfKernel(count: count)
            guard let payload = try compressor.payload(kernel) else {
                try Test.cancel("\(compressor.program) is not installed")
            }
            #expect(try unpacked(SyntheticBzImage(payload: payload).bytes) == kernel)
            #expect(try unpacked(SyntheticBzImage(payload: payload, setupSectors: 0).bytes) == kernel)
        }
    }

    @Test(arguments: Compressor.all)
    private func aKernelThatIsCutOffIsRefusedWhereverThatHappens(_ compressor: Compressor) throws {
        guard let payload = try compressor.payload(elfKernel()) else {
            try Test.cancel("\(compressor.program) is not installed")
        }
        let image = SyntheticBzImage(payload: payload).bytes
        for count in stride(from: 0, to: image.count, by: 13) {
            #expect(throws: RuntimeError.self) { try unpacked(Array(image[..<count])) }
        }
        // The header agrees with what is left of the file.
        for count in stride(from: 12, to: payload.count, by: 7) {
            let rest = Array(payload[..<(payload.count - count)]) + littleEndian(3000)
            #expect(throws: RuntimeError.self) { try unpacked(SyntheticBzImage(payload: rest).bytes) }
        }
    }

    @Test(arguments: Compressor.all)
    private func damageNeverDoesMoreThanFail(_ compressor: Compressor) throws {
        guard let payload = try compressor.payload(elfKernel()) else {
            try Test.cancel("\(compressor.program) is not installed")
        }
        for place in stride(from: 0, to: payload.count, by: 5) {
            var damaged = payload
            damaged[place] ^= 0x41
            let result = try? unpacked(SyntheticBzImage(payload: damaged).bytes)
            #expect(result == nil || result?.count == 3000)
        }
    }

    @Test func anLZ4BlockByHandIsDecoded() throws {
        // 64 literals: token 0xf0 says 15 and more, 49 is the rest.
        let kernel = elfKernel(count: 64)
        let block: [UInt8] = [0xf0, 49] + kernel
        let payload = [0x02, 0x21, 0x4c, 0x18] + littleEndian(66) + block + littleEndian(64)
        #expect(try unpacked(SyntheticBzImage(payload: payload).bytes) == kernel)
    }

    @Test func aLengthThatIsALieIsRefused() throws {
        let block: [UInt8] = [0xf0, 49] + elfKernel(count: 64)
        for length: UInt32 in [0, 63, 65, 1 << 29 + 1, .max] {
            let payload = [0x02, 0x21, 0x4c, 0x18] + littleEndian(66) + block + littleEndian(length)
            #expect(throws: RuntimeError.self) { try unpacked(SyntheticBzImage(payload: payload).bytes) }
        }
        for length: UInt32 in [0, 67, 1 << 31, .max] {
            let payload = [0x02, 0x21, 0x4c, 0x18] + littleEndian(length) + block + littleEndian(64)
            #expect(throws: RuntimeError.self) { try unpacked(SyntheticBzImage(payload: payload).bytes) }
        }
    }

    @Test func aHeaderThatPointsOutsideTheFileIsRefused() {
        let payload = [UInt8](repeating: 0, count: 100)
        for image in [
            SyntheticBzImage(payload: payload, payloadOffset: .max),
            SyntheticBzImage(payload: payload, payloadOffset: 17),
            SyntheticBzImage(payload: payload, payloadLength: .max),
            SyntheticBzImage(payload: payload, payloadLength: 0),
            SyntheticBzImage(payload: payload, payloadOffset: .max, payloadLength: .max),
        ] {
            #expect(throws: RuntimeError.self) { try unpacked(image.bytes) }
        }
        var short = SyntheticBzImage(payload: payload).bytes
        short[0x1f1] = 255
        #expect(throws: RuntimeError.self) { try unpacked(short) }
    }

    @Test func aCompressionThatIsNotKnownIsNamed() throws {
        for (magic, name): ([UInt8], String) in [([0x42, 0x5a, 0x68], "bzip2"), ([0x5d, 0, 0], "LZMA")] {
            let payload = magic + [UInt8](repeating: 0, count: 97) + littleEndian(3000)
            let error = #expect(throws: RuntimeError.self) { try unpacked(SyntheticBzImage(payload: payload).bytes) }
            #expect(error?.message.contains(name) == true)
        }
    }

    @Test func aProtocolWithoutAPayloadIsRefused() {
        var image = SyntheticBzImage(payload: [UInt8](repeating: 0, count: 100))
        image.protocolVersion = 0x207
        #expect(throws: RuntimeError.self) { try unpacked(image.bytes) }
    }

    @Test func whatIsNoKernelForThisProcessorIsRefused() throws {
        var kernel = elfKernel(count: 64)
        kernel[18] = 183  // aarch64
        let payload = [0x02, 0x21, 0x4c, 0x18] + littleEndian(66) + [0xf0, 49] + kernel + littleEndian(64)
        #expect(throws: RuntimeError.self) { try unpacked(SyntheticBzImage(payload: payload).bytes) }
    }

    @Test func debiansKernelHasAnEntryForPVH() throws {
        guard let choice = try? KernelChoice.choose() else { try Test.cancel("no kernel in /boot has modules") }
        let kernel = try unpacked(try readFile(choice.path, limit: BzImage.longest))
        func number(_ offset: Int) -> Int { Int(kernel[...].littleEndian32(at: offset) ?? 0) }
        // Program headers of 56 bytes each: the one of type 4 leads to the notes (offset at 8, length at 32).
        let headers = (0..<Int(kernel[56])).map { number(32) + 56 * $0 }
        let notes = try #require(headers.first { number($0) == 4 })
        var place = number(notes + 8)
        let end = place + number(notes + 32)
        var types: [Int] = []
        while place < end {
            if kernel[place + 12..<place + 16].elementsEqual(Array("Xen\0".utf8)) { types.append(number(place + 8)) }
            place += 12 + (number(place) + 3) / 4 * 4 + (number(place + 4) + 3) / 4 * 4
        }
        // XEN_ELFNOTE_PHYS32_ENTRY.
        #expect(types.contains(18))
    }
}
