import Foundation

/// A small root file system out of Debian's busybox-static, with the probe in it.
package enum RootFileSystem {
    private static let applets = [
        "sh", "cat", "chmod", "chown", "cp", "date", "dd", "df", "echo", "env", "false", "find", "grep", "head",
        "hostname",
        "id", "ip", "kill", "ln", "ls", "mkdir", "mknod", "mount", "mv", "nproc", "printf", "ps", "pwd", "readlink",
        "rm",
        "seq", "setsid", "sha256sum", "sleep", "sort", "stat", "stty", "sync", "tail", "test", "touch", "tr", "true",
        "tty",
        "umount", "wc", "yes",
    ]

    /// Makes one at a path that does not exist.
    package static func make(at root: String) throws {
        let files = FileManager.default
        let folders = ["bin", "dev", "etc", "home", "mnt", "proc", "root", "run", "sys", "tmp", "usr/bin", "var"]
        for folder in folders {
            try files.createDirectory(atPath: "\(root)/\(folder)", withIntermediateDirectories: true)
        }
        chmod("\(root)/tmp", 0o1777)
        for (source, target) in [("/bin/busybox", "bin/busybox"), (try Probe.path.get(), "bin/probe")] {
            // A link costs nothing; where the folders lie on two file systems, a copy.
            if link(source, "\(root)/\(target)") != 0 {
                try files.copyItem(atPath: source, toPath: "\(root)/\(target)")
            }
        }
        for applet in applets { symlink("busybox", "\(root)/bin/\(applet)") }
        let accounts = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home/nobody:/bin/sh\n"
        try Data((accounts + "user:x:1000:1000:user:/home/user:/bin/sh\n").utf8)
            .write(to: URL(fileURLWithPath: "\(root)/etc/passwd"))
        try Data("root:x:0:\ntty:x:5:\nuser:x:1000:\nextra:x:2000:user\n".utf8)
            .write(to: URL(fileURLWithPath: "\(root)/etc/group"))
    }
}

/// Puts a symbolic link where a file or a folder with nothing but folders in it was.
package func makeLink(at path: String, to target: String) throws {
    try? FileManager.default.removeItem(atPath: path)
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
}

/// Makes a program out of a script.
///
/// Another process writes it: a descriptor of this one's, which a child that another test starts just then inherits, would
/// keep it from being executed (ETXTBSY).
package func makeProgram(at path: String, _ script: String) throws {
    let writing = "rm -f \"$1\"; cat > \"$1\"; chmod 755 \"$1\""
    let outcome = try ChildProcess.run(["sh", "-ec", writing, "sh", path], input: Array(script.utf8))
    guard outcome.succeeded else { throw TestSupportError("make \(path): \(outcome)") }
}

/// The names in a folder, sorted.
package func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
}
