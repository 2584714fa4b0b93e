package import Board
import Synchronization
package import Syscalls

/// A virtio device on the memory bus, virtio 1.2, 4.2, register layout of version 2.
///
/// Registers are accessed by virtual CPUs while the device runs on its event loop. Interrupt status, acknowledgement and
/// notification are lock-free. Everything else is done with the loop's turn, on the virtual CPU's thread: activation and
/// reset are complete when the guest's store is, which Linux relies on, since it does not wait for the status to become
/// zero. What can block there is one handler's time, and a handler never waits for a virtual CPU.
///
/// Once a queue is ready its registers are frozen, and once the driver is they all are, so that what was checked stays what
/// is used (CVE-2026-5747 is what happens otherwise).
package final class MMIOTransport: BusDevice, @unchecked Sendable {
    /// Bytes of the bus that it takes.
    package static let windowSize: UInt64 = 0x1000
    /// What a driver reads at the registers MagicValue and Version, virtio 1.2, 4.2.2.
    package static let (magic, version): (UInt32, UInt32) = (0x7472_6976, 2)
    /// Where a driver notifies, with the queue's number as the value.
    package static let notifyOffset: UInt64 = 0x50

    /// Where a driver acknowledges an interrupt's reasons.
    package static let acknowledgeOffset: UInt64 = 0x64

    /// The device.
    package let device: any VirtioDevice
    /// What wakes the device, a queue each: for KVM to signal in place of an exit.
    package let notifyDescriptors: [EventDescriptor]

    private let memory: GuestMemory
    private let loop: EventLoop
    private let interrupt: DeviceInterrupt
    private let page: RegisterPage
    private let running = Atomic(false)
    // Touched with the loop's turn only.
    private var registers: Registers

    /// Puts a device on the bus.
    ///
    /// - Parameters:
    ///   - device: the device.
    ///   - memory: the guest's memory.
    ///   - interrupt: its line.
    ///   - loop: where the device runs.
    ///   - page: what the driver reads.
    package init(
        device: any VirtioDevice, memory: GuestMemory, interrupt: any InterruptLine, loop: EventLoop, page: RegisterPage
    ) throws(SystemError) {
        self.device = device
        self.memory = memory
        self.loop = loop
        self.page = page
        self.interrupt = DeviceInterrupt(interrupt, page)
        registers = Registers(queueSizes: device.queueSizes)
        var descriptors: [EventDescriptor] = []
        for _ in device.queueSizes { descriptors.append(try EventDescriptor()) }
        notifyDescriptors = descriptors
        for (index, descriptor) in descriptors.enumerated() {
            _ = try (device.loop(ofQueue: index) ?? loop).add(descriptor.file.number, .readable) { [weak self] _ in
                descriptor.drain()
                guard let self, running.load(ordering: .acquiring) else { return }
                self.device.queueNotified(index)
            }
        }
    }

    /// Shows the device, whose writes have to arrive here by now.
    package func show() {
        loop.synchronously { publishAll() }
    }

    /// What the driver reads, where it has to ask.
    package func read(at offset: UInt64, size: Int) -> UInt64 {
        page.load(at: Int(clamping: offset), size: size)
    }

    /// What the driver writes.
    package func write(_ value: UInt64, at offset: UInt64, size: Int) {
        if offset >= 0x100 {
            loop.synchronously {
                // Before there is a driver nobody may change anything.
                guard registers.status.contains(.driver) else { return }
                device.writeConfiguration(value, at: Int(clamping: offset - 0x100), size: size)
                page.store(configuration: device.configuration)
            }
            return
        }
        guard size == 4 else { return }
        let value = UInt32(truncatingIfNeeded: value)
        switch offset {
        case Self.notifyOffset:
            if value < notifyDescriptors.count { notifyDescriptors[Int(value)].signal() }
        case Self.acknowledgeOffset: interrupt.acknowledge(value)
        case 0x70:
            change {
                setStatus(value)
                // What has changed while there was no driver, nobody was told of.
                page.store(configuration: device.configuration)
            }
        case 0x44: change { setReady(value) }
        default: change { registers.set(value, at: offset) }
        }
    }

    /// Does what a write asks for, and shows what comes of it before the driver can read.
    private func change(_ body: () -> Void) {
        loop.synchronously {
            body()
            publish()
        }
    }

    /// The registers that hold something, but for those of `DeviceInterrupt`.
    ///
    /// The device's id comes last: by it a driver knows that there is a device.
    private static let readable: [UInt64] = [
        0x00, 0x04, 0x0c, 0x10, 0x34, 0x44, 0x70, 0xb0, 0xb4, 0xb8, 0xbc, 0x08,
    ]

    private func publish() {
        for offset in Self.readable { page.store(register(offset), at: Int(offset)) }
    }

    private func publishAll() {
        page.store(configuration: device.configuration)
        publish()
    }

    private func register(_ offset: UInt64) -> UInt32 {
        switch offset {
        case 0x00: Self.magic
        case 0x04: Self.version
        case 0x08: device.deviceID
        case 0x0c: 0x756e_766d
        case 0x10:
            switch registers.offeredPage {
            case 0: UInt32(truncatingIfNeeded: offered.rawValue)
            case 1: UInt32(truncatingIfNeeded: offered.rawValue >> 32)
            default: 0
            }
        case 0x34: registers.selected.map { UInt32($0.largest) } ?? 0
        case 0x44: registers.selected?.ready == true ? 1 : 0
        case 0x70: registers.status.rawValue
        case 0xb0, 0xb4, 0xb8, 0xbc: sharedMemory(offset)
        default: 0
        }
    }

    /// Length and address of a region that does not exist are all ones.
    private func sharedMemory(_ offset: UInt64) -> UInt32 {
        let region = device.sharedMemoryRegions.first { $0.id == registers.sharedMemoryID }
        let value = offset < 0xb8 ? region?.length : region?.address
        return UInt32(truncatingIfNeeded: (value ?? .max) >> (offset & 4 == 0 ? 0 : 32))
    }

    private var offered: Features { device.features.union(.transport) }

    private func setReady(_ value: UInt32) {
        guard registers.status.contains(.featuresAccepted), !registers.status.contains(.driverReady) else { return }
        guard let selected = registers.selected else { return }
        let index = Int(registers.queueIndex)
        if value == 0 {
            registers.queues[index].ready = false
        } else if selected.layout.size <= selected.largest, queue(index) != nil {
            registers.queues[index].ready = true
        } else {
            registers.status.insert(.needsReset)
        }
    }

    private func queue(_ index: Int) -> Virtqueue? {
        Virtqueue(
            registers.queues[index].layout, index: index, memory: memory, features: registers.accepted,
            interrupt: interrupt, notification: notifyDescriptors[index]
        ) { [weak self, loop, epoch = registers.epoch] in
            // Posted, for a queue may belong to another loop, which must not wait for this one.
            loop.post { [weak self] in self?.queueFailed(in: epoch) }
        }
    }

    private func setStatus(_ value: UInt32) {
        if value == 0 { return reset() }
        var wanted = DeviceStatus(rawValue: value).intersection(.driverBits).subtracting(registers.status)
        // Each step needs the ones before it; a bit never goes back but by a reset.
        let steps = registers.status.union(wanted)
        if !steps.isSuperset(of: [.acknowledge, .driver]) || !acceptsFeatures { wanted.remove(.featuresAccepted) }
        let activates =
            wanted.contains(.driverReady)
            && registers.status.isSuperset(of: [.acknowledge, .driver, .featuresAccepted])
            && registers.status.isDisjoint(with: [.needsReset, .failed])
        wanted.remove(.driverReady)
        registers.status.formUnion(wanted)
        if activates { activate() }
    }

    private var acceptsFeatures: Bool {
        registers.accepted.isSubset(of: offered) && registers.accepted.contains(.version1)
    }

    private func activate() {
        registers.status.insert(.driverReady)
        let queues = registers.queues.indices.map { registers.queues[$0].ready ? queue($0) : nil }
        registers.active = queues.compactMap { $0 }
        device.activate(
            Activation(
                features: registers.accepted, memory: memory, queues: queues, loop: loop,
                configurationChanged: { [weak self] in self?.configurationChanged() }))
        running.store(true, ordering: .releasing)
        // A driver may have notified before, when nobody listened.
        for descriptor in notifyDescriptors { descriptor.signal() }
    }

    private func reset() {
        running.store(false, ordering: .releasing)
        for queue in registers.active { queue.retire() }
        if registers.status.contains(.driverReady) { device.reset() }
        registers = Registers(queueSizes: device.queueSizes, epoch: registers.epoch &+ 1)
        interrupt.acknowledge(.max)
    }

    private func queueFailed(in epoch: UInt64) {
        // A reset since then has mended it.
        guard epoch == registers.epoch, !registers.status.contains(.needsReset) else { return }
        registers.status.insert(.needsReset)
        configurationChanged()
    }

    private func configurationChanged() {
        publishAll()
        interrupt.configurationChanged()
    }
}
