import Foundation
import Testing

/// What a test needs of the machine or of the runtime; where it is missing the test is skipped and says what it lacked.
package struct Requirement: Sendable {
    /// What is needed, as the end of the sentence "needs …".
    package let need: String
    /// Whether it is there.
    package let isMet: @Sendable () -> Bool

    /// A requirement of a test's own.
    package init(_ need: String, _ isMet: @escaping @Sendable () -> Bool) {
        self.need = need
        self.isMet = isMet
    }

    /// The program to test.
    package static let runtime = Requirement("a runtime at \(RuntimeUnderTest.current.path)") {
        FileManager.default.isExecutableFile(atPath: RuntimeUnderTest.current.path)
    }
    /// User ID 0.
    package static let root = Requirement("user ID 0") { geteuid() == 0 }
    /// mvrun, for what only it has.
    package static let mvrun = Requirement("mvrun (this verb or text is its own)") {
        RuntimeUnderTest.current.kind == .mvrun
    }
    /// A container that shares the host's kernel.
    package static let container = Requirement("isolation by container") {
        RuntimeUnderTest.current.isolation == .container
    }
    /// A machine of its own.
    package static let virtualMachine = Requirement("isolation by virtual machine") {
        RuntimeUnderTest.current.isolation == .vm
    }
    /// A host whose cgroups are those of version 2.
    package static let unifiedCgroups = Requirement("cgroup v2 at /sys/fs/cgroup") { CgroupView.unified != nil }
    /// A machine that goes on when mounts of its root are shared; that of Tests/Lab does not, whatever runs there.
    package static let sharedRoot = Requirement("a root that may be shared; the lab's may not") {
        !FileManager.default.fileExists(atPath: "/run/lab")
    }
    /// Temporary files on a file system that can be mapped to other ids: an overlay, which the lab's root is, cannot.
    package static let mappableFiles = Requirement("a file system in TMPDIR that can be mapped; an overlay cannot") {
        let place = NSTemporaryDirectory()
        let holding = MountTable.current().entries.filter { $0.point == "/" || place.hasPrefix($0.point + "/") }
        return holding.reversed().max { $0.point.utf8.count < $1.point.utf8.count }?.type != "overlay"
    }
    /// Two processors or more.
    package static let twoProcessors = Requirement("two processors") {
        ProcessInfo.processInfo.activeProcessorCount > 1
    }
    /// A kernel where AppArmor is on.
    package static let appArmor = Requirement("AppArmor") {
        FileManager.default.contents(atPath: "/sys/module/apparmor/parameters/enabled")?.first == UInt8(ascii: "Y")
    }
    /// The long form of a test.
    package static let long = Requirement("MVRUN_LONG=1") { ProcessInfo.processInfo.environment["MVRUN_LONG"] == "1" }

    /// A controller of cgroup v1.
    package static func cgroupV1(_ controller: String) -> Requirement {
        Requirement("the cgroup v1 controller \(controller)") { CgroupView.hierarchy(controller) != nil }
    }

    /// A controller of cgroup v2.
    package static func cgroupV2(_ controller: String) -> Requirement {
        Requirement("the cgroup v2 controller \(controller)") { CgroupView.unifiedControllers.contains(controller) }
    }

    /// A program in PATH.
    package static func program(_ name: String) -> Requirement {
        Requirement("the program \(name)") {
            (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
                FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
            }
        }
    }

    /// A file that exists, such as one of a kernel feature.
    package static func file(_ path: String) -> Requirement {
        Requirement("\(path)") { FileManager.default.fileExists(atPath: path) }
    }

    /// A runtime that has a verb; another one is not asked for what it never promised.
    package static func verb(_ name: String) -> Requirement {
        Requirement("a runtime with the verb \(name)") {
            guard RuntimeUnderTest.current.kind == .crun else { return true }
            return !["events", "features", "plan", "check", "doctor", "gc"].contains(name)
        }
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips the test, saying which, unless there is a runtime to test and all requirements are met.
    package static func requires(_ requirements: Requirement...) -> Self {
        let missing = ([.runtime] + requirements).filter { !$0.isMet() }.map(\.need).joined(separator: ", ")
        return .enabled(if: missing.isEmpty, "needs \(missing)")
    }
}
