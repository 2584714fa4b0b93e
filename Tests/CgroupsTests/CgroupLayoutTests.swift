import Plans
import Testing

@testable import Cgroups

/// What the kernel shows on hosts of the three kinds.
enum Host {
    static let v1Cgroups = """
        4:memory:/user/me
        3:cpu,cpuacct:/user/me
        2:net_cls:/
        1:name=systemd:/user.slice/session-1.scope

        """
    static let v1Mounts = """
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
        33 31 0:30 / /sys/fs/cgroup/memory rw,relatime shared:10 master:2 - cgroup cgroup rw,memory
        34 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup systemd rw,xattr,release_agent=/x,name=systemd

        """
    static let v2Cgroups = "0::/user.slice/user-0.slice/session-1.scope\n"
    static let v2Mounts = """
        22 28 0:20 / /proc rw,relatime - proc proc rw
        35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - cgroup2 cgroup2 rw,nsdelegate

        """
    static let hybridMounts = """
        32 31 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw

        """

    static func layout(_ cgroups: String, _ mounts: String, unified: [String] = []) -> CgroupLayout {
        CgroupLayout(ownCgroups: cgroups, mountInfo: mounts) { _ in unified }
    }
}

@Suite struct CgroupLayoutTests {
    @Test func aPureV1HostHasOneHierarchyForEachMountedLineOfProcSelfCgroup() {
        let layout = Host.layout(Host.v1Cgroups, Host.v1Mounts)
        #expect(
            layout.hierarchies.map(\.mountPoint) == [
                "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/systemd",
            ])
        #expect(layout.hierarchies.map(\.controllers) == [["memory"], ["cpu", "cpuacct"], ["name=systemd"]])
        #expect(layout.hierarchies.map(\.ownPath) == ["/user/me", "/user/me", "/user.slice/session-1.scope"])
        #expect(layout.unified == nil)
    }

    @Test func aHierarchyThatIsNotMountedHasNoController() {
        #expect(Host.layout(Host.v1Cgroups, Host.v1Mounts).hierarchy(of: "net_cls") == nil)
    }

    @Test func aPureV2HostOffersWhatItsRootLists() throws {
        let layout = Host.layout(Host.v2Cgroups, Host.v2Mounts, unified: ["cpu", "io", "memory"])
        let unified = try #require(layout.unified)
        #expect(unified.mountPoint == "/sys/fs/cgroup")
        #expect(unified.ownPath == "/user.slice/user-0.slice/session-1.scope")
        #expect(layout.hierarchy(of: "blkio") == unified)
        #expect(layout.hierarchy(of: "devices") == unified)
        #expect(layout.hierarchy(of: "pids") == nil)
    }

    @Test func aHybridHostTakesEachControllerWhereItIs() {
        let layout = Host.layout("2:memory:/\n0::/\n", Host.hybridMounts, unified: ["hugetlb"])
        #expect(layout.hierarchy(of: "memory")?.version == .v1)
        #expect(layout.hierarchy(of: "hugetlb")?.mountPoint == "/sys/fs/cgroup/unified")
    }

    @Test func withoutACgroupNamespaceTheOwnPathIsBelowWhatIsMounted() {
        let mounts = "9 1 0:9 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
        let inside = Host.layout("2:memory:/docker/abc/x\n", mounts)
        #expect(inside.hierarchies.first?.ownPath == "/x")
        let sibling = Host.layout("2:memory:/docker/abcd\n", mounts)
        #expect(sibling.hierarchies.first?.ownPath == "/")
    }

    @Test func aMountUnderSysIsPreferredAndEscapesAreUndone() {
        let mounts = """
            8 1 0:9 / /mnt/my\\040memory rw - cgroup cgroup rw,memory
            9 1 0:9 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory

            """
        #expect(Host.layout("2:memory:/\n", mounts).hierarchies.first?.mountPoint == "/sys/fs/cgroup/memory")
        let first = String(mounts.split(separator: "\n")[0])
        #expect(Host.layout("2:memory:/\n", first).hierarchies.first?.mountPoint == "/mnt/my memory")
    }

    @Test func linesThatAreCutShortAreLeftOut() {
        let layout = Host.layout("2:memory\nx\n:::\n", "9 1 0:9 / /a rw - cgroup\n9 1 0:9 / /a rw -\n\n")
        #expect(layout.hierarchies.isEmpty)
    }

    @Test func theHostItselfCanBeRead() throws {
        let layout = try CgroupLayout.current()
        #expect(!layout.hierarchies.isEmpty)
        for hierarchy in layout.hierarchies { #expect(hierarchy.ownPath.hasPrefix("/")) }
    }
}

