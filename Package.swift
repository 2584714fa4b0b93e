// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target keeps the same rules: Swift 6 mode, each unsafe operation marked `unsafe`, imports internal
/// unless an interface needs them, and no warning left standing.
let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

func module(_ name: String, imports: Target.Dependency...) -> Target {
    .target(name: name, dependencies: imports, swiftSettings: strict)
}

func program(_ name: String, imports: Target.Dependency...) -> Target {
    .executableTarget(name: name, dependencies: imports, swiftSettings: strict)
}

func tests(of name: String, imports: Target.Dependency...) -> Target {
    .testTarget(name: "\(name)Tests", dependencies: [.byName(name: name)] + imports)
}

let package = Package(
    name: "mvrun",
    // From the ground up: a target imports only targets above it.
    targets: [
        // What Swift cannot spell: newer system calls, function-like macros, and the code that runs between clone and exec.
        .target(name: "CLinux"),
        // What the first process of a guest needs before Swift's runtime begins.
        .target(name: "CFirstProcess"),
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CCapability", pkgConfig: "libcap", providers: [.apt(["libcap-dev"])]),
        .systemLibrary(name: "CCompression"),
        .systemLibrary(name: "CDigest", pkgConfig: "libmd", providers: [.apt(["libmd-dev"])]),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .systemLibrary(
            name: "CNetlink", pkgConfig: "libnl-route-3.0", providers: [.apt(["libnl-3-dev", "libnl-route-3-dev"])]),

        // Ground: system calls, then errors and the log, then JSON.
        module("Syscalls", imports: "CLinux"),
        module("Diagnostics", imports: "Syscalls"),
        module("JSON"),

        // Vocabulary: the runtime-spec.
        module("OCI", imports: "JSON", "Diagnostics", "Syscalls"),

        // The command line as data.
        module("Options", imports: "Diagnostics"),

        // Vocabulary: what is to be done, as values and their wire form, and one module for each kernel interface.
        module("Plans", imports: "Diagnostics", "Syscalls"),
        module("Cgroups", imports: "Plans", "Diagnostics", "Syscalls"),
        module("Netlink", imports: "CNetlink", "Plans", "Diagnostics", "Syscalls"),
        module("Rtnetlink", imports: "CLinux", "Plans", "Diagnostics", "Syscalls"),

        // The container half: carries a plan out.
        module("Sandbox", imports: "CLinux", "Syscalls", "Diagnostics", "Plans"),

        // Compile: from the spec to a plan; nothing here changes a container or the host's mounts.
        module(
            "Planning",
            imports: "CLinux", "CSeccomp", "Syscalls", "Diagnostics", "JSON", "OCI", "Plans", "Cgroups"),

        // The machine half: a virtual machine and its devices. It shares nothing with the container half but Plans.
        module("Board", imports: "CLinux", "Syscalls"),
        module("Virtio", imports: "CLinux", "Board", "Syscalls"),
        module("FUSE", imports: "CLinux", "Syscalls"),
        module("Devices", imports: "CLinux", "Board", "Virtio", "FUSE", "Syscalls"),
        module("KVM", imports: "CLinux", "Board", "Diagnostics", "Syscalls"),

        // Where the halves meet: what the host and the agent in the guest say to each other.
        module("AgentProtocol", imports: "Plans", "Diagnostics", "Syscalls"),
        module(
            "AgentServer",
            imports: "CLinux", "AgentProtocol", "Sandbox", "Rtnetlink", "Plans", "Diagnostics", "Syscalls"),

        // What the threads of a monitor shut themselves in with.
        module("Jail", imports: "CLinux", "Syscalls"),
        module(
            "VMM",
            imports: "CLinux", "Board", "Virtio", "FUSE", "Devices", "KVM", "Jail", "AgentProtocol", "Plans",
            "Diagnostics", "Syscalls"),

        // SHA-256.
        module("Digests", imports: "CDigest"),

        // What a guest boots: kernels found and unpacked, initramfs made, both cached.
        module("GuestImage", imports: "CCompression", "Digests", "Diagnostics", "Syscalls"),

        // Networks that others make: their plugins, found and called.
        module("CNI", imports: "JSON", "Diagnostics", "Syscalls"),

        // Images: what one says, checked and read, and what of a config.json follows from it.
        module("Images", imports: "Digests", "JSON", "Diagnostics", "Syscalls"),

        module(
            "Runtime",
            imports: "Syscalls", "Diagnostics", "JSON", "OCI", "Plans", "Cgroups", "Netlink", "Sandbox", "Planning",
            "AgentProtocol", "GuestImage", "CNI", "Digests", "Images"),

        program("mvrun", imports: "Runtime", "Options", "OCI", "CNI", "Images", "JSON", "Diagnostics", "Syscalls"),
        program("mvrun-init", imports: "CFirstProcess", "AgentServer", "Sandbox", "Diagnostics", "Syscalls"),
        program("mvrun-vmm", imports: "VMM", "Devices", "KVM", "Jail", "Plans", "Diagnostics", "Syscalls"),
        program("mvrun-systemd", imports: "CSystemd", "Syscalls"),

        tests(of: "Syscalls"),
        tests(of: "Diagnostics", imports: "Syscalls"),
        tests(of: "JSON"),
        tests(of: "OCI", imports: "TestSupport", "CCapability", "JSON", "Diagnostics"),
        tests(of: "Options", imports: "Diagnostics"),
        tests(of: "Plans"),
        tests(of: "Cgroups", imports: "Plans", "Diagnostics", "Syscalls"),
        tests(of: "KVM", imports: "CLinux", "Board", "Syscalls"),
        tests(of: "Jail", imports: "JailedProgram", "TestSupport", "KVM", "Syscalls"),
        // A monitor that does what it may not do, for the tests of its filters.
        .executableTarget(
            name: "JailedProgram", dependencies: ["VMM", "Virtio", "Board", "KVM", "Jail", "Diagnostics", "Syscalls"],
            path: "Tests/JailedProgram"),
        tests(
            of: "VMM", imports: "GuestDriver", "AgentProtocol", "Devices", "Plans", "CLinux", "Board", "Virtio", "KVM",
            "Diagnostics", "Syscalls"),
        tests(of: "Netlink", imports: "CNetlink", "Rtnetlink", "Plans", "Diagnostics", "Syscalls"),
        tests(of: "Rtnetlink", imports: "Plans", "Diagnostics", "Syscalls"),
        tests(of: "Sandbox", imports: "Diagnostics", "Plans", "Syscalls"),
        // Plays the driver of a guest in ordinary memory.
        .target(name: "GuestDriver", dependencies: ["Board", "Virtio", "Syscalls"], path: "Tests/GuestDriver"),
        tests(of: "Board", imports: "Syscalls"),
        tests(of: "Devices", imports: "Board", "Virtio", "FUSE", "GuestDriver", "Syscalls"),
        tests(of: "Virtio", imports: "Board", "GuestDriver", "Syscalls"),
        tests(of: "AgentProtocol", imports: "Plans", "Diagnostics", "Syscalls"),
        .executableTarget(
            name: "NativeAgent", dependencies: ["AgentServer", "Sandbox", "Diagnostics", "Syscalls"],
            path: "Tests/NativeAgent"),
        tests(
            of: "AgentServer", imports: "NativeAgent", "TestSupport", "AgentProtocol", "Plans", "Diagnostics",
            "Syscalls"),
        .target(name: "CFilteredChild", dependencies: ["CLinux"], path: "Tests/CFilteredChild"),
        .target(
            name: "FilteredChild", dependencies: ["CFilteredChild", "Plans", "Syscalls"], path: "Tests/FilteredChild"),
        tests(
            of: "Planning", imports: "CLinux", "FilteredChild", "Syscalls", "Diagnostics", "OCI", "Plans", "Cgroups"),
        tests(of: "GuestImage", imports: "Digests", "Diagnostics", "Syscalls"),
        tests(of: "CNI", imports: "TestSupport", "JSON", "Diagnostics"),
        tests(of: "Images", imports: "TestSupport", "Digests", "JSON", "Diagnostics", "Syscalls"),
        // Hostile guests: what fuzzing drives, and attacks that are known by name.
        .testTarget(
            name: "HostileTests",
            dependencies: [
                "AgentProtocol", "Board", "Devices", "Diagnostics", "FUSE", "GuestDriver", "GuestImage", "KVM", "Plans",
                "Syscalls", "TestSupport", "VMM", "Virtio",
            ]),
        tests(
            of: "Runtime", imports: "FilteredChild", "Cgroups", "JSON", "Diagnostics", "OCI", "Plans", "Planning",
            "Syscalls"),

        // A mount of the file server's, for its tests, benches and the test suites of others.
        .executableTarget(
            name: "fuse-mount", dependencies: ["FUSE", "Syscalls"], path: "Tests/FUSEMount", swiftSettings: strict),
        tests(of: "FUSE", imports: "Syscalls"),

        // The tree itself: layers, sizes, documentation, links, and the commands of Rootfs.
        .testTarget(name: "RepositoryTests"),

        // The built programs, driven as a user drives them. These import nothing of the product's.
        .target(name: "CTestSupport", path: "Tests/CTestSupport"),
        .target(name: "TestSupport", dependencies: ["CTestSupport"], path: "Tests/TestSupport"),
        .testTarget(
            name: "ConformanceTests", dependencies: ["TestSupport"],
            exclude: ["Engines/cri-client", "Engines/make-image"]),
        // A monitor without a machine. Its root holds no library, so it needs none.
        .executableTarget(
            name: "mvrun-machine-stand-in", dependencies: ["AgentProtocol", "Plans", "Diagnostics", "Syscalls"],
            path: "Tests/MachineStandIn",
            linkerSettings: [.unsafeFlags(["-static-executable", "-Xlinker", "--gc-sections"])]),

        // What a start costs, against other runtimes. The timer is a program apart and small: its memory is counted too.
        .executableTarget(
            name: "mvrun-bench-timer", path: "Tests/Benchmarks/Timer",
            linkerSettings: [.unsafeFlags(["-static-executable", "-Xlinker", "--gc-sections"])]),
        .executableTarget(
            name: "mvrun-bench", dependencies: ["mvrun-bench-timer"], path: "Tests/Benchmarks",
            exclude: [
                "Counting", "Files", "Machines", "Timer", "Limits.json", "link-order.txt", "density", "draw",
                "order-functions",
                "unnamed.ld",
            ]),
    ]
)
