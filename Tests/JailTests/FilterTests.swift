import Testing

@testable import Jail

/// What the kernel makes of a filter: the few instructions of classic BPF that filters are made of.
struct FilterMachine {
    private let instructions: [(code: UInt16, ifTrue: Int, ifFalse: Int, operand: UInt32)]

    init(_ bytes: [UInt8]) {
        instructions = stride(from: 0, to: bytes.count, by: 8).map { start in
            let operand = (4..<8).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1 - 4)) }
            return (
                UInt16(bytes[start]) | UInt16(bytes[start + 1]) << 8, Int(bytes[start + 2]), Int(bytes[start + 3]),
                operand
            )
        }
    }

    var count: Int { instructions.count }

    /// The answer to a call; nil for a program that runs out of itself.
    func answer(_ number: UInt32, _ arguments: [UInt64] = [], architecture: UInt32 = 0xC000_003E) -> UInt32? {
        let padded = arguments + [UInt64](repeating: 0, count: 6 - arguments.count)
        var (place, accumulator) = (0, UInt32(0))
        while place < instructions.count {
            let instruction = instructions[place]
            place += 1
            switch instruction.code {
            case 0x20:
                switch instruction.operand {
                case 0: accumulator = number
                case 4: accumulator = architecture
                case let offset where offset >= 16 && offset < 64 && offset % 8 == 0:
                    accumulator = UInt32(truncatingIfNeeded: padded[Int(offset - 16) / 8])
                default: return nil
                }
            case 0x15: place += accumulator == instruction.operand ? instruction.ifTrue : instruction.ifFalse
            case 0x45: place += accumulator & instruction.operand != 0 ? instruction.ifTrue : instruction.ifFalse
            case 0x06: return instruction.operand
            default: return nil
            }
        }
        return nil
    }
}

@Suite struct FilterTests {
    private static let features = JailFeatures(offersVsock: true, hasFileWindow: true)
    private static let (allow, kill): (UInt32, UInt32) = (0x7FFF_0000, 0x8000_0000)

    private func rules(_ kind: ThreadKind) -> [CallRule] {
        ThreadRules.rules(for: kind, Self.features, process: 1)
    }

    private func filter(_ kind: ThreadKind) -> FilterMachine {
        FilterMachine(FilterAssembler.assemble(rules(kind), refusal: .kill))
    }

    @Test(arguments: ThreadKind.allCases) func aFilterAllowsWhatItsRulesAllowAndNothingElse(kind: ThreadKind) throws {
        let (rules, filter) = (rules(kind), filter(kind))
        // The values that any rule knows of, each a bit beside it, and some that none knows.
        var values: Set<UInt32> = [0, 1, 2, 4, 7, .max]
        for test in rules.flatMap(\.tests) {
            switch test.kind {
            case .oneOf(let known): for value in known { values.formUnion([value, value &+ 1, value ^ 0x8000_0000]) }
            case .noneSet(let bits): values.formUnion([bits, ~bits])
            }
        }
        for number in UInt32(0)...600 {
            let own = rules.filter { $0.call.rawValue == number }
            for first in values {
                for second in own.contains(where: { $0.tests.count > 1 }) ? Array(values) : [first] {
                    let arguments = [second, first, second, first, second, first].map { UInt64($0) | 0xAB << 32 }
                    let swapped = Array(arguments.reversed())
                    for list in [arguments, swapped] {
                        let allowed = own.contains { $0.tests.allSatisfy { $0.passes(list) } }
                        #expect(filter.answer(number, list) == (allowed ? Self.allow : Self.kill))
                    }
                    if own.isEmpty { break }
                }
                if own.allSatisfy(\.tests.isEmpty) { break }
            }
        }
    }

    @Test(arguments: ThreadKind.allCases) func callsOfAnotherKindOfProgramAreRefused(kind: ThreadKind) {
        let filter = filter(kind)
        for number in UInt32(0)...600 {
            // i386's int 0x80, and x32's numbers.
            #expect(filter.answer(number, architecture: 0x4000_0003) == Self.kill)
            #expect(filter.answer(number | 0x4000_0000) == Self.kill)
        }
    }

    @Test(arguments: ThreadKind.allCases) func noThreadCanDoWhatTakesAMachineOver(kind: ThreadKind) {
        let filter = filter(kind)
        // execve, execveat, fork, vfork, clone, clone3, ptrace, kill, tkill, mprotect, pkey_mprotect, rt_sigaction, mount, umount2,
        // move_mount, open_tree, pivot_root, chroot, setns, unshare, setuid, setresuid, setgid, prctl, bpf, io_uring_setup, perf_event_open,
        // init_module, finit_module, kexec_load, reboot, userfaultfd, process_vm_writev, memfd_create, open, keyctl, personality, bind, listen
        let forbidden: [UInt32] = [
            59, 322, 57, 58, 56, 435, 101, 62, 200, 10, 329, 13, 165, 166, 429, 428, 155, 161, 308, 272, 105, 117, 106,
            157,
            321, 425, 298, 175, 313, 246, 169, 323, 311, 319, 2, 250, 135, 49, 50,
        ]
        for number in forbidden { #expect(filter.answer(number) == Self.kill, "\(kind): \(number)") }
        // mmap of executable memory, whatever its kind; sockets of other families.
        let executable = (UInt64(0)..<0x40000).filter { filter.answer(9, [0, 4096, 5, $0]) != Self.kill }
        #expect(executable.isEmpty)
        for family in [UInt64(0), 2, 10, 16, 17, 40] { #expect(filter.answer(41, [family, 1, 0]) == Self.kill) }
    }

    @Test func whatIsNotRecordedSaysWhyItIsThere() {
        for kind in ThreadKind.allCases {
            for rule in rules(kind) { #expect(rule.reason.utf8CodeUnitCount > 0, "\(kind): \(rule.call)") }
        }
    }

    @Test func withoutTheFeatureTheCallIsNotAllowed() {
        let rules = ThreadRules.rules(for: .loop, JailFeatures(), process: 1)
        let filter = FilterMachine(FilterAssembler.assemble(rules, refusal: .report))
        #expect(filter.answer(41, [1, 0x80801, 0]) == 0x0003_0000)
        #expect(filter.answer(232) == Self.allow)
    }

    @Test func aSignalGoesToThreadsOfThisProcessAlone() {
        let rules = ThreadRules.rules(for: .loop, JailFeatures(), process: 77)
        let filter = FilterMachine(FilterAssembler.assemble(rules, refusal: .kill))
        #expect(filter.answer(234, [77, 80, 64]) == Self.allow)
        #expect(filter.answer(234, [78, 80, 64]) == Self.kill)
        #expect(filter.answer(234, [77, 80, 9]) == Self.kill)
    }
}
