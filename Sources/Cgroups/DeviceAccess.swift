import Diagnostics
import Plans
import Syscalls

/// Loads a device program and attaches it to a v2 cgroup.
func attach(_ program: DeviceProgram, to directory: borrowing OwnedDescriptor) throws(RuntimeError) {
    try during("\(program.field): restrict access to devices") {
        // An O_PATH descriptor is no cgroup to bpf(2).
        let cgroup = try OwnedDescriptor.open(at: directory, ".", .directory)
        try cgroup.attach(deviceProgram: try OwnedDescriptor.deviceProgram(program.instructions))
    }
}
