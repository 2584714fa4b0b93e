import CLinux
import Glibc

extension OwnedDescriptor {
    /// The names of the directories in this directory, `.` and `..` left out, links not followed, in no order.
    ///
    /// It goes by the type that getdents64(2) reports, which cgroupfs, procfs and every common file system do.
    package borrowing func directories() throws(SystemError) -> [String] {
        let number = try OwnedDescriptor.open(at: self, ".", [.readOnly, .directory]).release()
        guard let stream = unsafe fdopendir(number) else {
            let code = Errno.current
            _ = close(number)
            throw SystemError("fdopendir", "\(number)", code)
        }
        // SAFETY: the stream is closed exactly once, here, and no entry outlives the loop step that read it.
        defer { unsafe _ = closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            guard unsafe entry.pointee.d_type == UInt8(DT_DIR) else { continue }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}
