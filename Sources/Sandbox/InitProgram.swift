import CLinux
package import Diagnostics
package import Syscalls

/// mvrun-init as an open file that no container can write to.
///
/// A container's process could reopen the program it came from through /proc/PID/exe, and as root write to it
/// (CVE-2019-5736). So the stage is executed from a detached read-only mount; where that may not be made, either the file
/// cannot be written by this user in the first place, or a sealed copy in memory is executed.
package enum InitProgram {
    /// Opens it.
    ///
    /// - Parameter path: where mvrun-init is installed.
    package static func open(_ path: String) throws(RuntimeError) -> OwnedDescriptor {
        do {
            return try openReadOnlyMount(path)
        } catch let error where error.errno == .noEntry {
            throw RuntimeError(error, hint: "mvrun-init belongs beside mvrun, or in ../libexec/mvrun")
                .during("find mvrun-init")
        } catch let error where error.errno == .notPermitted {
            return try openWithoutPrivilege(path)
        } catch {
            throw RuntimeError(error).during("open mvrun-init")
        }
    }

    private static func openReadOnlyMount(_ path: String) throws(SystemError) -> OwnedDescriptor {
        try Mounting.cloneTree(path, recursive: false, setting: CLX_MOUNT_ATTR_RDONLY)
    }

    private static func openWithoutPrivilege(_ path: String) throws(RuntimeError) -> OwnedDescriptor {
        do {
            // The owner can make a file writable again, so it counts as writable for its owner. It is not opened for writing
            // to find out: that fails while anybody executes it.
            if try status(of: path).userID == Credentials.effectiveUser || isWritable(path) {
                return try sealedCopy(of: path)
            }
            return try OwnedDescriptor.open(path, .path)
        } catch {
            throw RuntimeError(error).during("open mvrun-init")
        }
    }

    private static func sealedCopy(of path: String) throws(SystemError) -> OwnedDescriptor {
        let content = try readFile(path, limit: 1 << 26)
        let copy = OwnedDescriptor(
            owning: try syscall("memfd_create", on: "mvrun-init") {
                unsafe clx_memfd_create("mvrun-init", CLX_MFD_CLOEXEC | CLX_MFD_ALLOW_SEALING)
            })
        try copy.writeAll(content, subject: "mvrun-init")
        let number = copy.number
        try syscall("fcntl", on: "F_ADD_SEALS") { clx_fcntl(number, CLX_F_ADD_SEALS, Int(CLX_SEALS_ALL)) }
        // A file that is open for writing cannot be executed: the copy is opened anew, for reading alone.
        return try OwnedDescriptor.open(copy.procPath)
    }
}
