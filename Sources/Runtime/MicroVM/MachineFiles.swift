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
    private let creator: OwnedDescriptor
    private let disk: OwnedDescriptor?
    /// What the monitor hears by that nobody will ever start its guest: the other end of `creator`, which closes with this process.
    var presence: OwnedDescriptor?

    /// Opens everything.
    ///
    /// - Parameters:
    ///   - machine: the machine.
    ///   - diskPath: the file that is its disk; nil for none.
    ///   - images: the kernel and the initramfs.
    ///   - directory: the container's directory.
    init(
        _ machine: MachinePlan, diskPath: String?, _ images: consuming GuestImage,
        in directory: borrowing ContainerDirectory
    ) throws(RuntimeError) {
        var writer = PlanWriter()
        writer.write(machine)
        do {
            plan = try OwnedDescriptor.memory(writer.bytes, name: "machine plan")
            kvm = try OwnedDescriptor.open("/dev/kvm", .readWrite)
            let pipe = try makePipe()
            presence = try pipe.writing.duplicate()
            creator = pipe.keepReading()
        } catch {
            throw RuntimeError(error).during("open what the virtual machine needs")
        }
        self.images = images
        control = try directory.listenForControl()
        console = try directory.make(MachineFile.console)
        disk = try diskPath.map { path throws(RuntimeError) in
            try Self.openDisk(path, readOnly: machine.disk?.readOnly ?? true)
        }
    }

    /// Opens a disk, which several machines can have if none of them writes to it.
    ///
    /// The lock is the open file's, and so is there as long as the machine.
    private static func openDisk(_ path: String, readOnly: Bool) throws(RuntimeError) -> OwnedDescriptor {
        do {
            let file = try OwnedDescriptor.open(path, readOnly ? .readOnly : .readWrite)
            let kind = try file.status().kind
            guard kind == .regular || kind == .blockDevice else {
                throw RuntimeError(.invalidBundle, "\(path) is neither a file nor a block device")
            }
            try file.lock(exclusive: !readOnly, wait: false)
            return file
        } catch let error as RuntimeError {
            throw error.during("vm.image.path")
        } catch let error as SystemError {
            guard error.errno == .wouldBlock else { throw RuntimeError(error).during("vm.image.path") }
            throw RuntimeError(
                .wrongState, "\(path) is the disk of another machine",
                hint: "with root.readonly several machines can have it"
            ).during("vm.image.path")
        } catch {
            throw RuntimeError(.system, "\(error)").during("vm.image.path")
        }
    }

    /// The numbers, in the order of `MachineDescriptors`; they are open as long as this value is there.
    var numbers: [Int32] {
        var numbers = [
            plan.number, kvm.number, images.kernel.number, images.initramfs.number, control.number, console.number,
            creator.number,
        ]
        switch disk {
        case .some(let disk): numbers.append(disk.number)
        case .none: break
        }
        return numbers
    }
}
