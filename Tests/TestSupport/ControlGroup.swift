import Foundation

extension TemporaryBundle {
    /// The directory of the container's cgroup in the hierarchy of a v1 controller, or in cgroup v2 for `nil`.
    package func cgroup(_ controller: String?) -> String {
        let top = controller.map { CgroupView.hierarchy($0) ?? "/no/\($0)" } ?? CgroupView.unified ?? "/no/cgroup2"
        return "\(top)/\(identifier)"
    }

    /// What a file of the container's cgroup says, without the newline at its end; nil where it does not exist.
    package func cgroupFile(_ controller: String?, _ name: String) -> String? {
        guard let data = FileManager.default.contents(atPath: "\(cgroup(controller))/\(name)") else { return nil }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
    }
}

extension Requirement {
    /// A file that cgroups of a v1 controller have on this kernel.
    package static func cgroupFile(_ controller: String, _ name: String) -> Requirement {
        Requirement("\(name) in the cgroup v1 controller \(controller)") {
            guard let top = CgroupView.hierarchy(controller) else { return false }
            let trial = "\(top)/mvt-trial-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
            guard mkdir(trial, 0o755) == 0 else { return false }
            defer { rmdir(trial) }
            return FileManager.default.fileExists(atPath: "\(trial)/\(name)")
        }
    }

    /// A controller that only the unified hierarchy beside version 1 has.
    package static func hybridController(_ controller: String) -> Requirement {
        Requirement("a hybrid machine whose cgroup v2 owns \(controller)") {
            let path = "/sys/fs/cgroup/unified/cgroup.controllers"
            let text = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
            return text.split(whereSeparator: \.isWhitespace).contains(Substring(controller))
        }
    }

    /// No hierarchy that has a controller, for what a runtime must say then.
    package static func noController(_ controller: String) -> Requirement {
        Requirement("a host without the controller \(controller)") {
            CgroupView.hierarchy(controller) == nil && !CgroupView.unifiedControllers.contains(controller)
        }
    }
}
