import Diagnostics

/// A kernel module as the guest gets it: decompressed and without its signature.
///
/// Checking signatures is four fifths of what loading the modules costs a guest, and its kernel trusts whoever gave it to
/// run. A kernel that insists (module.sig_enforce) would refuse them; no distribution's does without Secure Boot.
enum ModuleFile {
    /// The longest module that is taken.
    static let longest = 64 << 20

    /// An ELF header's, elf(5): what is shorter is no module.
    private static let headerLength = 64

    private static let mark = Array("~Module signature appended~\n".utf8)

    /// Makes it out of a file's content.
    static func guestContent(of file: [UInt8]) throws(RuntimeError) -> [UInt8] {
        var content = file
        if let compression = Compression(of: file[...]) {
            content = []
            try compression.decompress(file[...], limit: longest) { content += $0 }
        }
        guard content.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
            throw RuntimeError(.invalidBundle, "it is not a kernel module")
        }
        return try withoutSignature(content)
    }

    /// Linux, scripts/sign-file.c: the module, the signer's name, the key's, the signature, twelve bytes that hold the three
    /// lengths, and the mark.
    private static func withoutSignature(_ module: [UInt8]) throws(RuntimeError) -> [UInt8] {
        guard module.count >= mark.count + 12, module.suffix(mark.count).elementsEqual(mark) else { return module }
        let lengths = module.dropLast(mark.count).suffix(12)
        let start = lengths.startIndex
        let signature = lengths.suffix(4).reduce(0) { $0 << 8 | Int($1) }
        let length = signature + Int(lengths[start + 3]) + Int(lengths[start + 4])
        guard length <= start - headerLength else {
            throw RuntimeError(.invalidBundle, "its signature is longer than itself")
        }
        return Array(module[..<(start - length)])
    }
}
