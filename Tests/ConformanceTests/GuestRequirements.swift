import Foundation
import TestSupport
import Testing

extension Requirement {
    /// A KVM that boots the kernels of distributions.
    static let bootingKVM = Requirement("a /dev/kvm that boots an ordinary kernel") {
        let monitor = (RuntimeUnderTest.current.path as NSString).deletingLastPathComponent + "/mvrun-vmm"
        return (try? ChildProcess.run([monitor, "--probe"]))?.output.contains("kvm: hardware") == true
    }
    /// A kernel of a distribution, for guests.
    static let guestKernel = Requirement("a kernel in /boot with its modules") {
        let kernels = (try? FileManager.default.contentsOfDirectory(atPath: "/boot")) ?? []
        return kernels.contains {
            $0.hasPrefix("vmlinuz-") && FileManager.default.fileExists(atPath: "/lib/modules/\($0.dropFirst(8))")
        }
    }
}
