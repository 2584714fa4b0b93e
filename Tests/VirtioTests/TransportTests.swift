import Board
import GuestDriver
import Testing
import Virtio

@Suite struct TransportTests {
    @Test func aDriverFindsTheDevice() throws {
        let driver = try GuestDriver(EchoDevice())
        #expect(driver.read(0) == 0x7472_6976)
        #expect(driver.read(4) == 2)
        #expect(driver.read(8) == 42)
        #expect(driver.offered == Features.transport.union(.bit(3)))
        driver.write(2, 0x14)
        #expect(driver.read(0x10) == 0)
        driver.write(1, 0x30)
        #expect(driver.read(0x34) == 8)
        driver.write(2, 0x30)
        #expect(driver.read(0x34) == 0)
        #expect(driver.transport.read(at: 0x100, size: 8) == 0x0807_0605_0403_0201)
        #expect(driver.transport.read(at: 0x106, size: 4) == 0x0009_0807)
        #expect(driver.transport.read(at: 0xfff, size: 8) == 0)
    }

    @Test func aBufferGoesThereAndBack() throws {
        let driver = try GuestDriver(EchoDevice())
        try driver.start()
        #expect(driver.status.contains(.driverReady))
        try driver.memory.write([7, 8, 9], at: 0x10_0000)
        let head = try driver.queues[0].send(
            readable: [Segment(address: 0x10_0000, length: 2), Segment(address: 0x10_0002, length: 1)],
            writable: [Segment(address: 0x11_0000, length: 1), Segment(address: 0x12_0000, length: 10)])
        try driver.kick(0)
        let used = try #require(try driver.queues[0].takeUsed())
        #expect(used.head == UInt32(head) && used.written == 3)
        #expect(try driver.memory.read(0x11_0000, 1) == [7] && driver.memory.read(0x12_0000, 2) == [8, 9])
        #expect(driver.line.count == 1 && driver.read(0x60) == 1)
        driver.write(1, 0x64)
        #expect(driver.read(0x60) == 0)
    }

    /// With KVM the monitor does not hear that a driver has seen used buffers.
    @Test func whatADriverHasSeenMayStay() throws {
        let device = EchoDevice()
        let driver = try GuestDriver(device)
        try driver.start()
        func use() throws {
            try driver.queues[0].send(writable: [Segment(address: 0x10_0000, length: 1)])
            try driver.kick(0)
            #expect(try driver.queues[0].takeUsed() != nil)
        }
        try use()
        #expect(driver.line.count == 1 && driver.read(0x60) == 1)
        device.activation?.configurationChanged()
        #expect(driver.line.count == 2 && driver.read(0x60) == 3 && driver.read(0xfc) == 1)
        driver.write(3, 0x64)
        #expect(driver.read(0x60) == 0)
        try use()
        #expect(driver.line.count == 3 && driver.read(0x60) == 1)
    }

    @Test func aDeviceThatIsNotShownIsNone() throws {
        let page = try RegisterPage()
        let transport = try MMIOTransport(
            device: EchoDevice(), memory: try GuestMemory(sizeBytes: 1 << 21), interrupt: RecordedLine(),
            loop: try EventLoop(), page: page)
        #expect((0..<RegisterPage.size / 4).allSatisfy { page.load(at: 4 * $0, size: 4) == 0 })
        transport.show()
        #expect(page.load(at: 8, size: 4) == 42 && page.load(at: 0x100, size: 4) == 0x0403_0201)
    }

    @Test func featuresThatWereNotOfferedAreRefused() throws {
        let driver = try GuestDriver(EchoDevice())
        driver.negotiate([.version1, .bit(4)])
        #expect(!driver.status.contains(.featuresAccepted))
        driver.negotiate([.bit(3)])
        #expect(!driver.status.contains(.featuresAccepted), "a legacy driver is refused")
        driver.negotiate([.version1])
        #expect(driver.status.contains(.featuresAccepted))
    }

    @Test func theDriverIsNotReadyBeforeFeaturesAreAccepted() throws {
        let device = EchoDevice()
        let driver = try GuestDriver(device)
        driver.write(1, 0x70)
        driver.write(7, 0x70)
        #expect(device.activation == nil && !driver.status.contains(.driverReady))
    }

