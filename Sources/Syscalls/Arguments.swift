import CLinux

/// The words with which this program was started, its own name first; bytes that are not UTF-8 become U+FFFD.
///
/// The same as `CommandLine.arguments`, without the reading of /proc/self/maps that this costs.
package var programArguments: [String] {
    // SAFETY: the kernel's strings are null-terminated and stay where they are as long as the process lives.
    (0..<clx_argument_count()).map { index in
        unsafe clx_argument(index).map { unsafe String(cString: $0) } ?? ""
    }
}
