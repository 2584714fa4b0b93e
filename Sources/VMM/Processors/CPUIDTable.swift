package import CLinux

/// What CPUID shows to each of a machine's processors.
///
/// It is what KVM supports on this host, made to fit: one package of as many cores as there are processors, each with one
/// thread; no performance counters, whose set-up would be exits without use.
package struct CPUIDTable {
    private let supported: [kvm_cpuid_entry2]
    private let processors: UInt32
    private let hasDeadlineTimer: Bool

    /// Takes what KVM supports.
    ///
    /// - Parameters:
    ///   - supported: the answer of KVM_GET_SUPPORTED_CPUID.
    ///   - processors: how many the machine has.
    ///   - hasDeadlineTimer: whether the LAPIC's timer takes a deadline, KVM_CAP_TSC_DEADLINE_TIMER.
    package init(supported: [kvm_cpuid_entry2], processors: Int, hasDeadlineTimer: Bool) {
        self.supported = supported
        self.processors = UInt32(clamping: max(1, processors))
        self.hasDeadlineTimer = hasDeadlineTimer
    }

    /// How many bits of an APIC id number the processors.
    private var identityBits: UInt32 {
        UInt32(UInt32.bitWidth - (processors - 1).leadingZeroBitCount)
    }

    /// What the processor of an APIC id sees.
    package func entries(forProcessor identity: UInt32) -> [kvm_cpuid_entry2] {
        var entries = supported.filter { $0.function != 0xB && $0.function != 0x1F && $0.function != 0x8000_0026 }
        for position in entries.indices { adapt(&entries[position], identity) }
        let maximum = entries.first { $0.function == 0 }?.eax ?? 0
        if maximum >= 0xB { entries += topology(identity) }
        return entries
    }

    private func adapt(_ entry: inout kvm_cpuid_entry2, _ identity: UInt32) {
        switch entry.function {
        case 1:
            entry.ebx = entry.ebx & 0xFF00 | identity << 24 | min(processors, 255) << 16
            // x2APIC, and a hypervisor; KVM itself follows CR4.OSXSAVE.
            entry.ecx |= 1 << 21 | 1 << 31
            entry.ecx = hasDeadlineTimer ? entry.ecx | 1 << 24 : entry.ecx & ~(1 << 24)
            entry.edx = processors > 1 ? entry.edx | 1 << 28 : entry.edx & ~(1 << 28)
        case 4:
            // Intel: cores of the package, and how many share a cache: all of them the last level, none another.
            entry.eax &= 0x3FFF
            let level = entry.eax >> 5 & 7
            let sharing = level >= 3 ? (UInt32(1) << identityBits) - 1 : 0
            entry.eax |= sharing << 14 | ((UInt32(1) << identityBits) - 1) << 26
        case 0xA: (entry.eax, entry.ebx, entry.ecx, entry.edx) = (0, 0, 0, 0)
        case 0x8000_0001:
            // AMD: no extended performance counters.
            entry.ecx &= ~(1 << 23 | 1 << 24 | 1 << 28)
        case 0x8000_0008: entry.ecx = entry.ecx & ~0xF0FF | identityBits << 12 | (processors - 1)
        case 0x8000_001D:
            // AMD: who shares a cache, as leaf 4.
            let sharing = entry.eax >> 5 & 7 >= 3 ? processors - 1 : 0
            entry.eax = entry.eax & 0x3FFF | sharing << 14
        case 0x8000_001E: (entry.eax, entry.ebx, entry.ecx) = (identity, identity & 0xFF, 0)
        default: break
        }
    }

    /// Leaf 0xB: one thread a core, all cores in one package.
    private func topology(_ identity: UInt32) -> [kvm_cpuid_entry2] {
        func level(_ index: UInt32, shift: UInt32, count: UInt32, kind: UInt32) -> kvm_cpuid_entry2 {
            var entry = kvm_cpuid_entry2()
            entry.function = 0xB
            entry.index = index
            entry.flags = 1
            (entry.eax, entry.ebx, entry.ecx, entry.edx) = (shift, count, kind << 8 | index, identity)
            return entry
        }
        return [
            level(0, shift: 0, count: 1, kind: 1), level(1, shift: identityBits, count: processors, kind: 2),
            level(2, shift: 0, count: 0, kind: 0),
        ]
    }
}
