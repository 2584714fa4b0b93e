/// A place for a virtio device.
struct MachineSlot {
}
