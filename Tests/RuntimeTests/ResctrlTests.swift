import Diagnostics
import Foundation
import JSON
import OCI
import Testing

@testable import Runtime

/// `linux.intelRdt` against a directory that stands for a mounted resctrl: plain files, and mkdir(2) makes empty directories.
@Suite struct ResctrlTests {
    private final class Fixture {
        let root = NSTemporaryDirectory() + "resctrl-\(UUID().uuidString)"

        init() throws {
            try fill("", schemata: "    L3:0=7ff;1=7ff\n    MB:0=100;1=100\n")
        }

        deinit {
            try? FileManager.default.removeItem(atPath: root)
        }

        var resctrl: Resctrl { Resctrl(root: root) }

        /// Puts the files of a group where the kernel would.
        func fill(_ group: String, schemata: String = "") throws {
            let monitors = root + group + "/mon_groups"
            try FileManager.default.createDirectory(atPath: monitors, withIntermediateDirectories: true)
            try put("\(group)/schemata", schemata)
            try put("\(group)/tasks", "")
        }

        func put(_ path: String, _ text: String) throws {
            let url = URL(fileURLWithPath: root + path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }

        func text(_ path: String) -> String {
            String(decoding: FileManager.default.contents(atPath: root + path) ?? Data(), as: UTF8.self)
        }

        func group(_ json: String) throws -> ResctrlGroup {
            let config = #"{"ociVersion": "1.3.0", "root": {"path": "r"}, "linux": {"intelRdt": \#(json)}}"#
            let spec = try Spec(config: Array(config.utf8))
            return try ResctrlGroup(try #require(spec.linux.intelRdt), id: "web", in: resctrl)
        }
    }

    private func expectError(_ text: String, _ body: () throws -> Void) {
        #expect {
            try body()
        } throws: { error in
            String(describing: error).contains(text)
        }
    }

    @Test func theMountIsFoundByItsFileSystem() {
        let lines = """
            25 1 0:23 / /sys rw - sysfs sysfs rw
            31 25 0:27 / /sys/fs/resctrl rw,relatime shared:9 - resctrl resctrl rw
            """
        #expect(Resctrl(mountInfo: lines)?.root == "/sys/fs/resctrl")
        #expect(Resctrl(mountInfo: "25 1 0:23 / /sys/fs/resctrl rw - sysfs sysfs rw") == nil)
    }

