import Devices
import Testing

/// The connections that lead to this process itself.
@Suite struct VsockStreamTests {
    @Test func whatIsSentToAGuestThatTakesItAtOnceIsSentOnce() throws {
        let guest = PacketGuest()
        var stream: VsockStream?
        guest.engine.listen(on: 1024) { connection in
            stream = VsockStream(connection) { _, _ in }
            return stream
        }
        guest.packet(VsockPacket.Operation.request)
        var sent: [UInt8] = []
        var isTaking = false
        guest.engine.packetsAppeared = {
            guard !isTaking else { return }
            isTaking = true
            for packet in guest.take() { sent += packet.payload }
            isTaking = false
        }
        _ = guest.take()
        stream?.send([1, 2, 3])
        stream?.send([4])
        #expect(sent == [1, 2, 3, 4])
    }
}
