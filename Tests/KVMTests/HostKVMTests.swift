import KVM
import Testing

/// Which kind of KVM a host has.
@Suite struct HostKVMTests {
    @Test func virtualizationIsAWordAmongTheFlagsOfTheProcessor() {
        #expect(HostKVM.hasVirtualization("processor\t: 0\nflags\t\t: fpu vme svm sse\nbugs\t: vmx"))
        #expect(HostKVM.hasVirtualization("flags\t\t: vmx"))
        #expect(!HostKVM.hasVirtualization("flags\t\t: fpu svm_lock vmmcall\nbugs\t\t: svm"))
        #expect(!HostKVM.hasVirtualization(""))
    }

    @Test(.enabled(if: kvmIsUsable, "needs a usable /dev/kvm"))
    func aKVMWithoutVirtualizationBelowItIsPVM() throws {
        let system = try KVMSystem.open()
        #expect(HostKVM.probe(system, processor: "flags: fpu", pvmIsLoaded: false) == .pvm)
        #expect(HostKVM.probe(system, processor: "flags: svm", pvmIsLoaded: true) == .pvm)
        #expect(HostKVM.probe(system, processor: "flags: svm", pvmIsLoaded: false) == .hardware)
    }

    @Test(.enabled(if: kvmIsUsable, "needs a usable /dev/kvm"))
    func theInterfaceHasTheVersionThatEverybodyHas() throws {
        #expect(try KVMSystem.open().version() == KVMSystem.apiVersion)
        #expect(try KVMSystem.open().supportedCPUID().contains { $0.function == 0x4000_0000 })
    }
}
