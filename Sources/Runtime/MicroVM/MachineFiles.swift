import Diagnostics
import GuestImage
import Plans
import Syscalls

/// The names of what a machine has in its container's directory.
enum MachineFile {
    /// The socket on which the monitor takes requests.
    static let control = "control.sock"
    /// The log of the guest's kernel.
    static let console = "console.log"
    /// The directory of the sockets of programs of the host and of the guest.
    static let vsock = "vsock"
}

/// The files that mvrun-vmm works with, opened for it, in the order of `MachineDescriptors`.
final class MachineFiles {
    private let plan: OwnedDescriptor
    private let kvm: OwnedDescriptor
    private let images: GuestImage
    private let control: OwnedDescriptor
    private let console: OwnedDescriptor

    /// Opens everything.
    ///
    /// - Parameters:
    ///   - machine: the machine.
    ///   - images: the kernel and the initramfs.
    ///   - directory: the container's directory.
    init(
        _ machine: MachinePlan, _ images: consuming GuestImage, in directory: borrowing ContainerDirectory
    ) throws(RuntimeError) {
        var writer = PlanWriter()
        writer.write(machine)
        do {
            plan = try OwnedDescriptor.memory(writer.bytes, name: "machine plan")
            kvm = try OwnedDescriptor.open("/dev/kvm", .readWrite)
        } catch {
            throw RuntimeError(error).during("open what the virtual machine needs")
        }
        self.images = images
        control = try directory.listenForControl()
        console = try directory.make(MachineFile.console)
    }

    /// The numbers, in the order of `MachineDescriptors`; they are open as long as this value is there.
    var numbers: [Int32] {
        [plan.number, kvm.number, images.kernel.number, images.initramfs.number, control.number, console.number]
    }
}
