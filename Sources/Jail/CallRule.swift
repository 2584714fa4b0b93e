/// What a system call's argument must be: a test of its lower 32 bits.
///
/// That is enough for every argument that is tested: the kernel takes them as `int` or `unsigned int`, and of the protection
/// that mmap(2) gets it looks at lower bits alone.
package struct ArgumentTest: Equatable, Sendable {
    /// The kinds of test.
    package enum Kind: Equatable, Sendable {
        /// It is one of these.
        case oneOf([UInt32])
        /// None of these bits is set.
        case noneSet(UInt32)
    }

    /// Which argument, from 0.
    package let argument: Int
    /// What it must be.
    package let kind: Kind

    /// The argument is one of these.
    package static func argument(_ argument: Int, _ values: UInt32...) -> ArgumentTest {
        ArgumentTest(argument: argument, kind: .oneOf(values))
    }

    /// The argument has none of these bits.
    package static func argument(_ argument: Int, without bits: UInt32) -> ArgumentTest {
        ArgumentTest(argument: argument, kind: .noneSet(bits))
    }

    /// Whether an argument passes.
    package func passes(_ arguments: [UInt64]) -> Bool {
        let value = UInt32(truncatingIfNeeded: arguments[argument])
        switch kind {
        case .oneOf(let values): return values.contains(value)
        case .noneSet(let bits): return value & bits == 0
        }
    }
}

/// A system call that a kind of thread may make.
package struct CallRule: Sendable {
    /// The call.
    package let call: SystemCall
    /// All of them must pass.
    package let tests: [ArgumentTest]
    /// What it is for, and for a rule that no recorded run has used why it is there all the same.
    package let reason: StaticString
    /// Whether the runs that were recorded have used it: Tests/JailTests/recorded-calls.txt.
    package let isRecorded: Bool

    /// A rule that recorded runs have used.
    static func allow(_ call: SystemCall, _ tests: ArgumentTest..., for reason: StaticString) -> CallRule {
        CallRule(call: call, tests: tests, reason: reason, isRecorded: true)
    }

    /// A rule that no recorded run has used; the reason says when it will be.
    static func expect(_ call: SystemCall, _ tests: ArgumentTest..., for reason: StaticString) -> CallRule {
        CallRule(call: call, tests: tests, reason: reason, isRecorded: false)
    }
}
