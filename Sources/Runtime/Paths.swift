import Glibc
import Syscalls

/// A path from the root: one that starts elsewhere starts at the working directory.
///
/// `.` and `..` are resolved by name, as
/// the shells do it.
package func absolutePath(_ path: String) -> String {
    var full = path
    if !path.isAbsolutePath {
        // SAFETY: getcwd(3) allocates the text, which is freed once, after it was copied.
        guard let current = unsafe getcwd(nil, 0) else { return path }
        full = unsafe String(cString: current) + "/" + path
        unsafe free(current)
    }
    var parts: [String] = []
    for part in full.pathComponents where part != "." {
        if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return rootedPath(parts)
}
