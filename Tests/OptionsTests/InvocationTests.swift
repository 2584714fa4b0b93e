import Diagnostics
import Testing

@testable import Options

@Suite struct InvocationTests {
    // MARK: Bad input first

    @Test func anUnknownCommandNamesTheNearestOne() {
        #expect {
            _ = try Invocation(parsing: ["satrt", "web"])
        } throws: { error in
            let error = error as? RuntimeError
            return error?.kind == .usage && error?.description == "\"satrt\" is not a command"
                && error?.hint == "did you mean start?"
        }
    }

    @Test func anUnknownOptionNamesTheNearestOne() {
        #expect {
            _ = try Invocation(parsing: ["create", "--pidfile", "x", "web"])
        } throws: { error in
            let error = error as? RuntimeError
            return error?.description == "create: there is no option --pidfile"
                && error?.hint == "did you mean --pid-file?"
        }
    }

    @Test func anOptionOfACommandIsNotTakenBeforeIt() {
        #expect {
            _ = try Invocation(parsing: ["--bundle", "b", "create", "web"])
        } throws: { error in
            (error as? RuntimeError)?.hint == "--bundle belongs behind the command"
        }
    }

    @Test(arguments: [
        (["create"], "create: the container's id is missing"),
        (["create", "a", "b"], "create: \"b\" is one argument too many"),
        (["create", "web", "--pid-file"], "--pid-file needs a value"),
        (["list", "--format", "yaml"], "--format: \"yaml\" is not one of table, json"),
        (["run", "--detach=maybe", "web"], "--detach: \"maybe\" is neither true nor false"),
        (["--log-format=xml", "list"], "--log-format: \"xml\" is not one of text, json"),
        (["start", "-x", "web"], "start: there is no option -x"),
    ]) func aWrongLineSaysWhatIsWrong(words: [String], message: String) {
        #expect { _ = try Invocation(parsing: words) } throws: { "\($0)" == message }
    }

    @Test func aNumberThatIsNoneNamesItsOption() throws {
        let invocation = try Invocation(parsing: ["run", "--preserve-fds", "two", "web"])
        #expect { _ = try invocation.integer(.preserveFds, as: Int.self) } throws: {
            "\($0)" == "--preserve-fds: \"two\" is not a whole number"
        }
    }

    // MARK: Spellings

    @Test(arguments: [
        ["create", "--bundle", "/b", "web"], ["create", "--bundle=/b", "web"], ["create", "-b", "/b", "web"],
        ["create", "-b/b", "web"], ["create", "-b=/b", "web"], ["create", "web", "--bundle", "/b"],
        ["create", "-bundle", "/b", "web"], ["create", "-bundle=/b", "web"], ["create", "--bundle", "/b", "--", "web"],
    ]) func everySpellingOfAnOptionMeansTheSame(words: [String]) throws {
        let invocation = try Invocation(parsing: words)
        #expect(invocation.verb == .create)
        #expect(invocation.value(.bundle) == "/b")
        #expect(invocation.arguments == ["web"])
    }

    @Test func lettersCluster() throws {
        let invocation = try Invocation(parsing: ["exec", "-dt", "-eA=1", "-e", "B=2", "web", "sh", "-c", "ls -l"])
        #expect(invocation.has(.detach) && invocation.has(.tty))
        #expect(invocation.values(.env) == ["A=1", "B=2"])
        #expect(invocation.arguments == ["web", "sh", "-c", "ls -l"])
    }

    @Test func whatFollowsTheContainerOfExecIsTheCommands() throws {
        let plain = try Invocation(parsing: ["exec", "web", "ls", "--tty", "--", "-a"])
        #expect(plain.arguments == ["web", "ls", "--tty", "--", "-a"])
        #expect(!plain.has(.tty))
        let dashed = try Invocation(parsing: ["exec", "web", "--", "ls", "-a"])
        #expect(dashed.arguments == ["web", "ls", "-a"])
    }

    @Test func aFlagCanBeTakenBack() throws {
        #expect(try !Invocation(parsing: ["run", "--detach", "--detach=false", "web"]).has(.detach))
        #expect(try Invocation(parsing: ["run", "--detach=true", "web"]).has(.detach))
    }

    @Test func aValueMayLookLikeAnOption() throws {
        let invocation = try Invocation(parsing: ["update", "--memory-swap", "-1", "--resources", "-", "web"])
        #expect(try invocation.integer(.memorySwap, as: Int64.self) == -1)
        #expect(invocation.value(.resources) == "-")
    }

    @Test func globalOptionsStandOnBothSidesOfTheCommand() throws {
        // podman's --runtime-flag comes before the command.
        for words in [["--clamp-rlimits", "create", "web"], ["create", "--clamp-rlimits", "web"]] {
            #expect(try Invocation(parsing: words).has(.clampRlimits))
        }
        for words in [["--root", "/r", "--debug", "state", "web"], ["state", "--root=/r", "--debug", "web"]] {
            let invocation = try Invocation(parsing: words)
            #expect(invocation.value(.root) == "/r")
            #expect(invocation.has(.debug))
        }
    }

    @Test func rootlessMeansOneThingBeforeSpecAndAnotherBehindIt() throws {
        let before = try Invocation(parsing: ["--rootless", "true", "spec"])
        #expect(before.value(.rootless) == "true" && !before.has(.forRootless))
        let behind = try Invocation(parsing: ["spec", "--rootless"])
        #expect(behind.value(.rootless) == nil && behind.has(.forRootless))
    }

    @Test func helpNeedsNoArguments() throws {
        #expect(try Invocation(parsing: ["create", "--help"]).has(.help))
        #expect(try Invocation(parsing: ["--version"]).verb == nil)
    }

    // MARK: What engines pass

    @Test(arguments: [
        "--root /r --log /l --log-format json --systemd-cgroup create --bundle B --pid-file P --console-socket S --no-pivot --no-new-keyring ID",
        "--log-format=json --log oci-log --cgroup-manager disabled create --bundle DIR --pid-file F --preserve-fds 2 ID",
        "exec --process F --console-socket S --detach --pid-file F ID", "kill --all ID 9", "kill ID 15",
        "update --resources=- ID", "ps --format json ID", "delete --force ID", "run --keep --no-subreaper -d ID",
        "checkpoint --image-path I --work-path W --leave-running --tcp-established --file-locks --ext-unix-sk --shell-job ID",
        "restore --bundle B --pid-file P --detach --image-path I --work-path W --no-subreaper ID",
        "--root R events --stats --interval 1s ID", "spec --rootless --bundle=B", "delete --regex we.*",
        "exec --cap CAP_KILL --cgroup sub --ignore-paused --user 1:2 --cwd / --env A=b --additional-gids 3 ID true",
        "create --pidfd-socket S ID", "run --config F -b B ID",
    ]) func theLinesOfEnginesAreUnderstood(line: String) throws {
        let invocation = try Invocation(parsing: line.split(separator: " ").map(String.init))
        #expect(invocation.verb != nil)
    }
}