@Suite struct CgroupPathsTests {
    let v1 = CgroupHierarchy(version: .v1, mountPoint: "/m", controllers: ["memory"], ownPath: "/user/me")
    let v2 = CgroupHierarchy(version: .v2, mountPoint: "/u", controllers: [], ownPath: "/user/session.scope")

    @Test(arguments: ["a.slice:runc:web", ":cri:x"])
    func systemdsFormIsNoPath(text: String) {
        #expect { try CgroupsPath(text, id: "web") } throws: {
            "\($0)" == "linux.cgroupsPath: \"\(text)\" is systemd's form slice:prefix:name, not a path"
        }
    }

    @Test func anAbsolutePathIsBelowTheMountPointInEveryHierarchy() throws {
        let path = try CgroupsPath("/pods//./a:b:c/", id: "web")
        #expect(path.path(in: v1) == "/pods/a:b:c")
        #expect(path.path(in: v2) == "/pods/a:b:c")
    }

    @Test func aRelativePathIsBelowOurOwnCgroupInV1AndBesideItInV2() throws {
        let path = try CgroupsPath("pods/web", id: "web")
        #expect(path.path(in: v1) == "/user/me/pods/web")
        #expect(path.path(in: v2) == "/user/pods/web")
    }

    @Test(arguments: [nil, ""]) func withoutAPathTheContainersIDIsTaken(text: String?) throws {
        #expect(try CgroupsPath(text, id: "web") == .relative("web"))
        let root = CgroupHierarchy(version: .v2, mountPoint: "/u", controllers: [], ownPath: "/")
        #expect(try CgroupsPath(text, id: "web").path(in: root) == "/web")
    }

    @Test func dotsDoNotLeadOut() throws {
        #expect(try CgroupsPath("/../../etc", id: "x") == .absolute("/etc"))
        #expect(try CgroupsPath("../../etc", id: "x").path(in: v1) == "/user/me/etc")
    }
}

@Suite struct SystemdScopeTests {
    @Test(arguments: ["a:b", "a.slice:b:", "a.slice:b:c:d", "a/b.slice:c:d", "a:b:c", "a--b.slice:c:d", "-a.slice:c:d"])
    func whatIsNotOfTheFormIsRefused(text: String) {
        #expect(throws: (any Error).self) { try SystemdScope(cgroupsPath: text, id: "web", user: false) }
    }

    @Test func theDashesOfASliceTellItsParents() throws {
        let scope = try SystemdScope(cgroupsPath: "machine-a-b.slice:libpod:web", id: "x", user: false)
        #expect(scope.unit == "libpod-web.scope")
        #expect(try scope.path() == "/machine.slice/machine-a.slice/machine-a-b.slice/libpod-web.scope")
    }

    @Test func theDefaultsAreTheSystemsSliceAndTheID() throws {
        #expect(try SystemdScope(cgroupsPath: nil, id: "web", user: false).path() == "/system.slice/mvrun-web.scope")
        let own = try SystemdScope(cgroupsPath: "-.slice::web", id: "x", user: true)
        #expect(try own.path(below: "/user.slice/user@7.service") == "/user.slice/user@7.service/web.scope")
        #expect(try SystemdScope(cgroupsPath: "::pod.slice", id: "x", user: true).path() == "/user.slice/pod.slice")
    }
}
