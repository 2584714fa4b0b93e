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
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CCapability", pkgConfig: "libcap", providers: [.apt(["libcap-dev"])]),
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
        module("Plans"),
        module("Cgroups", imports: "Plans", "Diagnostics", "Syscalls"),
        module("Netlink", imports: "CNetlink", "Plans", "Diagnostics", "Syscalls"),

        // The container half: carries a plan out.
        module("Sandbox", imports: "CLinux", "CCapability", "Syscalls", "Diagnostics", "Plans"),

        // Compile: from the spec to a plan; nothing here changes a container or the host's mounts.
        module(
            "Planning",
            imports: "CLinux", "CSeccomp", "Syscalls", "Diagnostics", "JSON", "OCI", "Plans", "Cgroups"),

        module(
            "Runtime",
            imports: "Syscalls", "Diagnostics", "JSON", "OCI", "Plans", "Cgroups", "Netlink", "Sandbox", "Planning"),

        program("mvrun", imports: "Runtime", "Options", "OCI", "JSON", "Diagnostics", "Syscalls"),
        program("mvrun-init", imports: "Sandbox", "Diagnostics", "Syscalls"),
        program("mvrun-systemd", imports: "CSystemd", "Syscalls"),

        tests(of: "Syscalls"),
        tests(of: "Diagnostics", imports: "Syscalls"),
        tests(of: "JSON"),
        tests(of: "OCI", imports: "JSON", "Diagnostics"),
        tests(of: "Options", imports: "Diagnostics"),
        tests(of: "Plans"),
        tests(of: "Cgroups", imports: "Plans", "Diagnostics", "Syscalls"),
        tests(of: "Netlink", imports: "CNetlink", "Plans", "Diagnostics", "Syscalls"),
        tests(of: "Sandbox", imports: "Diagnostics", "Plans", "Syscalls"),
        .target(name: "CFilteredChild", dependencies: ["CLinux"], path: "Tests/CFilteredChild"),
        .target(
            name: "FilteredChild", dependencies: ["CFilteredChild", "Plans", "Syscalls"], path: "Tests/FilteredChild"),
        tests(
            of: "Planning", imports: "CLinux", "FilteredChild", "Syscalls", "Diagnostics", "OCI", "Plans", "Cgroups"),
        tests(
            of: "Runtime", imports: "FilteredChild", "Cgroups", "JSON", "Diagnostics", "OCI", "Plans", "Planning",
            "Syscalls"),

        // The tree itself: layers, sizes, documentation, links, and the commands of Rootfs.
        .testTarget(name: "RepositoryTests"),

        // The built programs, driven as a user drives them. These import nothing of the product's.
        .target(name: "CTestSupport", path: "Tests/CTestSupport"),
        .target(name: "TestSupport", dependencies: ["CTestSupport"], path: "Tests/TestSupport"),
        .testTarget(name: "ConformanceTests", dependencies: ["TestSupport"]),

        // What a start costs, against other runtimes. The timer is a program apart and small: its memory is counted too.
        .executableTarget(
            name: "mvrun-bench-timer", path: "Tests/Benchmarks/Timer",
            linkerSettings: [.unsafeFlags(["-static-executable", "-Xlinker", "--gc-sections"])]),
        .executableTarget(
            name: "mvrun-bench", dependencies: ["mvrun-bench-timer"], path: "Tests/Benchmarks",
            exclude: ["Timer", "Limits.json", "link-order.txt", "order-functions"]),
    ]
)
