import Diagnostics
import Plans
import Syscalls
import Testing

@testable import Sandbox

@Suite struct HookTests {
    private func hook(_ script: String, timeout: Int? = nil, environment: [String]? = nil) -> HookStep {
        HookStep(
            list: "createRuntime", index: 2, path: "/bin/sh", arguments: ["sh", "-c", script], environment: environment,
            timeoutSeconds: timeout)
    }

    @Test(arguments: [
        ("echo one; echo oops >&2; exit 3", "exited with status 3, its last words: one | oops"),
        ("exit 7", "exited with status 7, without a word"),
        ("kill -TERM $$", "was killed by signal 15, without a word"),
    ]) func aFailedHookIsNamedWithItsStatusAndItsLastWords(script: String, reason: String) {
        #expect { try runHook(hook(script), state: "{}") } throws: {
            "\($0)" == "hooks.createRuntime[2]: /bin/sh \(reason)"
        }
    }

    @Test func aMissingHookIsNamed() {
        let missing = HookStep(
            list: "poststop", index: 0, path: "/no/such/hook", arguments: [], environment: [], timeoutSeconds: nil)
        #expect { try runHook(missing, state: "{}") } throws: {
            "\($0)" == "hooks.poststop[0]: execve(/no/such/hook): no such file or directory"
        }
    }

    @Test func aHookThatTakesTooLongIsKilled() {
        let start = monotonicMilliseconds()
        #expect { try runHook(hook("echo waiting; exec sleep 60", timeout: 1), state: "{}") } throws: {
            "\($0)" == "hooks.createRuntime[2]: /bin/sh did not end within 1 s and was killed, its last words: waiting"
        }
        #expect(monotonicMilliseconds() - start < 20_000)
    }

    @Test func aHookFindsTheStateOnItsStandardInput() throws {
        let state = String(repeating: "x", count: 200_000)
        try runHook(hook("test $(wc -c < /dev/stdin) = 200000"), state: state)
        // One that does not read is no worse for it.
        try runHook(hook("true"), state: state)
    }

    @Test func aHookHasItsEnvironmentAlone() throws {
        try runHook(hook("test \"$A\" = 1 && test -z \"$HOME\"", environment: ["A=1"]), state: "")
    }

    @Test func aProgramLeftInTheBackgroundIsNotWaitedFor() throws {
        let start = monotonicMilliseconds()
        try runHook(hook("sleep 30 & exit 0"), state: "")
        #expect(monotonicMilliseconds() - start < 20_000)
    }

    @Test func onlyTheEndOfALongOutputIsKept() {
        #expect { try runHook(hook("seq 100000; exit 1"), state: "") } throws: {
            "\($0)".hasSuffix("its last words: 99996 | 99997 | 99998 | 99999 | 100000")
        }
    }

    @Test func hooksBehindAFailedOneDoNotRun() throws {
        let path = "/tmp/mvrun-hook-test.\(currentProcess())"
        #expect(throws: RuntimeError.self) { try runHooks([hook("exit 1"), hook("touch \(path)")], state: "") }
        #expect(!exists(path))
    }
}
