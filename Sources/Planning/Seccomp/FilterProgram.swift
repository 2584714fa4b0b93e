package import Plans

/// One instruction of classic BPF, `struct sock_filter`.
package struct FilterInstruction: Equatable, Sendable {
    /// Class, mode and operation.
    package let code: UInt16
    /// How many instructions a true comparison skips.
    package let jumpTrue: UInt8
    /// How many instructions a false comparison skips.
    package let jumpFalse: UInt8
    /// The operand.
    package let operand: UInt32

    /// Wraps an instruction.
    package init(code: UInt16, jumpTrue: UInt8 = 0, jumpFalse: UInt8 = 0, operand: UInt32) {
        self.code = code
        self.jumpTrue = jumpTrue
        self.jumpFalse = jumpFalse
        self.operand = operand
    }

    /// The operations that seccomp filters are made of, as linux/bpf_common.h numbers them.
    enum Code {
        /// BPF_LD | BPF_W | BPF_ABS: a word of `struct seccomp_data`.
        static let load: UInt16 = 0x20
        /// BPF_ALU | BPF_AND | BPF_K.
        static let and: UInt16 = 0x54
        /// BPF_JMP | BPF_JA.
        static let jump: UInt16 = 0x05
        /// BPF_JMP | BPF_JEQ | BPF_K.
        static let jumpIfEqual: UInt16 = 0x15
        /// BPF_JMP | BPF_JGT | BPF_K.
        static let jumpIfGreater: UInt16 = 0x25
        /// BPF_JMP | BPF_JGE | BPF_K.
        static let jumpIfGreaterOrEqual: UInt16 = 0x35
        /// BPF_JMP | BPF_JSET | BPF_K.
        static let jumpIfAnySet: UInt16 = 0x45
        /// BPF_RET | BPF_K.
        static let answer: UInt16 = 0x06
    }

    static func load(_ offset: UInt32) -> FilterInstruction {
        FilterInstruction(code: Code.load, operand: offset)
    }

    static func jump(_ distance: Int) -> FilterInstruction {
        FilterInstruction(code: Code.jump, operand: UInt32(distance))
    }

    static func ifEqual(_ value: UInt32, skip: UInt8, else skipElse: UInt8) -> FilterInstruction {
        FilterInstruction(code: Code.jumpIfEqual, jumpTrue: skip, jumpFalse: skipElse, operand: value)
    }

    static func ifGreater(_ value: UInt32, skip: UInt8, else skipElse: UInt8) -> FilterInstruction {
        FilterInstruction(code: Code.jumpIfGreater, jumpTrue: skip, jumpFalse: skipElse, operand: value)
    }

    static func ifAnySet(_ bits: UInt32, skip: UInt8, else skipElse: UInt8) -> FilterInstruction {
        FilterInstruction(code: Code.jumpIfAnySet, jumpTrue: skip, jumpFalse: skipElse, operand: bits)
    }

    static func answer(_ action: SeccompAction) -> FilterInstruction {
        FilterInstruction(code: Code.answer, operand: action.returnValue)
    }
}

/// What a filter looks at, `struct seccomp_data`: one system call as a program makes it.
package struct SyscallAttempt: Equatable, Sendable {
    /// The calling convention, an AUDIT_ARCH_* value.
    package var architecture: UInt32
    /// The number; x32 has bit 30 set.
    package var number: UInt32
    /// Where the call was made.
    package var instructionPointer: UInt64
    /// The six argument registers.
    package var arguments: [UInt64]

    /// Describes a call.
    package init(architecture: UInt32, number: UInt32, instructionPointer: UInt64 = 0, arguments: [UInt64] = []) {
        self.architecture = architecture
        self.number = number
        self.instructionPointer = instructionPointer
        self.arguments = arguments
    }

    /// Where the number stands in `struct seccomp_data`.
    static let numberOffset: UInt32 = 0
    /// Where the calling convention stands.
    static let architectureOffset: UInt32 = 4
    /// How long the structure is.
    static let size: UInt32 = 64

    /// Where the low word of an argument stands on a little-endian machine; the high word follows.
    static func argumentOffset(_ index: UInt32) -> UInt32 { 16 + 8 * index }

    /// The word at an offset, or nil where the kernel's checker would have refused the load.
    func word(at offset: UInt32) -> UInt32? {
        guard offset < Self.size, offset % 4 == 0 else { return nil }
        switch offset {
        case Self.numberOffset: return number
        case Self.architectureOffset: return architecture
        default:
            let index = Int(offset / 8) - 2
            let value = index < 0 ? instructionPointer : (index < arguments.count ? arguments[index] : 0)
            return UInt32(truncatingIfNeeded: offset % 8 == 0 ? value : value >> 32)
        }
    }
}

