import CLinux
import Diagnostics
import Testing

@testable import VMM

/// What the kernel is told in words.
@Suite struct CommandLineTests {
    @Test func aKernelWithoutACPIFindsTheDevicesByWords() throws {
        var line = CommandLine(log: .emergencies)
        line.nameDevices(2)
        #expect(line.words.suffix(2) == ["virtio_mmio.device=4K@0xd0000000:5", "virtio_mmio.device=4K@0xd0001000:6"])
    }

    @Test func theUsersWordsComeLastAndTheLineEndsWithANul() throws {
        var line = CommandLine(log: .emergencies)
        try line.append(["a=1", "b"])
        #expect(try line.bytes().suffix(7).elementsEqual(Array(" a=1 b".utf8) + [0]))
    }

    @Test(arguments: ["a\nb", "\0", "x\u{7F}"]) func aControlCharacterIsRefused(word: String) {
        var line = CommandLine(log: .emergencies)
        #expect(throws: RuntimeError.self) { try line.append([word]) }
    }

    @Test func aLineThatTheKernelWouldCutIsRefused() throws {
        var line = CommandLine(log: .emergencies)
        let room = 2047 - (try line.bytes().count - 1) - 1
        var longer = line
        try line.append([String(repeating: "x", count: room)])
        #expect(try line.bytes().count == 2048)
        try longer.append([String(repeating: "x", count: room + 1)])
        #expect(throws: RuntimeError.self) { try longer.bytes() }
    }
}

/// What CPUID shows.
@Suite struct CPUIDTests {
    private func leaf(_ function: UInt32, _ registers: (UInt32, UInt32, UInt32, UInt32)) -> kvm_cpuid_entry2 {
        var entry = kvm_cpuid_entry2()
        entry.function = function
        (entry.eax, entry.ebx, entry.ecx, entry.edx) = registers
        return entry
    }

    private func entries(processors: Int, of identity: UInt32) -> [kvm_cpuid_entry2] {
        let supported = [
            leaf(0, (0xD, 0, 0, 0)), leaf(1, (0, 0xFFFF_FFFF, 0, 0)), leaf(0xA, (1, 1, 1, 1)), leaf(0xB, (9, 9, 9, 9)),
            leaf(0x8000_0008, (48, 0, 0xFFFF_FFFF, 0)), leaf(0x8000_001E, (7, 7, 7, 7)),
        ]
        return CPUIDTable(supported: supported, processors: processors, hasDeadlineTimer: true)
            .entries(forProcessor: identity)
    }

    @Test func eachProcessorHasItsNumberInEveryLeaf() throws {
        let entries = entries(processors: 5, of: 3)
        let first = try #require(entries.first { $0.function == 1 })
        #expect(first.ebx == 0x0305_FF00)
        // x2APIC, TSC deadline, hypervisor; more than one thread.
        #expect(first.ecx == 0x8120_0000)
        #expect(first.edx == 1 << 28)
        let topology = entries.filter { $0.function == 0xB }
        #expect(topology.map(\.index) == [0, 1, 2])
        #expect(topology.map(\.eax) == [0, 3, 0])
        #expect(topology.map(\.ebx) == [1, 5, 0])
        #expect(topology.map(\.ecx) == [0x100, 0x201, 2])
        #expect(topology.allSatisfy { $0.edx == 3 })
        #expect(try #require(entries.first { $0.function == 0x8000_0008 }).ecx == 0xFFFF_3F04)
        #expect(try #require(entries.first { $0.function == 0x8000_001E }).eax == 3)
    }

    @Test func aSingleProcessorHasNoBitsToNumberIt() throws {
        let entries = entries(processors: 1, of: 0)
        #expect(entries.filter { $0.function == 0xB }.map(\.eax) == [0, 0, 0])
        #expect(try #require(entries.first { $0.function == 1 }).edx == 0)
    }

    @Test func performanceCountersAreNotShown() throws {
        let counters = try #require(entries(processors: 1, of: 0).first { $0.function == 0xA })
        #expect(counters.eax | counters.ebx | counters.ecx | counters.edx == 0)
    }
}
