import Diagnostics
import Syscalls

/// Says what a failed execve(2) does not: ENOENT may mean the program, the interpreter of a script or the loader of an ELF
/// file, and ENOEXEC another machine or a script without a first line.
///
/// - Parameters:
///   - path: the program, which exists.
///   - error: what execve(2) said.
/// - Returns: the error to show.
func explainFailedExec(of path: String, _ error: SystemError) -> RuntimeError {
    let kind: RuntimeError.Kind =
        error.errno == .noEntry && !exists(path) ? .programNotFound : .programNotExecutable
    let plain = RuntimeError(kind, "exec \(path): \(error.errno)", errno: error.errno)
    guard let start = try? readStart(of: path, count: 4096) else { return plain }
    if let interpreter = ScriptLine(start) {
        return explain(path, interpreter, error)
    }
    guard let file = ELFStart(start) else {
        guard error.errno == .executableFormat else { return plain }
        return RuntimeError(
            kind, "exec \(path): exec format error: neither a program for this machine nor a script with a #! line",
            errno: error.errno)
    }
    if let machine = file.foreignMachine {
        return RuntimeError(
            kind, "exec \(path): exec format error: it was built for \(machine), and this machine is x86_64",
            errno: error.errno)
    }
    if error.errno == .noEntry, let loader = file.interpreter(in: path), !exists(loader) {
        return RuntimeError(
            .programNotExecutable, "exec \(path): its loader \(loader) is missing: no such file or directory",
            errno: error.errno,
            hint: "the program is dynamically linked; the root file system lacks the C library it was built with")
    }
    return plain
}

private func explain(_ path: String, _ line: ScriptLine, _ error: SystemError) -> RuntimeError {
    if line.endsWithCarriageReturn {
        return RuntimeError(
            .programNotExecutable,
            "exec \(path): its #! line ends with a carriage return, so \"\(line.interpreter)\\r\" is looked for: \(error.errno)",
            errno: error.errno, hint: "convert the script's line ends (dos2unix)")
    }
    if error.errno == .noEntry && !exists(line.interpreter) {
        return RuntimeError(
            .programNotExecutable, "exec \(path): its interpreter \(line.interpreter) is missing: \(error.errno)",
            errno: error.errno)
    }
    return RuntimeError(
        .programNotExecutable, "exec \(path) through its interpreter \(line.interpreter): \(error.errno)",
        errno: error.errno)
}

private func readStart(of path: String, count: Int) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let read = try OwnedDescriptor.open(path).read(into: &bytes, subject: path)
    return Array(bytes.prefix(read))
}

/// The first line of a script, execve(2), "Interpreter scripts".
struct ScriptLine {
    /// The interpreter's path.
    let interpreter: String
    /// Whether the line was written on another system, and the interpreter's name seems to end with a carriage return.
    let endsWithCarriageReturn: Bool

    /// Reads the start of a file; nil where it is no script.
    init?(_ start: [UInt8]) {
        guard start.starts(with: [UInt8(ascii: "#"), UInt8(ascii: "!")]) else { return nil }
        let line = start.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }
        let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let first = words.first else { return nil }
        endsWithCarriageReturn = first.last == UInt8(ascii: "\r")
        interpreter = String(decoding: endsWithCarriageReturn ? first.dropLast() : first, as: UTF8.self)
    }
}

/// The start of an ELF file, elf(5).
struct ELFStart {
    private let bytes: [UInt8]
    private let is64: Bool

    /// Reads the start of a file; nil where it is no ELF file.
    init?(_ start: [UInt8]) {
        guard start.count >= 64, start.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { return nil }
        bytes = start
        is64 = start[4] == 2
    }

    /// The machine the file was built for, where that is not an x86.
    var foreignMachine: String? {
        let littleEndian = bytes[5] == 1
        let machine = littleEndian ? number(18, 2) : UInt64(bytes[18]) << 8 | UInt64(bytes[19])
        switch machine {
        case 3, 62: return nil
        case 40: return "arm"
        case 183: return "aarch64"
        case 243: return "riscv"
        case 21: return "ppc64"
        case 22: return "s390x"
        case 8: return "mips"
        case 258: return "loongarch"
        default: return "machine type \(machine)"
        }
    }

    /// The loader that the file names (PT_INTERP); nil for a static program.
    ///
    /// - Parameter path: the file, since the name may stand behind its first bytes.
    func interpreter(in path: String) -> String? {
        let (tableAt, sizeAt, countAt) = is64 ? (32, 54, 56) : (28, 42, 44)
        let table = number(tableAt, is64 ? 8 : 4)
        let size = number(sizeAt, 2)
        for index in 0..<min(number(countAt, 2), 64) {
            let (entry, overflow) = table.addingReportingOverflow(index * size)
            guard !overflow, entry <= UInt64(bytes.count - 1), number(Int(entry), 4) == 3 else { continue }
            let offset = number(Int(entry) + (is64 ? 8 : 4), is64 ? 8 : 4)
            let length = number(Int(entry) + (is64 ? 32 : 16), is64 ? 8 : 4)
            guard length > 1, length <= 4096, offset <= UInt64(bytes.count), offset + length <= UInt64(bytes.count)
            else { return nil }
            return String(decoding: bytes[Int(offset)..<Int(offset + length - 1)], as: UTF8.self)
        }
        return nil
    }

    /// A little-endian number; 0 where it would lie behind the end.
    private func number(_ position: Int, _ size: Int) -> UInt64 {
        guard position >= 0, position <= bytes.count - size else { return 0 }
        var value: UInt64 = 0
        for index in 0..<size { value |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        return value
    }
}
