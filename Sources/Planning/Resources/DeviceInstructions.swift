import OCI
import Plans

extension DevicePolicy {
    /// The rules as an eBPF program that the kernel asks about each access to a device in a v2 cgroup.
    ///
    /// It is handed `struct bpf_cgroup_dev_ctx`: the kinds of access and the type of the device in one word, then major
    /// and minor number. It goes through the rules from the last to the first, as the last that is about the device
    /// decides, and keeps those kinds of access on which no rule has decided yet. Any that is denied denies all.
    func program() -> DeviceProgram {
        var code = Assembler()
        code.loadWord(.type, offset: 0)
        code.move(.access, from: .type)
        code.and(.type, 0xffff)
        code.shiftRight(.access, 16)
        code.loadWord(.major, offset: 4)
        code.loadWord(.minor, offset: 8)
        for rule in rules.reversed() { code.append(rule.rule) }
        // The verifier refuses instructions that nothing leads to.
        if rules.first?.rule.isAboutEverything != true { code.answer(false) }
        return DeviceProgram(field: "linux.resources.devices", instructions: code.bytes)
    }
}

/// Writes eBPF instructions; Documentation/bpf/standardization/instruction-set.rst.
private struct Assembler {
    enum Register: UInt8 {
        case result = 0
        /// The context, until all is loaded; then a scratch register.
        case context = 1
        case type = 2
        case access = 3
        case major = 4
        case minor = 5
    }

    private(set) var bytes: [UInt8] = []

    private mutating func emit(
        _ operation: UInt8, _ destination: Register, source: Register = .result, offset: Int16 = 0, _ value: Int32 = 0
    ) {
        bytes.append(operation)
        bytes.append(source.rawValue << 4 | destination.rawValue)
        withLittleEndian(UInt64(UInt16(bitPattern: offset)), count: 2)
        withLittleEndian(UInt64(UInt32(bitPattern: value)), count: 4)
    }

    private mutating func withLittleEndian(_ value: UInt64, count: Int) {
        for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))) }
    }

    /// BPF_LDX | BPF_MEM | BPF_W, from the context.
    mutating func loadWord(_ register: Register, offset: Int16) {
        emit(0x61, register, source: .context, offset: offset)
    }

    /// BPF_ALU | BPF_MOV | BPF_X.
    mutating func move(_ register: Register, from source: Register) {
        emit(0xbc, register, source: source)
    }

    /// BPF_ALU | BPF_AND | BPF_K.
    mutating func and(_ register: Register, _ value: Int32) {
        emit(0x54, register, value)
    }

    /// BPF_ALU | BPF_RSH | BPF_K.
    mutating func shiftRight(_ register: Register, _ value: Int32) {
        emit(0x74, register, value)
    }

    /// BPF_ALU | BPF_MOV | BPF_K of the result, and BPF_JMP | BPF_EXIT.
    mutating func answer(_ allowed: Bool) {
        emit(0xb4, .result, allowed ? 1 : 0)
        emit(0x95, .result)
    }

    /// One rule: it answers, or goes on behind itself.
    mutating func append(_ rule: Spec.Resources.DeviceRule) {
        var tests: [(register: Register, value: Int32)] = []
        // BPF_DEVCG_DEV_BLOCK and BPF_DEVCG_DEV_CHAR.
        if rule.type != .all { tests.append((.type, rule.type == .block ? 1 : 2)) }
        if let major = rule.major { tests.append((.major, Int32(truncatingIfNeeded: major))) }
        if let minor = rule.minor { tests.append((.minor, Int32(truncatingIfNeeded: minor))) }
        let isPartial = rule.access != .all
        let decision = (isPartial ? (rule.allow ? 2 : 3) : 0) + 2
        for (index, test) in tests.enumerated() {
            // BPF_JMP | BPF_JNE | BPF_K.
            emit(0x55, test.register, offset: Int16(tests.count - index - 1 + decision), test.value)
        }
        // BPF_DEVCG_ACC_MKNOD, _READ and _WRITE have the values of the spec type's options.
        let kinds = Int32(rule.access.rawValue)
        if isPartial, rule.allow {
            and(.access, ~kinds)
            emit(0x55, .access, offset: 2, 0)
        } else if isPartial {
            move(.context, from: .access)
            and(.context, kinds)
            // BPF_JMP | BPF_JEQ | BPF_K.
            emit(0x15, .context, offset: 2, 0)
        }
        answer(rule.allow)
    }
}
