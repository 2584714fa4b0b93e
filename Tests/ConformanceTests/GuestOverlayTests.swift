import Foundation
import TestSupport
import Testing

/// A guest whose root is an overlay, as engines make them, and what is mounted on it.
@Suite(.serialized, .requires(.root, .mvrun, .bootingKVM, .guestKernel)) struct GuestOverlayTests {
    @Test func mountsStayWhenWhatIsBelowThemIsCopiedUp() throws {
        let script =
            "cat /etc/made /etc/group; touch /etc/new; echo more >> /etc/passwd; cat /etc/made /etc/group; "
            + "grep -c ' /etc/' /proc/mounts"
        let bundle = try TemporaryBundle {
            $0.root.readonly = false
            $0.process.args = ["/bin/sh", "-c", .string(script)]
        }
        for name in ["made", "group"] {
            let source = try bundle.file(name, "\(name)\n")
            bundle.spec.mount("/etc/\(name)", type: "bind", source: source, options: ["rbind", "rprivate"])
        }
        try bundle.writeConfiguration()
        let layers = bundle.path("layers")
        // An overlay cannot lie on an overlay, which the lab's root is.
        bundle.prepareMounts(
            """
            mkdir -p \(layers); mount -t tmpfs none \(layers); cd \(layers); mkdir upper work
            cp -a \(bundle.rootfs) lower
            mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay \(bundle.rootfs); cd /
            """)
        let outcome = try bundle.call(
            ["run", "--isolation", "vm", "--bundle", bundle.directory, bundle.identifier], timeout: 180)
        #expect(outcome.output == "made\ngroup\nmade\ngroup\n2\n", "\(outcome)")
    }
}
