import OCI
import Testing

@Suite struct MountOptionsTests {
    /// The table of the runtime-spec 1.3, config.md, "Linux mount options".
    private let specified = """
        async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec \
        noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime \
        relatime remount rexec rnoatime rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate \
        rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime \
        suid symfollow sync tmpcopyup unbindable idmap ridmap
        """

    @Test func everyOptionOfTheSpecIsKnown() {
        for option in specified.split(separator: " ").map(String.init) {
            #expect(MountOptions([option]).data.isEmpty, "\(option)")
            #expect(MountOptions.names.contains(option))
        }
    }

    @Test func everyOptionButDefaultsHasAnEffect() {
        for option in MountOptions.names where option != "defaults" {
            #expect(MountOptions([option]) != MountOptions([]), "\(option)")
        }
    }

    @Test func whatTheTableDoesNotKnowIsTheFileSystems() {
        let options = MountOptions(["ro", "mode=755", "", "size=65536k", "RO"])
        #expect(options.data == ["mode=755", "size=65536k", "RO"])
        #expect(options.flags == .readOnly)
    }

    @Test func aLaterOptionOverridesAnEarlierOne() {
        #expect(MountOptions(["ro", "nosuid", "rw"]).flags == .noSetUserID)
        #expect(MountOptions(["ro", "nosuid", "rw"]).cleared == .readOnly)
        #expect(MountOptions(["rw", "ro"]).flags == .readOnly)
        #expect(MountOptions(["rw", "ro"]).cleared == [])
    }

    @Test(
        arguments: [
            ("ro", 1, 0), ("nosuid", 2, 0), ("nodev", 4, 0), ("noexec", 8, 0), ("sync", 16, 0), ("remount", 32, 0),
            ("mand", 64, 0), ("dirsync", 128, 0), ("nosymfollow", 256, 0), ("noatime", 1024, 0),
            ("nodiratime", 2048, 0),
            ("bind", 4096, 0), ("rbind", 4096 + 16384, 0), ("silent", 32768, 0), ("relatime", 1 << 21, 0),
            ("iversion", 1 << 23, 0), ("strictatime", 1 << 24, 0), ("lazytime", 1 << 25, 0),
            ("rw", 0, 1), ("suid", 0, 2), ("dev", 0, 4), ("exec", 0, 8), ("async", 0, 16), ("nomand", 0, 64),
            ("symfollow", 0, 256), ("atime", 0, 1024), ("diratime", 0, 2048), ("loud", 0, 32768),
            ("norelatime", 0, 1 << 21), ("noiversion", 0, 1 << 23), ("nostrictatime", 0, 1 << 24),
            ("nolazytime", 0, 1 << 25),
        ] as [(String, UInt64, UInt64)])
    func flagsAreTheKernels(option: String, set: UInt64, cleared: UInt64) {
        let options = MountOptions([option])
        #expect(options.flags.rawValue == set)
        #expect(options.cleared.rawValue == cleared)
    }

    @Test(
        arguments: [
            (["rro"], 1, 0), (["rrw"], 0, 1), (["rro", "rrw"], 0, 1), (["rrw", "rro"], 1, 0),
            (["rnosuid", "rnodev"], 6, 0),
            (["rnoexec"], 8, 0), (["rnosymfollow"], 0x20_0000, 0), (["rnodiratime"], 0x80, 0), (["rdiratime"], 0, 0x80),
            // MOUNT_ATTR__ATIME is cleared whenever one of its values is set, mount_setattr(2).
            (["rnoatime"], 0x10, 0x70), (["rstrictatime"], 0x20, 0x70), (["rrelatime"], 0, 0x70), (["ratime"], 0, 0x70),
            (["rnoatime", "rstrictatime"], 0x20, 0x70), (["rnoatime", "rrelatime"], 0, 0x70),
        ] as [([String], UInt64, UInt64)])
    func recursiveAttributesAreTheKernels(options: [String], set: UInt64, clear: UInt64) {
        #expect(MountOptions(options).recursiveSet.rawValue == set)
        #expect(MountOptions(options).recursiveClear.rawValue == clear)
        #expect(MountOptions(options).flags == [])
    }

    @Test func propagationKeepsItsOrder() {
        let options = MountOptions(["rbind", "rslave", "shared"])
        #expect(options.propagation == [.rslave, .shared])
        #expect(options.propagation.map(\.flags) == [1 << 19 | 1 << 14, 1 << 20])
        #expect(options.isBind)
    }

    @Test func specialOptionsAreToldApart() {
        #expect(MountOptions(["idmap"]).idMapped == .single)
        #expect(MountOptions(["ridmap"]).idMapped == .recursive)
        #expect(MountOptions(["tmpcopyup"]).copiesUp)
        #expect(MountOptions(["copy-symlink"]).copiesSymlink)
        #expect(MountOptions(["src-nofollow"]).sourceNoFollow)
        #expect(MountOptions(["dest-nofollow"]).destinationNoFollow)
    }
}
