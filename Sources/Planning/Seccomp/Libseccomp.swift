import CLinux
import CSeccomp
import Diagnostics
import Glibc
import OCI
import Syscalls

/// A filter as libseccomp builds it.
///
/// The only file that calls libseccomp.
@safe struct Libseccomp: ~Copyable {
    private let context: scmp_filter_ctx

    /// Starts a filter for the native architecture.
    ///
    /// - Parameter defaultAction: SECCOMP_RET_* of a call that no rule matches.
    init(defaultAction: UInt32) throws(RuntimeError) {
        guard let context = unsafe seccomp_init(defaultAction) else {
            throw RuntimeError(.unsupported, "linux.seccomp.defaultAction: libseccomp does not take it on this kernel")
        }
        unsafe self.context = context
    }

    deinit {
        // SAFETY: the context came from seccomp_init and nobody else has it.
        unsafe seccomp_release(context)
    }

    /// libseccomp's version, as in "2.5.4".
    static var version: String {
        let numbers = versionNumbers
        return "\(numbers.major).\(numbers.minor).\(numbers.micro)"
    }

    /// libseccomp's version, number by number.
    static var versionNumbers: (major: UInt32, minor: UInt32, micro: UInt32) {
        guard let version = unsafe seccomp_version() else { return (0, 0, 0) }
        // SAFETY: it points to a constant of the library.
        return unsafe (version.pointee.major, version.pointee.minor, version.pointee.micro)
    }

    /// The token of an architecture by libseccomp's name; 0 where this libseccomp does not know it.
    static func architecture(named name: String) -> UInt32 {
        unsafe seccomp_arch_resolve_name(name)
    }

    /// The token of this program's architecture.
    static var nativeArchitecture: UInt32 { seccomp_arch_native() }

    /// The number of a system call, or nil where libseccomp knows no such name on any architecture.
    ///
    /// A name that other architectures have but this one lacks gets a negative number, which means nothing to a kernel.
    static func number(of name: String) -> Int32? {
        let number = unsafe seccomp_syscall_resolve_name(name)
        return number == CSECCOMP_UNKNOWN_SYSCALL ? nil : number
    }

    /// The number of a system call on an architecture, as a program there passes it; nil where there is none.
    static func number(of name: String, on architecture: UInt32) -> UInt32? {
        let number = unsafe seccomp_syscall_resolve_name_arch(architecture, name)
        return number < 0 ? nil : UInt32(number)
    }

    /// The name of a system call; nil where libseccomp does not know the number.
    static func name(of number: UInt32, on architecture: UInt32) -> String? {
        guard let number = Int32(exactly: number),
            let name = unsafe seccomp_syscall_resolve_num_arch(architecture, number)
        else { return nil }
        // SAFETY: the text is ours to free, and freed once.
        defer { unsafe free(name) }
        return unsafe String(cString: name)
    }

    /// Covers one more architecture.
    ///
    /// The native one is covered from the start.
    func add(_ architecture: UInt32) throws(RuntimeError) {
        let result = unsafe seccomp_arch_add(context, architecture)
        if result != 0 && result != -EEXIST { throw Self.failure(result) }
    }

    /// Arranges the system calls as a balanced tree instead of a list.
    func useTree() throws(RuntimeError) {
        let result = unsafe seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)
        if result != 0 { throw Self.failure(result) }
    }

    /// Adds a rule.
    ///
    /// - Parameters:
    ///   - number: the system call, from `number(of:)`.
    ///   - action: SECCOMP_RET_*.
    ///   - arguments: comparisons that must all hold, at most one for each argument.
    func add(_ number: Int32, action: UInt32, where arguments: [Spec.Seccomp.Argument]) throws(RuntimeError) {
        let comparisons = arguments.map {
            scmp_arg_cmp(arg: $0.index, op: scmp_compare($0.op.number), datum_a: $0.value, datum_b: $0.valueTwo)
        }
        // SAFETY: the array outlives the call, which reads `count` elements of it.
        let result = unsafe comparisons.withUnsafeBufferPointer { buffer in
            unsafe seccomp_rule_add_array(context, action, number, UInt32(buffer.count), buffer.baseAddress)
        }
        if result != 0 { throw Self.failure(result) }
    }

    /// Compiles the filter.
    func program() throws(RuntimeError) -> FilterProgram {
        let bytes: [UInt8]
        do {
            let file = OwnedDescriptor(
                owning: try syscall("memfd_create", on: "seccomp") {
                    unsafe clx_memfd_create("seccomp", CLX_MFD_CLOEXEC)
                })
            let result = unsafe seccomp_export_bpf(context, file.number)
            if result != 0 { throw Self.failure(result) }
            let number = file.number
            try syscall("lseek", on: "seccomp") { lseek(number, 0, SEEK_SET) }
            bytes = try file.readAll(limit: 1 << 20, subject: "seccomp")
        } catch let error as RuntimeError {
            throw error
        } catch let error as SystemError {
            throw RuntimeError(error)
        } catch {
            throw RuntimeError(.system, "\(error)")
        }
        guard let program = FilterProgram(bytes: bytes) else {
            throw RuntimeError(.system, "libseccomp made \(bytes.count) bytes, which is no number of instructions")
        }
        return program
    }

    /// libseccomp returns negative error numbers and leaves errno alone.
    private static func failure(_ result: Int32) -> RuntimeError {
        let errno = Errno(rawValue: -result)
        return RuntimeError(.invalidBundle, "libseccomp: \(errno)", errno: errno)
    }
}
