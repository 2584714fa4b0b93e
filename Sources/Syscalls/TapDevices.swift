import CLinux

extension OwnedDescriptor {
    /// Makes a tap device in the calling thread's network namespace.
    ///
    /// What is written to its file comes out of it, and what is sent through it is read from its file, a frame at a time behind
    /// a header of virtio's. It is there as long as its file is open.
    ///
    /// The corresponding request is `TUNSETIFF`, Documentation/networking/tuntap.rst.
    ///
    /// - Parameter name: up to 15 bytes, which no other device has.
    package static func tap(named name: String) throws(SystemError) -> OwnedDescriptor {
        let file = try OwnedDescriptor.open("/dev/net/tun", [.readWrite, .nonBlocking])
        let number = file.number
        try syscall("TUNSETIFF", on: name) { unsafe clx_tap_create(number, name) }
        return file
    }
}