@Suite struct OptionTableTests {
    @Test func noVerbHasAnOptionTwice() {
        for verb in Verb.allCases {
            let own = OptionTable.all.filter { $0.belongs(to: verb) }
            #expect(Set(own.map(\.name)).count == own.count, "\(verb)")
            #expect(Set(own.compactMap(\.short)).count == own.compactMap(\.short).count, "\(verb)")
        }
    }

    @Test func theTableOfVerbsIsInTheOrderOfTheEnumeration() {
        #expect(VerbDefinition.all.map(\.name) == Verb.allCases.map { "\($0)" })
    }

    @Test func everyOptionBelongsSomewhere() {
        #expect(OptionTable.all.allSatisfy { !$0.verbs.isEmpty && !$0.help.isEmpty })
    }

    @Test func helpNamesEveryOption() {
        let text = Help.text + Verb.allCases.map { Help.text(of: $0) }.joined()
        for option in OptionTable.all { #expect(text.contains("--\(option.name)")) }
    }

    @Test(arguments: [Completion.bash, .zsh, .fish]) func completionsNameEveryVerbAndOption(shell: Completion) {
        let script = shell.script
        for verb in Verb.allCases { #expect(script.contains(verb.definition.name)) }
        for option in OptionTable.all {
            #expect(script.contains(shell == .fish ? "-l \(option.name)" : "--\(option.name)"))
        }
    }

    @Test(arguments: [
        ("start", "start", 0), ("satrt", "start", 1), ("stat", "state", 1), ("", "ps", 2), ("kill", "list", 3),
    ])
    func distanceCountsTypingErrors(left: String, right: String, expected: Int) {
        #expect(distance(left, right) == expected)
    }
}
