/// The modules that a guest's devices and file systems take, where the kernel has them as modules.
enum GuestModules {
    /// Without these there is no guest.
    static let essential = [
        "virtio", "virtio_ring", "virtio_mmio", "fuse", "virtiofs", "vsock", "vmw_vsock_virtio_transport_common",
        "vmw_vsock_virtio_transport",
    ]

    /// Without these something is missing in it: a device, or an overlay.
    static let optional = [
        "virtio_console", "virtio_rng", "virtio_balloon", "virtio_blk", "failover", "net_failover", "virtio_net",
        "overlay",
        "af_packet",
    ]
}
