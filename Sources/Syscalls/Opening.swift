import CLinux
import Glibc

/// How a file is opened: the flags of open(2) that mvrun uses.
///
/// O_CLOEXEC and O_NOCTTY are always set.
package struct OpenOptions: OptionSet, Sendable {
    /// The flags as the kernel numbers them.
    package let rawValue: Int32

    /// Wraps flags.
    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// Unites flags; the standard library's way, which is generic, looks its types up at run time.
    package init(arrayLiteral flags: OpenOptions...) {
        rawValue = flags.reduce(0) { $0 | $1.rawValue }
    }

    /// O_RDONLY.
    package static let readOnly: OpenOptions = []
    /// O_WRONLY.
    package static let writeOnly = OpenOptions(rawValue: O_WRONLY)
    /// O_RDWR.
    package static let readWrite = OpenOptions(rawValue: O_RDWR)
    /// O_CREAT.
    package static let create = OpenOptions(rawValue: O_CREAT)
    /// O_EXCL.
    package static let exclusive = OpenOptions(rawValue: O_EXCL)
    /// O_TRUNC.
    package static let truncate = OpenOptions(rawValue: O_TRUNC)
    /// O_APPEND.
    package static let append = OpenOptions(rawValue: O_APPEND)
    /// O_DIRECTORY.
    package static let directory = OpenOptions(rawValue: O_DIRECTORY)
    /// O_NOFOLLOW.
    package static let noFollow = OpenOptions(rawValue: O_NOFOLLOW)
    /// O_NONBLOCK.
    package static let nonBlocking = OpenOptions(rawValue: O_NONBLOCK)
    /// O_PATH: a name for the file, not access to its content.
    package static let path = OpenOptions(rawValue: CLX_O_PATH)
}

/// How the components of a path are resolved, the `resolve` field of openat2(2).
package struct ResolveOptions: OptionSet, Sendable {
    /// The flags as the kernel numbers them.
    package let rawValue: UInt64

    /// Wraps flags.
    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Unites flags; the standard library's way, which is generic, looks its types up at run time.
    package init(arrayLiteral flags: ResolveOptions...) {
        rawValue = flags.reduce(0) { $0 | $1.rawValue }
    }

    /// The starting directory is the root: absolute symlinks and `..` stay inside it.
    package static let inRoot = ResolveOptions(rawValue: CLX_RESOLVE_IN_ROOT)
    /// Leaving the starting directory is an error.
    package static let beneath = ResolveOptions(rawValue: CLX_RESOLVE_BENEATH)
    /// A symlink anywhere is an error.
    package static let noSymlinks = ResolveOptions(rawValue: CLX_RESOLVE_NO_SYMLINKS)
    /// A magic link of procfs is an error.
    package static let noMagicLinks = ResolveOptions(rawValue: CLX_RESOLVE_NO_MAGICLINKS)
    /// Crossing a mount point is an error.
    package static let noCrossing = ResolveOptions(rawValue: CLX_RESOLVE_NO_XDEV)
}

extension OwnedDescriptor {
    /// Opens a path.
    ///
    /// The corresponding system call is `open(2)`.
    ///
    /// - Parameters:
    ///   - path: absolute, or relative to the working directory.
    ///   - options: the flags; O_CLOEXEC and O_NOCTTY are added.
    ///   - mode: the permission bits of a file that is created, before the umask.
    package static func open(
        _ path: String, _ options: OpenOptions = .readOnly, mode: UInt32 = 0o600
    ) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(
            owning: try syscall("open", on: path) {
                unsafe clx_openat(CLX_AT_FDCWD, path, options.rawValue | O_CLOEXEC | O_NOCTTY, mode)
            })
    }

    /// Opens a path relative to a directory.
    ///
    /// The corresponding system call is `openat(2)`.
    ///
    /// - Parameters:
    ///   - directory: where a relative path starts.
    ///   - path: the path.
    ///   - options: the flags; O_CLOEXEC and O_NOCTTY are added.
    ///   - mode: the permission bits of a file that is created, before the umask.
    package static func open(
        at directory: borrowing OwnedDescriptor, _ path: String, _ options: OpenOptions = .readOnly,
        mode: UInt32 = 0o600
    ) throws(SystemError) -> OwnedDescriptor {
        let start = directory.number
        return OwnedDescriptor(
            owning: try syscall("openat", on: path) {
                unsafe clx_openat(start, path, options.rawValue | O_CLOEXEC | O_NOCTTY, mode)
            })
    }

    /// Opens a path relative to a directory under rules for its resolution.
    ///
    /// The corresponding system call is `openat2(2)`.
    ///
    /// - Parameters:
    ///   - directory: where resolution starts; with `.inRoot`, the root it cannot leave.
    ///   - path: the path.
    ///   - options: the flags; O_CLOEXEC is added.
    ///   - resolve: the rules.
    ///   - mode: the permission bits of a file that is created, before the umask.
    package static func open(
        at directory: borrowing OwnedDescriptor, _ path: String, _ options: OpenOptions,
        resolve: ResolveOptions, mode: UInt32 = 0
    ) throws(SystemError) -> OwnedDescriptor {
        try open(from: directory.number, path, options, resolve: resolve, mode: mode)
    }

    /// Opens an absolute path under rules for its resolution.
    ///
    /// The corresponding system call is `openat2(2)`.
    ///
    /// - Parameters:
    ///   - path: the path.
    ///   - options: the flags; O_CLOEXEC is added.
    ///   - resolve: the rules.
    package static func open(
        _ path: String, _ options: OpenOptions, resolve: ResolveOptions
    ) throws(SystemError) -> OwnedDescriptor {
        try open(from: CLX_AT_FDCWD, path, options, resolve: resolve, mode: 0)
    }

    private static func open(
        from start: Int32, _ path: String, _ options: OpenOptions, resolve: ResolveOptions, mode: UInt32
    ) throws(SystemError) -> OwnedDescriptor {
        while true {
            do {
                return OwnedDescriptor(
                    owning: try syscall("openat2", on: path) {
                        unsafe clx_openat2(
                            start, path, UInt64(UInt32(bitPattern: options.rawValue | O_CLOEXEC)), UInt64(mode),
                            resolve.rawValue)
                    })
            } catch let error where error.errno == .wouldBlock {
                // A rename or mount elsewhere raced with `..` under RESOLVE_IN_ROOT; openat2(2) says to try again.
                continue
            }
        }
    }
}
