import FUSE
import Glibc
import Syscalls

/// Mounts shares through /dev/fuse and serves them in the foreground: what tests and benches of the server work on.
///
/// usage: fuse-mount [--cache never|auto|always] [--locks client|host] [--threads N] [--ro] [--writeback]
///                   [--descriptors N] SOURCE… MOUNTPOINT
@main struct FUSEMount {
    static func main() {
        do {
            try run(Array(CommandLine.arguments.dropFirst()))
        } catch let error {
            print("fuse-mount: \(error)")
            exit(1)
        }
    }

    private static func run(_ arguments: [String]) throws(SystemError) {
        var (cache, locks, threads) = (CacheMode.auto, LockScope.client, 1)
        var (readOnly, writeback, descriptors) = (false, false, 16384)
        var paths: [String] = []
        var rest = arguments[...]
        while let word = rest.popFirst() {
            switch word {
            case "--cache":
                let modes: [String: CacheMode] = ["never": .never, "always": .always]
                cache = modes[rest.popFirst() ?? ""] ?? .auto
            case "--locks": locks = rest.popFirst() == "host" ? .host : .client
            case "--threads": threads = Int(rest.popFirst() ?? "") ?? 1
            case "--descriptors": descriptors = Int(rest.popFirst() ?? "") ?? descriptors
            case "--ro": readOnly = true
            case "--writeback": writeback = true
            default: paths.append(word)
            }
        }
        guard paths.count >= 2, let target = paths.popLast() else {
            throw SystemError("fuse-mount", "SOURCE… MOUNTPOINT", .invalidArgument)
        }
        let server = try FileServer(
            shares: paths.map { ShareConfiguration(path: $0, isReadOnly: readOnly) }, cache: cache, locks: locks,
            writeback: writeback, limits: ServerLimits(descriptors: descriptors))
        let device = try OwnedDescriptor.open("/dev/fuse", .readWrite)
        // Only what this process serves is mounted; MS_NOSUID and MS_NODEV.
        try Mounting.mount(
            "mvrun", at: target, type: "fuse", flags: 6,
            data: "fd=\(device.number),rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions")
        let session = DeviceSession(device: device)
        for _ in 1..<max(threads, 1) {
            _ = try RunningThread { _ = try? session.run(server) }
        }
        let main = try RunningThread { _ = try? session.run(server) }
        main.join()
    }
}
