package import Diagnostics
import Syscalls

/// The mounted resctrl file system: what Intel RDT, and its likes of AMD and Arm, are set by; the kernel's resctrl.rst.
package struct Resctrl: Equatable, Sendable {
    /// Where it is mounted; the group of everybody who is in no other.
    package let root: String

    /// Names a mount.
    package init(root: String) {
        self.root = root
    }

    /// Finds it on this host.
    ///
    /// - Throws: that there is none.
    package static func current() throws(RuntimeError) -> Resctrl {
        let mountInfo = try during("find resctrl") { try readText("/proc/self/mountinfo", limit: 64 << 20) }
        guard let found = Resctrl(mountInfo: mountInfo) else {
            throw RuntimeError(
                .unsupported, "linux.intelRdt: resctrl is not mounted on this host",
                hint: "mount -t resctrl resctrl /sys/fs/resctrl, where processor and kernel have it")
        }
        return found
    }

    /// Finds it in the text of /proc/self/mountinfo; nil where it is not mounted.
    package init?(mountInfo: String) {
        for line in mountInfo.split(separator: "\n") {
            let fields = line.split(separator: " ")
            // 36 35 98:0 ROOT MOUNTPOINT OPTIONS [TAG...] - TYPE SOURCE SUPEROPTIONS
            guard fields.count >= 10, let dash = fields[6...].firstIndex(of: "-"), fields.count > dash + 1,
                fields[dash + 1] == "resctrl", fields[3] == "/"
            else { continue }
            self.init(root: String(fields[4]))
            return
        }
        return nil
    }

    /// What the kernel says about the last thing that it refused; nil where it says nothing.
    var lastReason: String? {
        guard let text = try? readText(root + "/info/last_cmd_status") else { return nil }
        let line = text.split(separator: "\n").joined(separator: ", ")
        return line.isEmpty || line == "ok" ? nil : line
    }

    /// The error of something that the kernel refused, with its reason.
    func refusal(_ error: SystemError, _ activity: String) -> RuntimeError {
        var failure = RuntimeError(error)
        if let reason = lastReason { failure.message += " (\(reason))" }
        return failure.during(activity)
    }
}
