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

/// What is known of a rule's use, from the runs of Tests/Lab/recorded-calls.txt.
package enum CallEvidence: Sendable {
    /// This kind of thread has used it.
    case recorded
    /// Some kind of thread has: it is the C library's or Swift's runtime's, for any thread.
    case shared
    /// No kind has; the rule's reason says when one will.
    case seldom
}

/// A system call that a kind of thread may make.
package struct CallRule: Sendable {
    /// The call.
    package let call: SystemCall
    /// All of them must pass.
    package let tests: [ArgumentTest]
    /// What it is for.
    package let reason: StaticString
    /// Whether it is used.
    package let evidence: CallEvidence

    /// A rule that recorded runs have used.
    static func allow(_ call: SystemCall, _ tests: ArgumentTest..., for reason: StaticString) -> CallRule {
        CallRule(call: call, tests: tests, reason: reason, evidence: .recorded)
    }

    /// A rule for every kind of thread, which some kind has used in recorded runs.
    static func share(_ call: SystemCall, _ tests: ArgumentTest..., for reason: StaticString) -> CallRule {
        CallRule(call: call, tests: tests, reason: reason, evidence: .shared)
    }

    /// A rule that no recorded run has used; the reason says when it will be.
    static func expect(_ call: SystemCall, _ tests: ArgumentTest..., for reason: StaticString) -> CallRule {
        CallRule(call: call, tests: tests, reason: reason, evidence: .seldom)
    }
}
