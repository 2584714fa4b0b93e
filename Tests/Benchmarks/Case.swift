/// Something that every runtime does, and is measured at.
struct Case {
    /// The name, as the table and the ceilings have it.
    let name: String
    /// What the measured commands are, for a runtime and a container of this name.
    let commands: (_ runtime: [String], _ container: String) -> [[String]]
    /// Whether a container runs meanwhile, which the commands are about.
    var needsContainer = false
    /// Whether one command's system calls are counted too.
    var countsSystemCalls = false

    /// All of them.
    static func all(bundles: [String: Bundle]) -> [Case] {
        func path(_ name: String) -> String { bundles[name]?.path ?? name }
        func run(_ name: String, of bundle: String) -> Case {
            Case(
                name: name,
                commands: { runtime, container in [runtime + ["run", "--bundle", path(bundle), container]] },
                countsSystemCalls: true)
        }
        return [
            run("run", of: "plain"),
            run("run, network namespace", of: "network"),
            run("run, Docker's seccomp profile", of: "seccomp"),
            Case(
                name: "create, start, delete",
                commands: { runtime, container in
                    [
                        runtime + ["create", "--bundle", path("plain"), container], runtime + ["start", container],
                        // As an engine does it: the container is deleted when its process has ended.
                        ["@wait"], runtime + ["delete", container],
                    ]
                }),
            Case(
                name: "exec", commands: { runtime, container in [runtime + ["exec", container, "/bin/true"]] },
                needsContainer: true, countsSystemCalls: true),
            Case(
                name: "state", commands: { runtime, container in [runtime + ["state", container]] },
                needsContainer: true,
                countsSystemCalls: true),
            Case(name: "--version", commands: { runtime, _ in [[runtime[0], "--version"]] }),
        ]
    }
}
