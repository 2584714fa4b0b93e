import AgentProtocol
import Diagnostics
import Plans
import Rtnetlink
import Syscalls

/// The network cards of a guest: found by where their registers are, given to their driver, and set up.
///
/// A card that was plugged in while the guest booted has its driver already. One that came later is in a place where the
/// driver found nothing, and where it has to look again.
enum GuestNetwork {
    private static let devices = "/sys/bus/platform/devices"
    private static let driver = "/sys/bus/platform/drivers/virtio-mmio"
    /// How long a driver may take to make an interface of a card.
    private static let driverMilliseconds = 2000

    /// Sets an interface up.
    static func setUp(_ plugged: PluggedInterface) throws(RuntimeError) {
        let interface = plugged.interface
        do {
            let device = try device(at: plugged.registers, amongst: readText("/proc/iomem", limit: 256 << 10))
            if !exists("\(devices)/\(device)/driver") { try writeFile(device, to: "\(driver)/bind") }
            try interface.setUp(try name(of: device))
        } catch let error as RuntimeError {
            throw error.during("connect \(interface.name)")
        } catch let error as SystemError {
            throw RuntimeError(error).during("connect \(interface.name)")
        } catch {
            throw RuntimeError(.system, "\(error)").during("connect \(interface.name)")
        }
    }

    /// The platform device whose registers begin at an address, proc_iomem(5): "d0004000-d0004fff : LNRO0005:04".
    static func device(at registers: UInt64, amongst regions: String) throws(RuntimeError) -> String {
        for line in regions.split(separator: "\n") {
            let words = line.split { $0 == " " }
            guard words.count >= 3, let start = words[0].split(separator: "-").first,
                UInt64(start, radix: 16) == registers
            else { continue }
            return String(words[2])
        }
        throw RuntimeError(
            .unsupported, "the guest's kernel has no device at 0x\(String(registers, radix: 16))",
            hint: "virtio_mmio may be missing in the kernel")
    }

    /// The name that the kernel gave to a card's interface.
    private static func name(of device: String) throws(RuntimeError) -> String {
        let deadline = monotonicMilliseconds() + driverMilliseconds
        while true {
            let path = "\(devices)/\(device)"
            let virtio = directories(path).first { $0.hasPrefix("virtio") }
            if let virtio, let name = directories("\(path)/\(virtio)/net").first { return name }
            guard monotonicMilliseconds() < deadline else {
                throw RuntimeError(
                    .unsupported, "the guest's kernel has no driver for its network card",
                    hint: "virtio_net is missing in the kernel, or among its modules")
            }
            sleep(milliseconds: 5)
        }
    }

    /// Whether there are connections of programs that have ended on which something was not received yet.
    static var isSending: Bool {
        ["/proc/net/tcp", "/proc/net/tcp6"].contains { isSending(in: (try? readText($0, limit: 256 << 10)) ?? "") }
    }

    /// Whether proc_net(5), tcp, shows such a connection: FIN_WAIT1, LAST_ACK or CLOSING.
    static func isSending(in table: String) -> Bool {
        table.split(separator: "\n").contains { line in
            let words = line.split { $0 == " " }
            return words.count > 4 && ["04", "09", "0B"].contains(words[3])
        }
    }

    private static func directories(_ path: String) -> [String] {
        (try? OwnedDescriptor.open(path, .directory).directories()) ?? []
    }
}