    /// CVE-2026-5747: the guest enlarged a queue after its size had been checked.
    @Test func queueRegistersAreFrozenOnceTheDriverIsReady() throws {
        let device = EchoDevice()
        let driver = try GuestDriver(device)
        try driver.start()
        driver.place(QueueLayout(size: 8, descriptors: 0xf0_0000, available: 0xf1_0000, used: 0xf2_0000), index: 0)
        driver.write(0, 0x44)
        #expect(driver.read(0x44) == 1)
        try driver.queues[0].send(writable: [Segment(address: 0x10_0000, length: 1)])
        try driver.kick(0)
        #expect(try driver.queues[0].takeUsed() != nil)
        #expect(device.activation?.queue(0)?.size == 16)
    }

    @Test(arguments: [0, 3, 17, 32, 0x1_0010 as UInt32])
    func aQueueOfAWrongSizeIsRefused(size: UInt32) throws {
        let driver = try GuestDriver(EchoDevice())
        driver.negotiate()
        driver.place(
            QueueLayout(size: 16, descriptors: 0, available: 0x1000, used: 0x2000), index: 0, ready: false)
        driver.write(size, 0x38)
        driver.write(1, 0x44)
        #expect(driver.read(0x44) == 0 && driver.status.contains(.needsReset))
    }

    @Test(arguments: [
        QueueLayout(size: 16, descriptors: 8, available: 0x1000, used: 0x2000),
        QueueLayout(size: 16, descriptors: 0, available: 0x1001, used: 0x2000),
        QueueLayout(size: 16, descriptors: 0, available: 0x1000, used: 0x2002),
        QueueLayout(size: 16, descriptors: 0xff_fff0, available: 0x1000, used: 0x2000),
        QueueLayout(size: 16, descriptors: .max - 15, available: 0x1000, used: 0x2000),
        QueueLayout(size: 16, descriptors: 0, available: 0x1000, used: 0xffff_ffff_ffff_fffc),
    ])
    func aQueueAtAWrongPlaceIsRefused(layout: QueueLayout) throws {
        let driver = try GuestDriver(EchoDevice())
        driver.negotiate()
        driver.place(layout, index: 0)
        #expect(driver.read(0x44) == 0 && driver.status.contains(.needsReset))
    }

    @Test func aQueueFaultAsksForAReset() throws {
        let device = EchoDevice()
        let driver = try GuestDriver(device)
        try driver.start()
        try driver.queues[0].jump(to: 17)
        try driver.kick(0)
        #expect(driver.status.contains(.needsReset) && driver.read(0x60) == 2)
        #expect(device.activation?.queue(0)?.fault == .availableIndexJumped)
        try driver.start()
        #expect(device.resets == 1 && !driver.status.contains(.needsReset))
        try driver.queues[0].send(writable: [Segment(address: 0x10_0000, length: 1)])
        try driver.kick(0)
        #expect(try driver.queues[0].takeUsed() != nil)
    }

    @Test func aResetWithOutstandingBuffersLeavesTheMemoryAlone() throws {
        let device = EchoDevice()
        let driver = try GuestDriver(device)
        device.holdsBack = true
        try driver.start()
        try driver.queues[0].send(writable: [Segment(address: 0x10_0000, length: 1)])
        try driver.kick(0)
        let queue = try #require(device.activation?.queue(0))
        #expect(device.held == [0])
        driver.write(0, 0x70)
        queue.push(0, written: 1)
        queue.signal()
        #expect(try driver.queues[0].takeUsed() == nil)
        #expect(driver.line.count == 0 && driver.status == [])
    }

    @Test func aRegionOfSharedMemoryIsDescribed() throws {
        let driver = try GuestDriver(EchoDevice())
        #expect([0xb0, 0xb4, 0xb8, 0xbc].map { driver.read($0) } == [0, 3, 0x1000, 2])
        driver.write(1, 0xac)
        #expect([0xb0, 0xb4, 0xb8, 0xbc].map { driver.read($0) } == [.max, .max, .max, .max])
    }

    @Test func configurationIsWrittenByADriverOnly() throws {
        let device = EchoDevice()
        let driver = try GuestDriver(device)
        driver.write(5, 0x100)
        #expect(device.written.isEmpty)
        try driver.start()
        driver.write(5, 0x100)
        #expect(device.written == [5])
    }
}
