import Foundation

/// What a mountinfo file says (proc_pid_mountinfo(5)).
package struct MountTable: Sendable {
    /// One mount.
    package struct Entry: Sendable {
        /// The directory of the file system that the mount shows.
        package let root: String
        /// Where it is mounted.
        package let point: String
        /// The options of the mount.
        package let options: [String]
        /// The optional fields, such as `shared:1`.
        package let propagation: [String]
        /// The file system's type.
        package let type: String
        /// What was mounted.
        package let source: String
        /// The options of the file system.
        package let superOptions: [String]
    }

    /// The mounts in the order of the file.
    package let entries: [Entry]

    /// Reads the text of a mountinfo file.
    package init(_ text: String) {
        entries = text.split(whereSeparator: \.isNewline).compactMap { line in
            let halves = line.components(separatedBy: " - ")
            let front = halves[0].split(separator: " ").map(String.init)
            let back = halves.last?.split(separator: " ").map(String.init) ?? []
            guard halves.count == 2, front.count >= 6, back.count >= 2 else { return nil }
            return Entry(
                root: front[3], point: front[4], options: front[5].components(separatedBy: ","),
                propagation: Array(front[6...]), type: back[0], source: back[1],
                superOptions: (back.last ?? "").components(separatedBy: ","))
        }
    }

    /// This process' own mounts.
    package static func current() -> MountTable {
        let data = FileManager.default.contents(atPath: "/proc/self/mountinfo") ?? Data()
        return MountTable(String(decoding: data, as: UTF8.self))
    }

    /// The topmost mount at a path.
    package subscript(point: String) -> Entry? { entries.last { $0.point == point } }
}

/// Where this machine has its cgroup controllers.
package enum CgroupView {
    /// The directory of the hierarchy that a v1 controller is mounted in.
    package static func hierarchy(_ controller: String) -> String? {
        MountTable.current().entries.first { $0.type == "cgroup" && $0.superOptions.contains(controller) }?.point
    }

    /// The mount point of cgroup v2, where /sys/fs/cgroup is one.
    package static let unified: String? = {
        MountTable.current().entries.first { $0.type == "cgroup2" && $0.point == "/sys/fs/cgroup" }?.point
    }()

    /// The controllers that cgroup v2 offers.
    package static let unifiedControllers: [String] = {
        guard let unified, let data = FileManager.default.contents(atPath: "\(unified)/cgroup.controllers") else {
            return []
        }
        return String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init)
    }()
}