    @Test func anAbsentGroupWithoutSchemasIsRefused() throws {
        let fixture = try Fixture()
        expectError("linux.intelRdt.closID: there is no group") { _ = try fixture.group(#"{"closID": "gold"}"#) }
    }

    @Test func aGroupThatIsThereIsJoinedAsItIs() throws {
        let fixture = try Fixture()
        try fixture.fill("/gold", schemata: "L3:0=f\n")
        let group = try fixture.group(#"{"closID": "gold"}"#)
        #expect(try !group.makeDirectory())
        try group.setUp(isNew: false)
        #expect(fixture.text("/gold/schemata") == "L3:0=f\n")
        #expect(!group.isOwn)
    }

    @Test func aGroupThatIsThereHasToHaveTheSchemas() throws {
        let fixture = try Fixture()
        try fixture.fill("/gold", schemata: "    MB:0= 20;1=100\n    L3:0=00f;1=7ff\n")
        try fixture.group(#"{"closID": "gold", "l3CacheSchema": "L3:0=F", "memBwSchema": "MB:0=20"}"#)
            .setUp(isNew: false)
        expectError(#"does not have "L3:0=1f" but "MB:0= 20;1=100, L3:0=00f;1=7ff""#) {
            try fixture.group(#"{"closID": "gold", "l3CacheSchema": "L3:0=1f"}"#).setUp(isNew: false)
        }
        expectError(#"does not have "MB:2=20""#) {
            try fixture.group(#"{"closID": "gold", "memBwSchema": "MB:2=20"}"#).setUp(isNew: false)
        }
    }

    @Test func aNewGroupIsMadeWithTheSchemataWrittenLast() throws {
        let fixture = try Fixture()
        let group = try fixture.group(#"{"l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20", "schemata": ["L2:0=1"]}"#)
        #expect(group.directory == "\(fixture.root)/web" && group.isOwn)
        #expect(try group.makeDirectory())
        try fixture.fill("/web")
        try group.setUp(isNew: true)
        // A plain file keeps the last write alone.
        #expect(fixture.text("/web/schemata").hasPrefix("L2:0=1\n"))
    }

    @Test func theRootIsTheDefaultClass() throws {
        let fixture = try Fixture()
        let group = try fixture.group(#"{"closID": "/", "enableMonitoring": true}"#)
        #expect(try !group.makeDirectory())
        try group.setUp(isNew: false)
        #expect(group.monitoring == "\(fixture.root)/mon_groups/web")
        #expect(FileManager.default.fileExists(atPath: "\(fixture.root)/mon_groups/web"))
    }

    @Test func aMonitoringGroupThatCannotBeMadeIsNamed() throws {
        let fixture = try Fixture()
        let group = try fixture.group(#"{"closID": "/", "enableMonitoring": true}"#)
        try fixture.put("/info/last_cmd_status", "out of RMIDs\n")
        try FileManager.default.removeItem(atPath: fixture.root + "/mon_groups")
        expectError("linux.intelRdt.enableMonitoring: make the monitoring group: ") { try group.setUp(isNew: false) }
        expectError("(out of RMIDs)") { try group.setUp(isNew: false) }
    }

    private func record(_ fixture: Fixture, own: Bool) -> ContainerRecord {
        var record = ContainerRecord(id: "web", bundle: "/b", rootfs: "/b/r", created: "", owner: 0)
        record.resctrlGroup = fixture.root + "/web"
        record.resctrlMonitoring = fixture.root + "/web/mon_groups/web"
        record.ownsResctrlGroup = own
        return record
    }

    @Test func aProcessEntersTheGroupAndTheMonitoringGroup() throws {
        let fixture = try Fixture()
        try fixture.fill("/web")
        try fixture.put("/web/mon_groups/web/tasks", "")
        try record(fixture, own: true).enterResctrlGroup(4711)
        #expect(fixture.text("/web/tasks") == "4711\n")
        #expect(fixture.text("/web/mon_groups/web/tasks") == "4711\n")
    }

    @Test(arguments: [true, false]) func onlyWhatIsTheContainersOwnIsRemoved(own: Bool) throws {
        let fixture = try Fixture()
        let files = FileManager.default
        try files.createDirectory(atPath: fixture.root + "/web/mon_groups/web", withIntermediateDirectories: true)
        var record = record(fixture, own: own)
        // In resctrl the directory mon_groups goes with its group.
        record.resctrlMonitoring = fixture.root + "/mon_groups/web"
        try files.moveItem(
            atPath: fixture.root + "/web/mon_groups/web", toPath: fixture.root + "/mon_groups/web")
        try files.removeItem(atPath: fixture.root + "/web/mon_groups")
        try record.removeResctrlGroups()
        #expect(files.fileExists(atPath: fixture.root + "/web") == !own)
        #expect(!files.fileExists(atPath: fixture.root + "/mon_groups/web"))
        try record.removeResctrlGroups()
    }

    @Test func theStatisticsAreThoseOfTheGroup() throws {
        let fixture = try Fixture()
        try fixture.fill("/web", schemata: "    L3:0=f\n    MB:0=20\n")
        try fixture.put("/info/L3/cbm_mask", "7ff\n")
        try fixture.put("/info/L3/min_cbm_bits", "1\n")
        try fixture.put("/info/L3/num_closids", "16\n")
        let monitored = "/web/mon_groups/web/mon_data/mon_L3_00"
        try fixture.put("\(monitored)/llc_occupancy", "4096\n")
        try fixture.put("\(monitored)/mbm_total_bytes", "12\n")
        try fixture.put("\(monitored)/mbm_local_bytes", "Unavailable\n")
        var writer = JSONWriter(.compact)
        let statistics = ResctrlStatistics(of: record(fixture, own: true), in: fixture.resctrl)
        writer.object { statistics?.write(into: &$0) }
        let expected = """
            {"l3_cache_info":{"cbm_mask":"7ff","min_cbm_bits":1,"num_closids":16},\
            "l3_cache_schema_root":"L3:0=7ff;1=7ff","l3_cache_schema":"L3:0=f","schemata":["L3:0=f","MB:0=20"],\
            "mbm_stats":[{"mbm_total_bytes":12,"mbm_local_bytes":0}],"cmt_stats":[{"llc_occupancy":4096}]}
            """
        #expect(writer.text == expected)
    }
}
