import Testing

@testable import AgentServer

@Suite struct LateModulesTests {
    @Test func aRequestHasItsFilesInTheirOrder() {
        let list = "virtio_net failover.ko virtio_net.ko\nfs-overlay overlay.ko\n"
        #expect(LateModules.files(for: "virtio_net", in: list) == ["failover.ko", "virtio_net.ko"])
        #expect(LateModules.files(for: "fs-overlay", in: list) == ["overlay.ko"])
        for other in ["overlay.ko", "fs-", "", "failover.ko", "../order"] {
            #expect(LateModules.files(for: other, in: list) == nil)
        }
        #expect(LateModules.files(for: "fs-overlay", in: "") == nil)
    }

    /// call_modprobe() of the kernel's kmod.c.
    @Test func onlyTheKernelsCommandLineIsARequest() {
        #expect(LateModules.request(of: ["/init", "-q", "--", "net-pf-17"]) == "net-pf-17")
        for other in [
            ["/init", "net-pf-17"], ["/init", "-q", "net-pf-17"], ["/init", "--", "-q", "x"], [], ["/init"],
        ] {
            #expect(LateModules.request(of: other) == nil)
        }
    }
}
