import CLinux

extension OwnedDescriptor {
    /// Has programs of this cgroup directory, and of those below, reach another port where they mean one of an address of IPv4.
    ///
    /// Who asked the one hears answers from the one. A cgroup of version 2 can have more than one of these. The
    /// corresponding system call is `bpf(2)`, with programs of the type BPF_PROG_TYPE_CGROUP_SOCK_ADDR, which Linux has for
    /// all that is needed from 5.2 on, with CONFIG_CGROUP_BPF.
    ///
    /// - Parameters:
    ///   - peer: what they mean.
    ///   - port: what they reach.
    package borrowing func redirect(_ peer: DatagramPeer, toPort port: UInt16) throws(SystemError) {
        let there = Self.portChange(of: peer.address, from: peer.port, to: port)
        let back = Self.portChange(of: peer.address, from: port, to: peer.port)
        // In the kernel that lacks the last of them none of them is in force.
        for (kind, program) in [(CLX_BPF_RECVMSG4, back), (CLX_BPF_SENDMSG4, there), (CLX_BPF_CONNECT4, there)] {
            let cgroup = number
            try syscall("bpf", on: "\(peer)") {
                unsafe clx_bpf_attach_address_program(cgroup, program, UInt32(program.count), kind)
            }
        }
    }

    /// A program that changes the port of `struct bpf_sock_addr` where it and the address are these, linux/bpf.h.
    private static func portChange(of address: [UInt8], from old: UInt16, to new: UInt16) -> [UInt64] {
        /// An instruction, Documentation/bpf/instruction-set.rst.
        func instruction(_ code: UInt8, _ registers: UInt8, offset: UInt16 = 0, _ value: UInt32 = 0) -> UInt64 {
            UInt64(code) | UInt64(registers) << 8 | UInt64(offset) << 16 | UInt64(value) << 32
        }
        // As the kernel has them: in network order, seen by a processor that is little-endian.
        let wanted = address.reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
        let (from, to) = (UInt32(old.byteSwapped), UInt32(new.byteSwapped))
        let (userAddress, userPort): (UInt16, UInt16) = (4, 24)
        return [
            // r2 = user_ip4; leave if it is another one.
            instruction(0x61, 0x12, offset: userAddress),
            instruction(0x56, 0x02, offset: 4, wanted),
            // r2 = user_port; leave if it is another one.
            instruction(0x61, 0x12, offset: userPort),
            instruction(0x56, 0x02, offset: 2, from),
            // user_port = the new one.
            instruction(0xb7, 0x02, to),
            instruction(0x63, 0x21, offset: userPort),
            // Whatever it is, it may go on.
            instruction(0xb7, 0x00, 1),
            instruction(0x95, 0),
        ]
    }
}
