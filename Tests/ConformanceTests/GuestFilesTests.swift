import Foundation
import TestSupport
import Testing

/// What programs that live on files leave behind in a share: the same bytes as on the host.
///
/// The guest has the host's programs, read-only, and works in a directory that has the same path as on the host, so that
/// nothing that a compiler or git writes down may differ. `make test-lab` runs these in the machine of Tests/Lab where the
/// host's own KVM cannot boot a kernel.
@Suite(.serialized, .requires(.root, .mvrun, .bootingKVM, .guestKernel)) struct GuestFilesTests {
    /// A project of twelve modules, a library, a program that uses it, and what else a tree may hold; a git repository.
    private static let project = """
        mkdir project && cd project
        for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
            printf '#include "all.h"\\nint part_%s(int x)\\n{\\n    return x * %s + (int)sizeof(__FILE__);\\n}\\n' $n $n \\
                > part_$n.c
            echo "int part_$n(int x);" >> all.h
        done
        {
            echo '#include <stdio.h>'; echo '#include "all.h"'; echo 'int main(void)'; echo '{'; echo '    int sum = 0;'
            for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "    sum = part_$n(sum % 9973);"; done
            echo '    return printf("%d ", sum) < 0;'; echo '}'
        } > main.c
        printf 'parts := $(patsubst %%.c,%%.o,$(sort $(wildcard part_*.c)))\\nCFLAGS := -O2 -g\\n' > Makefile
        printf 'program: main.o libparts.a\\n\\t$(CC) -o $@ $^\\nlibparts.a: $(parts)\\n\\t$(AR) rcsD $@ $^\\n' >> Makefile
        printf '$(parts) main.o: all.h\\n' >> Makefile
        mkdir -p deep/er/still 'with a space'
        seq 20000 > deep/er/numbers; ln -s ../deep/er/numbers 'with a space/link'; printf 'ä\\n' > 'with a space/ünïcode'
        git init --quiet && git add . && git commit --quiet --message first
        for n in 1 2 3; do seq $((n * 1000)) > deep/er/numbers; git commit --quiet --all --message "change $n"; done
        """

    /// What is done to it; what it prints has to be the same everywhere.
    private static let work = """
        git clone --quiet "file://$PWD/project" clone
        make --silent -C clone
        clone/program
        git -C clone status --porcelain
        git -C clone fsck --strict 2>&1
        git -C clone log --format=%H
        git -C clone checkout --quiet --detach HEAD~2 && git -C clone checkout --quiet -

        mkdir tree && cd tree
        cp -r ../clone/deep . && mkdir empty && : > nothing && mkfifo pipe && chmod 600 nothing
        ln deep/er/numbers again && ln -s missing dangling && printf x > set && chmod 6755 set
        truncate -s 3000000 sparse && printf end >> sparse
        cd ..
        tar --create --sort=name --mtime=@1000000000 --sparse --file tree.tar tree
        mkdir untarred && tar --extract --preserve-permissions --file tree.tar --directory untarred
        tar --compare --file tree.tar --directory untarred
        rsync --archive --hard-links --sparse untarred/tree/ copied
        rsync --archive --hard-links --checksum --dry-run --itemize-changes untarred/tree/ copied
        printf changed >> untarred/tree/again && rm untarred/tree/nothing
        rsync --archive --hard-links --sparse --delete --itemize-changes untarred/tree/ copied
        stat --format '%n %h %s %a' copied/again copied/deep/er/numbers copied/sparse
        """

    /// Everything below the directory: kinds, modes, owners, links, sizes of files, and digests.
    ///
    /// What git's index keeps is times and numbers of inodes.
    private static let listing = """
        find . ! -name index ! -type d -printf '%p %y %m %U:%G %n %s %l\\n' | LC_ALL=C sort
        find . -type d -printf '%p %m %U:%G %n\\n' | LC_ALL=C sort
        find . -type f ! -name index -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
        """

    private static let environment = [
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nowhere", "LC_ALL": "C.UTF-8", "TZ": "UTC",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_AUTHOR_DATE": "@1000000000 +0000",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_COMMITTER_DATE": "@1000000000 +0000",
        "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "pack.threads", "GIT_CONFIG_VALUE_0": "1",
        "GIT_CONFIG_KEY_1": "init.defaultBranch", "GIT_CONFIG_VALUE_1": "main",
    ]

    /// A bundle that sees the host's programs, and a directory at its own path.
    private func bundle(workingIn directory: String) throws -> TemporaryBundle {
        let bundle = try TemporaryBundle()
        for path in ["/bin", "/lib", "/lib64", "/usr", "/etc"] {
            try? FileManager.default.removeItem(atPath: bundle.rootfs + path)
            if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) {
                try makeLink(at: bundle.rootfs + path, to: target)
            } else if FileManager.default.fileExists(atPath: path) {
                bundle.spec.mount(path, type: "bind", source: path, options: ["bind", "ro"])
            }
        }
        bundle.spec.mount(directory, type: "bind", source: directory, options: ["bind", "rw"])
        bundle.spec.process.cwd = .string(directory)
        bundle.spec.process.env = JSON(Self.environment.map { "\($0.key)=\($0.value)" }.sorted())
        bundle.spec.vm = ["hwConfig": ["memory": 536_870_912]]
        return bundle
    }

    @Test(.requires(.program("gcc"), .program("git"), .program("make"), .program("rsync"), .program("tar")))
    func aProjectIsClonedBuiltPackedAndCopiedToTheSameBytesAsOnTheHost() throws {
        let directory = NSTemporaryDirectory() + "mvt-files-\(getpid())"
        let files = FileManager.default
        defer { try? files.removeItem(atPath: directory) }
        func onHost(_ script: String) throws -> String {
            let outcome = try ChildProcess.run(
                ["sh", "-euc", script], environment: Self.environment, directory: directory, timeout: 300)
            try #require(outcome.succeeded, "\(outcome)")
            return outcome.output
        }
        func begin() throws { try files.createDirectory(atPath: directory, withIntermediateDirectories: false) }

        try begin()
        _ = try onHost(Self.project)
        let said = try onHost(Self.work)
        let tree = try onHost(Self.listing)
        #expect(tree.contains("./clone/program") && tree.contains("./copied/again"), "\(tree)")
        try files.removeItem(atPath: directory)

        try begin()
        let bundle = try bundle(workingIn: directory)
        let script = Self.project + "\ncd ..\n" + Self.work + "\necho listing\n" + Self.listing
        bundle.spec.process.args = ["/bin/sh", "-euc", .string(script)]
        try bundle.writeConfiguration()
        let outcome = try bundle.call(
            ["run", "--isolation", "vm", "--bundle", bundle.directory, bundle.identifier], timeout: 1200)
        #expect(outcome.succeeded, "\(outcome)")
        // The guest sees what the host has seen, and the host sees it in what the guest has left.
        expectSame(outcome.output, said + "listing\n" + tree)
        expectSame(try onHost(Self.listing), tree)
    }

    private func expectSame(_ found: String, _ expected: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let difference = found.split(separator: "\n").difference(from: expected.split(separator: "\n"))
        let lines = difference.prefix(20).map { change in
            switch change {
            case .insert(_, let line, _): "+ \(line)"
            case .remove(_, let line, _): "- \(line)"
            }
        }
        #expect(lines.isEmpty, "\(lines.joined(separator: "\n"))", sourceLocation: sourceLocation)
    }
}
