import Testing

@testable import AgentServer

@Suite struct GuestNetworkTests {
    private static let regions = """
        00000000-00000fff : Reserved
        d0003000-d0003fff : LNRO0005:03
          d0003000-d0003fff : LNRO0005:03 LNRO0005:03
        d0004000-d0004fff : LNRO0005:04
        fec00000-fec003ff : IOAPIC 0
        """

    @Test func aDeviceIsFoundByWhereItsRegistersAre() throws {
        #expect(try GuestNetwork.device(at: 0xd000_4000, amongst: Self.regions) == "LNRO0005:04")
        #expect(try GuestNetwork.device(at: 0xd000_3000, amongst: Self.regions) == "LNRO0005:03")
    }

    @Test func anAddressWithoutADeviceIsNamed() {
        do {
            _ = try GuestNetwork.device(at: 0xd000_5000, amongst: Self.regions)
            Issue.record("there is no such device")
        } catch {
            #expect("\(error)".contains("0xd0005000"), "\(error)")
        }
    }

    @Test func whatWasNotReceivedYetIsSeen() {
        let title = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
        let listening = "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
        let established = "   1: 0200000A:0050 0100000A:C350 01 00000010:00000000 01:00000014 00000000     0\n"
        let closing = "   2: 0200000A:8001 0100000A:1F8E 04 00010000:00000000 01:00000014 00000000     0\n"
        #expect(!GuestNetwork.isSending(in: ""))
        #expect(!GuestNetwork.isSending(in: title + listening + established))
        #expect(GuestNetwork.isSending(in: title + listening + closing))
    }
}
