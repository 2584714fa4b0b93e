import Foundation
import Plans

@testable import Cgroups

/// A directory that stands for a mounted hierarchy: plain files, and mkdir(2) makes empty directories.
final class FixtureHierarchy {
    let mountPoint: String

    init() throws {
        mountPoint = NSTemporaryDirectory() + "cgroups-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: mountPoint, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: mountPoint)
    }

    /// Makes a cgroup with files in it.
    func add(_ path: String, _ files: [String: String] = [:]) throws {
        let directory = mountPoint + path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        for (name, text) in files { try Data(text.utf8).write(to: URL(fileURLWithPath: directory + "/" + name)) }
    }

    func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: mountPoint + path).map { String(decoding: $0, as: UTF8.self) }
    }

    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: mountPoint + path)
    }

    func v1(_ controller: String, _ path: String, _ settings: [CgroupSetting] = []) -> CgroupPlan {
        CgroupPlan(memberships: [
            CgroupMembership(
                version: .v1, mountPoint: mountPoint, controllers: [controller], path: path, settings: settings)
        ])
    }

    func v2(
        _ path: String, offers: [String], needs: [String] = [], _ settings: [CgroupSetting] = []
    ) -> CgroupPlan {
        CgroupPlan(memberships: [
            CgroupMembership(
                version: .v2, mountPoint: mountPoint, controllers: offers, path: path, neededControllers: needs,
                settings: settings)
        ])
    }

    func record(_ version: CgroupVersion, _ controllers: [String], _ path: String, made: Int = 1) -> CgroupRecord {
        CgroupRecord(
            version: version, mountPoint: mountPoint, controllers: controllers, path: path, madeDirectories: made)
    }
}
