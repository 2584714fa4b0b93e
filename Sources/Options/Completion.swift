/// Completion scripts for shells, made from the two tables.
package enum Completion: String {
    case bash, zsh, fish

    /// The script.
    package var script: String {
        switch self {
        case .bash: Completion.bashScript
        case .zsh: Completion.zshScript
        case .fish: Completion.fishScript
        }
    }

    private static let containerVerbs = Verb.allCases.filter { verb in
        switch verb.definition.arguments {
        case .exactly(let names), .atLeast(let names, _), .optional(let names, _): names.first == "CONTAINER"
        }
    }.filter { ![Verb.run, .create, .restore].contains($0) }

    private static func spellings(of verb: Verb?) -> [String] {
        OptionTable.all.filter { $0.belongs(to: verb) }.flatMap { option in
            ["--\(option.name)"] + (option.short.map { ["-\($0)"] } ?? [])
        }
    }

    private static func names(_ verbs: VerbSet) -> [String] {
        Verb.allCases.filter { verbs.contains($0) }.map(\.definition.name)
    }

    private static func unique(_ words: [String]) -> [String] {
        words.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    }

    private static func spellings(_ matches: (OptionDefinition) -> Bool) -> String {
        unique(OptionTable.all.filter(matches).map { "--\($0.name)" }).joined(separator: "|")
    }

    // MARK: bash

    private static var bashScript: String {
        var choices = ""
        for option in OptionTable.all {
            guard case .choice(let words) = option.value else { continue }
            let places = option.belongs(to: nil) ? ["*"] : names(option.verbs)
            let pattern = places.map { "\($0):--\(option.name)" }.joined(separator: "|")
            choices += "        \(pattern)) words='\(words.joined(separator: " "))' ;;\n"
        }
        let files = spellings { if case .file = $0.value { true } else { false } }
        let directories = spellings { if case .directory = $0.value { true } else { false } }
        let words = spellings { if case .word = $0.value { true } else { false } }
        let options = Verb.allCases.map { verb in
            "        \(verb.definition.name)) words='\(unique(spellings(of: verb) + spellings(of: nil)).joined(separator: " "))' ;;"
        }.joined(separator: "\n")
        return """
            # bash completion for mvrun
            _mvrun() {
                local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} verb='' words='' word
                for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                    case $word in
                    \(Verb.allCases.map(\.definition.name).joined(separator: "|"))) verb=$word; break ;;
                    esac
                done
                case "$verb:$previous" in
            \(choices)        *) ;;
                esac
                if [[ -n $words ]]; then COMPREPLY=($(compgen -W "$words" -- "$current")); return; fi
                case $previous in
                    \(files)) COMPREPLY=($(compgen -f -- "$current")); return ;;
                    \(directories)) COMPREPLY=($(compgen -d -- "$current")); return ;;
                    \(words)) return ;;
                esac
                case $verb in
                    '') words='\(Verb.allCases.map(\.definition.name).joined(separator: " ")) \(spellings(of: nil).joined(separator: " "))' ;;
            \(options)
                esac
                if [[ $current != -* ]]; then
                    case $verb in
                    \(containerVerbs.map(\.definition.name).joined(separator: "|"))) words=$(mvrun list --quiet 2>/dev/null) ;;
                    completion) words='bash zsh fish' ;;
                    plan|check) COMPREPLY=($(compgen -d -- "$current")); return ;;
                    bundle) COMPREPLY=($(compgen -f -- "$current")); return ;;
                    esac
                fi
                COMPREPLY=($(compgen -W "$words" -- "$current"))
            }
            complete -F _mvrun mvrun

            """
    }

    // MARK: zsh

    private static var zshScript: String {
        let verbs = Verb.allCases.map { "        '\($0.definition.name):\(escaped($0.definition.summary))'" }
        let cases = Verb.allCases.map { verb in
            let options = OptionTable.all.filter { $0.belongs(to: verb) }.flatMap(zshSpecifications)
            let argument =
                containerVerbs.contains(verb) ? "'1:container:($(mvrun list --quiet 2>/dev/null))'" : "'*:file:_files'"
            let lines = (options + [argument]).map { "                \($0)" }.joined(separator: " \\\n")
            return "        \(verb.definition.name))\n            _arguments \\\n\(lines) ;;"
        }
        let global = OptionTable.all.filter { $0.belongs(to: nil) }.flatMap(zshSpecifications)
        return """
            #compdef mvrun
            _mvrun() {
                local state line
                local -a verbs
                verbs=(
            \(verbs.joined(separator: "\n"))
                )
                _arguments -C \\
            \(global.map { "        \($0)" }.joined(separator: " \\\n")) \\
                    '1:command:->verb' '*::argument:->rest'
                case $state in
                verb) _describe command verbs ;;
                rest)
                    case $line[1] in
            \(cases.joined(separator: "\n"))
                    esac ;;
                esac
            }
            _mvrun "$@"

            """
    }

    private static func zshSpecifications(_ option: OptionDefinition) -> [String] {
        let action: String =
            switch option.value {
            case .none: ""
            case .word(let name): ":\(escaped(name)): "
            case .file: ":file:_files"
            case .directory: ":directory:_files -/"
            case .choice(let words): ":value:(\(words.joined(separator: " ")))"
            }
        let help = "[\(escaped(option.help))]\(action)"
        let equals = option.takesValue ? "=" : ""
        return ["'--\(option.name)\(equals)\(help)'"] + (option.short.map { ["'-\($0)\(help)'"] } ?? [])
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, letter in
            switch letter {
            case "'": result += "'\\''"
            case "[", "]", ":": result += "\\\(letter)"
            default: result.append(letter)
            }
        }
    }

    // MARK: fish

    private static var fishScript: String {
        let names = Verb.allCases.map(\.definition.name).joined(separator: " ")
        var lines = ["# fish completion for mvrun", "complete -c mvrun -f"]
        for verb in Verb.allCases {
            lines.append(
                "complete -c mvrun -n 'not __fish_seen_subcommand_from \(names)' -a \(verb.definition.name) -d '\(fishEscaped(verb.definition.summary))'"
            )
        }
        for verb in containerVerbs {
            lines.append(
                "complete -c mvrun -n '__fish_seen_subcommand_from \(verb.definition.name)' -a '(mvrun list --quiet 2>/dev/null)'"
            )
        }
        lines.append("complete -c mvrun -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'")
        for option in OptionTable.all {
            let verbs = Verb.allCases.filter { option.belongs(to: $0) }.map(\.definition.name).joined(separator: " ")
            let condition = option.belongs(to: nil) ? "" : " -n '__fish_seen_subcommand_from \(verbs)'"
            let value: String =
                switch option.value {
                case .none: ""
                case .word: " -x"
                case .file: " -r -F"
                case .directory: " -x -a '(__fish_complete_directories)'"
                case .choice(let words): " -x -a '\(words.joined(separator: " "))'"
                }
            let short = option.short.map { " -s \($0)" } ?? ""
            lines.append(
                "complete -c mvrun\(condition) -l \(option.name)\(short)\(value) -d '\(fishEscaped(option.help))'")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func fishEscaped(_ text: String) -> String {
        text.reduce(into: "") { result, letter in
            if letter == "'" || letter == "\\" { result += "\\" }
            result.append(letter)
        }
    }
}
