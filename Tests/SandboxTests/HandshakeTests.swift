import Plans
import Testing

@testable import Sandbox

@Suite struct HandshakeTests {
    @Test(arguments: [0, 1, 2000, planChunkSize - 6, planChunkSize - 5, planChunkSize - 4, 3 * planChunkSize])
    func aPlanIsPutTogetherFromItsPackets(size: Int) throws {
        let plan = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 11) }
        let packets = LauncherMessage.packets(ofPlan: plan)
        #expect(packets.count == (size + 5 + planChunkSize - 1) / planChunkSize)
        #expect(packets.allSatisfy { $0.count <= planChunkSize })
        var bytes = try #require(packets.first)
        #expect(try LauncherMessage.takePlanSize(from: &bytes) == size)
        #expect(bytes + packets.dropFirst().joined() == plan)
    }

    @Test(arguments: [[], [0x50], [0x50, 1, 0, 0], [0x47, 0, 0, 0, 0]] as [[UInt8]])
    func whatIsNoPlanIsRefused(packet: [UInt8]) {
        #expect(throws: PlanFault.self) {
            var packet = packet
            _ = try LauncherMessage.takePlanSize(from: &packet)
        }
    }
}
