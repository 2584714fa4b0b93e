import Foundation
import Glibc

/// The view of cgroups that all runtimes are measured in.
enum CgroupView {
    /// Set in the environment once the view is made.
    private static let mark = "MVRUN_BENCH_VIEW"

    /// Starts this program again in a mount namespace where cgroups are not hybrid; returns where they are not.
    ///
    /// crun refuses a machine that has controllers in v1 hierarchies and in the v2 one, so the v2 one is unmounted for
    /// all. Nothing outside the namespace changes.
    static func enter() throws {
        guard getenv(mark) == nil, let unified = hybridMount() else { return }
        setenv(mark, "1", 1)
        let command =
            [
                "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
                "umount \"$0\" && exec \"$@\"", unified,
                try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
            ] + CommandLine.arguments.dropFirst()
        var arguments = command.map { strdup($0) } + [nil]
        execv(command[0], &arguments)
        throw Failure("\(command[0]): \(String(cString: strerror(errno)))")
    }

    /// Where the v2 hierarchy is mounted beside v1 ones.
    private static func hybridMount() -> String? {
        guard let text = try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8) else { return nil }
        var places: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let halves = line.split(separator: " - ", maxSplits: 1)
            guard halves.count == 2, let kind = halves[1].split(separator: " ").first, kind.hasPrefix("cgroup") else {
                continue
            }
            let fields = halves[0].split(separator: " ")
            if fields.count > 4 { places[String(kind)] = String(fields[4]) }
        }
        return places["cgroup"] == nil ? nil : places["cgroup2"]
    }
}
