/// Makes a seccomp filter of rules: a list of comparisons in classic BPF, which allows what a rule allows and answers
/// everything else with the one answer it is told.
///
/// A number of another architecture, and one of the x32 kind, which is a large number of this one, is compared with the same
/// few numbers and so falls through as well.
package enum FilterAssembler {
    /// What a call gets that no rule allows.
    package enum Refusal: UInt32, Sendable {
        /// SECCOMP_RET_KILL_PROCESS.
        case kill = 0x8000_0000
        /// SECCOMP_RET_TRAP: a signal, whose handler says which call it was.
        case report = 0x0003_0000
    }

    /// SECCOMP_RET_ALLOW.
    package static let allowed: UInt32 = 0x7FFF_0000
    /// AUDIT_ARCH_X86_64.
    package static let architecture: UInt32 = 0xC000_003E

    // linux/bpf_common.h: BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_JMP | BPF_JSET | BPF_K, BPF_RET | BPF_K.
    private static let (load, ifEqual, ifAnySet, answer): (UInt16, UInt16, UInt16, UInt16) = (0x20, 0x15, 0x45, 0x06)
    // struct seccomp_data: the call's number, the architecture, then the instruction pointer, then six arguments.
    private static let (numberOffset, architectureOffset, argumentsOffset): (UInt32, UInt32, UInt32) = (0, 4, 16)

    private struct Instruction {
        var code: UInt16
        var ifTrue = 0
        var ifFalse = 0
        var operand: UInt32
    }

    /// The filter, 8 bytes to an instruction.
    ///
    /// - Parameters:
    ///   - rules: what is allowed, what comes most often first; the rules of one call need not stand together.
    ///   - refusal: what everything else gets.
    package static func assemble(_ rules: [CallRule], refusal: Refusal) -> [UInt8] {
        let refuse = Instruction(code: answer, operand: refusal.rawValue)
        var code = [
            Instruction(code: load, operand: architectureOffset),
            Instruction(code: ifEqual, ifTrue: 1, operand: architecture), refuse,
            Instruction(code: load, operand: numberOffset),
        ]
        var seen: Set<SystemCall> = []
        for rule in rules where seen.insert(rule.call).inserted {
            let same = rules.filter { $0.call == rule.call }
            var body = same.flatMap(alternative)
            // The number is not in the accumulator any more: what none of these allows is refused here.
            if !same.contains(where: \.tests.isEmpty) { body.append(refuse) }
            code.append(Instruction(code: ifEqual, ifFalse: body.count, operand: rule.call.rawValue))
            code += body
        }
        code.append(refuse)
        return bytes(code)
    }

    /// One rule of a call whose number has been compared: it allows, or is passed over.
    private static func alternative(_ rule: CallRule) -> [Instruction] {
        var code = [Instruction(code: answer, operand: allowed)]
        for test in rule.tests.reversed() {
            let over = code.count
            var block = [Instruction(code: load, operand: argumentsOffset + 8 * UInt32(test.argument))]
            switch test.kind {
            case .oneOf(let values):
                for (index, value) in values.enumerated() {
                    let left = values.count - 1 - index
                    block.append(
                        Instruction(code: ifEqual, ifTrue: left, ifFalse: left == 0 ? over : 0, operand: value))
                }
            case .noneSet(let bits):
                block.append(Instruction(code: ifAnySet, ifTrue: over, operand: bits))
            }
            code = block + code
        }
        return code
    }

    /// `struct sock_filter`, one behind the other.
    private static func bytes(_ code: [Instruction]) -> [UInt8] {
        code.flatMap { instruction in
            precondition(instruction.ifTrue < 256 && instruction.ifFalse < 256, "the rules of a call fit a jump")
            let head = [
                UInt8(truncatingIfNeeded: instruction.code), UInt8(truncatingIfNeeded: instruction.code >> 8),
                UInt8(instruction.ifTrue), UInt8(instruction.ifFalse),
            ]
            return head + (0..<4).map { UInt8(truncatingIfNeeded: instruction.operand >> (8 * $0)) }
        }
    }
}
