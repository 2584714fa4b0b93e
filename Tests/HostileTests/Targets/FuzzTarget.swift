/// What takes the words of a hostile guest, or of a file that somebody else made, as libFuzzer drives it (Tests/Fuzz/run) and
/// as the kept corpus replays it.
///
/// Each must take any bytes. `precondition` marks what must hold meanwhile, so that a violation stops the fuzzer and the
/// test alike.
enum FuzzTarget: String, CaseIterable {
    case virtqueue, fuse, vsock, devices, kernel, agent, plan

    /// Puts some bytes through the target.
    func accepts(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        switch self {
        case .virtqueue: VirtqueueTarget.run(&input)
        case .fuse: FUSETarget.run(&input)
        case .vsock: VsockTarget.run(&input)
        case .devices: DevicesTarget.run(&input)
        case .kernel: KernelTarget.run(&input)
        case .agent: AgentTarget.run(&input)
        case .plan: PlanTarget.run(&input)
        }
    }

    /// What fuzzing starts from besides the kept corpus.
    var seeds: [[UInt8]] {
        switch self {
        case .virtqueue: VirtqueueTarget.seeds
        case .fuse: FUSETarget.seeds
        case .vsock: VsockTarget.seeds
        case .devices: DevicesTarget.seeds
        case .kernel: KernelTarget.seeds
        case .agent: AgentTarget.seeds
        case .plan: PlanTarget.seeds
        }
    }
}

/// The bytes of a fuzzer, taken apart from the front; behind their end there are zeroes.
struct FuzzInput {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isEmpty: Bool { position >= bytes.count }

    mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func number<T: FixedWidthInteger>(_ type: T.Type = T.self) -> T {
        var value: UInt64 = 0
        for index in 0..<(T.bitWidth / 8) { value |= UInt64(byte()) << UInt64(8 * index) }
        return T(truncatingIfNeeded: value)
    }

    /// One of the first numbers.
    mutating func choice(_ count: Int) -> Int { Int(byte()) % max(count, 1) }

    mutating func take(_ count: Int) -> [UInt8] {
        let end = min(bytes.count, position + max(0, count))
        defer { position = end }
        return Array(bytes[position..<end])
    }

    mutating func rest() -> [UInt8] { take(bytes.count) }

    /// A number of the kind that finds mistakes: small, large, or any.
    mutating func length() -> UInt32 {
        switch choice(6) {
        case 0: UInt32(byte())
        case 1: UInt32(number(UInt16.self))
        case 2: .max - UInt32(byte())
        case 3: UInt32(1) << UInt32(byte() & 31)
        case 4: UInt32(byte()) << 9
        default: number()
        }
    }
}

/// Numbers as a guest writes them, low bytes first.
func little<T: FixedWidthInteger>(_ values: T...) -> [UInt8] {
    values.flatMap { value in (0..<(T.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> T(8 * $0)) } }
}
