/// What mvrun can be asked to do: the first word of its command line that is not an option.
package enum Verb: UInt8, CaseIterable, Sendable {
    case run, create, start, state, kill, delete, exec, ps, list, pause, resume, update, events, spec, bundle, features
    case console, dmesg, checkpoint, restore, plan, check, doctor, gc, completion, version, help

    /// The verb of a name; nil of another one.
    package init?(name: String) {
        guard let verb = Verb.allCases.first(where: { $0.definition.name == name }) else { return nil }
        self = verb
    }

    /// What the verb takes and does.
    package var definition: VerbDefinition {
        VerbDefinition.all[Int(rawValue)]
    }
}

/// One row of the table of verbs.
package struct VerbDefinition: Sendable {
    /// How many words a verb takes behind its options.
    package enum Arguments: Sendable {
        /// Exactly these, each named as in the usage line.
        case exactly([String])
        /// The first ones, and perhaps more, named as in the usage line.
        case atLeast([String], more: String)
        /// The first ones, and perhaps one more.
        case optional([String], last: String)
    }

    /// The verb as it is typed.
    package let name: String
    /// What it takes.
    package let arguments: Arguments
    /// What it does, in a few words.
    package let summary: String
    /// Whether everything behind the first argument belongs to somebody else: a command, or options of ps(1).
    package let stopsAtFirstArgument: Bool
    /// The option with which its arguments may be left out, and a command may follow them behind `--`.
    let commandOption: OptionKey?

    init(
        _ name: String, _ arguments: Arguments, _ summary: String, stopsAtFirstArgument: Bool = false,
        takesCommandWith commandOption: OptionKey? = nil
    ) {
        self.name = name
        self.arguments = arguments
        self.summary = summary
        self.stopsAtFirstArgument = stopsAtFirstArgument
        self.commandOption = commandOption
    }

    /// All verbs, in the order of `Verb`.
    static let all: [VerbDefinition] = [
        VerbDefinition(
            "run", .exactly(["CONTAINER"]), "create and start a container, wait for it, and delete it",
            takesCommandWith: .image),
        VerbDefinition("create", .exactly(["CONTAINER"]), "create a container without starting its program"),
        VerbDefinition("start", .exactly(["CONTAINER"]), "start the program of a created container"),
        VerbDefinition("state", .exactly(["CONTAINER"]), "print a container's state as JSON"),
        VerbDefinition("kill", .optional(["CONTAINER"], last: "SIGNAL"), "send a signal to a container (default TERM)"),
        VerbDefinition("delete", .exactly(["CONTAINER"]), "remove what is left of a container"),
        VerbDefinition(
            "exec", .atLeast(["CONTAINER"], more: "COMMAND"), "run another program in a container",
            stopsAtFirstArgument: true),
        VerbDefinition(
            "ps", .atLeast(["CONTAINER"], more: "PS-OPTION"), "list a container's processes",
            stopsAtFirstArgument: true),
        VerbDefinition("list", .exactly([]), "list the containers"),
        VerbDefinition("pause", .exactly(["CONTAINER"]), "freeze a container's processes"),
        VerbDefinition("resume", .exactly(["CONTAINER"]), "let a paused container's processes go on"),
        VerbDefinition("update", .exactly(["CONTAINER"]), "change a container's resource limits"),
        VerbDefinition("events", .exactly(["CONTAINER"]), "print a container's statistics and memory events"),
        VerbDefinition("spec", .exactly([]), "write a config.json to start from"),
        VerbDefinition("bundle", .exactly(["IMAGE", "DIR"]), "make a bundle of an image"),
        VerbDefinition("features", .exactly([]), "print what of the runtime specification is supported, as JSON"),
        VerbDefinition("console", .exactly(["CONTAINER"]), "print the log of a virtual machine's kernel"),
        VerbDefinition("dmesg", .exactly(["CONTAINER"]), "print what the kernel of a virtual machine remembers"),
        VerbDefinition("checkpoint", .exactly(["CONTAINER"]), "save a running container to disk with CRIU"),
        VerbDefinition("restore", .exactly(["CONTAINER"]), "make a container from a checkpoint"),
        VerbDefinition("plan", .optional([], last: "BUNDLE"), "print each step that run would perform, in order"),
        VerbDefinition(
            "check", .optional([], last: "BUNDLE"), "say for each field of a config.json what becomes of it"),
        VerbDefinition("doctor", .exactly([]), "say what this host can run, and how to get what is missing"),
        VerbDefinition("gc", .exactly([]), "remove what killed runtimes left behind"),
        VerbDefinition("completion", .exactly(["bash|zsh|fish"]), "print a completion script for a shell"),
        VerbDefinition("version", .exactly([]), "print the version"),
        VerbDefinition("help", .optional([], last: "COMMAND"), "print help"),
    ]
}

/// A set of verbs.
package struct VerbSet: OptionSet, Sendable {
    /// A bit for each verb; the highest one stands for the place before the verb.
    package let rawValue: UInt32

    /// Wraps bits.
    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    init(_ verbs: Verb...) {
        rawValue = verbs.reduce(0) { $0 | 1 << UInt32($1.rawValue) }
    }

    /// Options of mvrun itself: before the verb, or behind it where the verb has none of the same name.
    static let global = VerbSet(rawValue: 1 << 31)

    func contains(_ verb: Verb) -> Bool {
        rawValue & 1 << UInt32(verb.rawValue) != 0
    }
}