/// A seccomp filter as instructions: what the kernel runs at every system call.
package struct FilterProgram: Equatable, Sendable {
    /// The instructions, in order; every jump goes forward.
    package var instructions: [FilterInstruction]

    /// BPF_MAXINSNS: the kernel takes no longer program.
    package static let longest = 4096

    /// Wraps instructions.
    package init(_ instructions: [FilterInstruction]) {
        self.instructions = instructions
    }

    /// Reads instructions as the kernel takes them, in this machine's byte order.
    ///
    /// - Parameter bytes: 8 bytes an instruction; nil where that does not come out even.
    package init?(bytes: [UInt8]) {
        guard bytes.count % 8 == 0 else { return nil }
        var decoded: [FilterInstruction] = []
        decoded.reserveCapacity(bytes.count / 8)
        for start in stride(from: 0, to: bytes.count, by: 8) {
            let code = UInt16(bytes[start]) | UInt16(bytes[start + 1]) << 8
            let operand = bytes[start + 4..<start + 8].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            decoded.append(
                FilterInstruction(
                    code: UInt16(littleEndian: code), jumpTrue: bytes[start + 2], jumpFalse: bytes[start + 3],
                    operand: UInt32(littleEndian: operand)))
        }
        instructions = decoded
    }

    /// The instructions as the kernel takes them, in this machine's byte order.
    package var bytes: [UInt8] {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(instructions.count * 8)
        for instruction in instructions {
            let code = instruction.code.littleEndian
            let operand = instruction.operand.littleEndian
            encoded.append(UInt8(truncatingIfNeeded: code))
            encoded.append(UInt8(truncatingIfNeeded: code >> 8))
            encoded.append(instruction.jumpTrue)
            encoded.append(instruction.jumpFalse)
            for shift in stride(from: UInt32(0), to: 32, by: 8) {
                encoded.append(UInt8(truncatingIfNeeded: operand >> shift))
            }
        }
        return encoded
    }

    /// What the filter answers to a system call, as the kernel would compute it.
    ///
    /// `--explain-seccomp` asks the original filter what it would have done, so that nothing has to be decided twice.
    ///
    /// - Returns: the SECCOMP_RET_* value; nil where the program is not one the kernel accepts.
    package func answer(to attempt: SyscallAttempt) -> UInt32? {
        typealias Code = FilterInstruction.Code
        var accumulator: UInt32 = 0
        var position = 0
        // Jumps only go forward, so this ends after as many turns as there are instructions.
        while position < instructions.count {
            let instruction = instructions[position]
            let operand = instruction.operand
            position += 1
            let holds: Bool
            switch instruction.code {
            case Code.answer: return operand
            case Code.load:
                guard let word = attempt.word(at: operand) else { return nil }
                accumulator = word
                continue
            case Code.and:
                accumulator &= operand
                continue
            case Code.jump:
                position += Int(operand)
                continue
            case Code.jumpIfEqual: holds = accumulator == operand
            case Code.jumpIfGreater: holds = accumulator > operand
            case Code.jumpIfGreaterOrEqual: holds = accumulator >= operand
            case Code.jumpIfAnySet: holds = accumulator & operand != 0
            default: return nil
            }
            position += Int(holds ? instruction.jumpTrue : instruction.jumpFalse)
        }
        return nil
    }
}

extension SeccompFilter {
    /// The filter's instructions, or nil where the bytes are not whole instructions.
    package var program: FilterProgram? { FilterProgram(bytes: instructions) }
}
