/// The modules that a guest's devices and file systems take, where the kernel has them as modules.
enum GuestModules {
    /// Without these there is no guest.
    static let essential = [
        "virtio", "virtio_ring", "virtio_mmio", "fuse", "virtiofs", "vsock", "vmw_vsock_virtio_transport_common",
        "vmw_vsock_virtio_transport",
    ]

    /// What drives the other devices that every guest has.
    static let ordinary = ["virtio_rng", "virtio_balloon"]

    /// What is loaded once something asks for it: the agent by the name of a driver, the kernel by an alias that it makes of
    /// the number of a protocol family, socket(2), or the type of a file system, mount(2).
    static let later: [(request: String, module: String)] = [
        ("virtio_blk", "virtio_blk"), ("virtio_net", "virtio_net"), ("virtio_console", "virtio_console"),
        ("fs-overlay", "overlay"), ("net-pf-17", "af_packet"),
    ]
}
