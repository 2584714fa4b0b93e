import Foundation
import TestSupport
import Testing

/// A bundle that user 1000 owns and drives, without any right of root's.
func usersBundle(
    gid: Int = 1000, options: String = "", _ change: (inout JSON) -> Void = { _ in }
) throws -> TemporaryBundle {
    let bundle = try TemporaryBundle {
        $0.setNamespace("user")
        $0.linux.uidMappings = [["containerID": 0, "hostID": 1000, "size": 1]]
        $0.linux.gidMappings = [["containerID": 0, "hostID": 1000, "size": 1]]
        $0.linux.resources = nil
        $0.linux.cgroupsPath = nil
        // Without an id for group 5 the terminals' group cannot be set.
        for index in $0.mounts.elements.indices where $0.mounts[index].destination == "/dev/pts" {
            $0.mounts[index].options.elements.removeAll { $0 == "gid=5" }
        }
        change(&$0)
    }
    try FileManager.default.createDirectory(atPath: bundle.path("run"), withIntermediateDirectories: true)
    for path in [bundle.stateRoot, bundle.directory, bundle.path("run")] {
        _ = try ChildProcess.run(["chown", "1000:1000", path])
    }
    for folder in try FileManager.default.contentsOfDirectory(atPath: bundle.rootfs) {
        // The folders alone: the programs in them are links to files that other bundles share.
        chown("\(bundle.rootfs)/\(folder)", 1000, 1000)
    }
    chown(bundle.rootfs, 1000, 1000)
    bundle.wrapper = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "--inh-caps=-all"]
    bundle.environment = [
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR": bundle.path("run"), "HOME": "/tmp",
    ]
    return bundle
}
