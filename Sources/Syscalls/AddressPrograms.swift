import CLinux

extension OwnedDescriptor {
    /// Has programs of this cgroup directory, and of those below, reach another port where they mean one of an address of IPv4.
    ///
    /// It is for those in this process's network namespace: in another one the same address is somebody else's. Who asked
    /// the one port hears answers from it, by a socket of IPv6 as well ("::ffff:127.0.0.11"). The corresponding system call is
    /// `bpf(2)`, with programs of the type BPF_PROG_TYPE_CGROUP_SOCK_ADDR; Linux has all that is needed from 5.14 on, with
    /// CONFIG_CGROUP_BPF.
    ///
    /// - Parameters:
    ///   - peer: what they mean.
    ///   - port: what they reach.
    package borrowing func redirect(_ peer: DatagramPeer, toPort port: UInt16) throws(SystemError) {
        let namespace = try InternetSocket.namespace()
        let cgroup = number
        for program in AddressProgram.all(from: peer, to: port, in: namespace) {
            let (kind, instructions) = (program.kind, program.instructions)
            let loaded = OwnedDescriptor(
                owning: try syscall("bpf", on: "PROG_LOAD, \(peer)") {
                    unsafe clx_bpf_load_program(
                        CLX_BPF_ADDRESS_PROGRAM, kind, instructions, UInt32(instructions.count), nil, 0)
                })
            let new = loaded.number
            try syscall("bpf", on: "PROG_ATTACH, \(peer)") { clx_bpf_attach_program(cgroup, new, kind, -1) }
        }
    }
}

/// A program that sees the address of a socket's call, `struct bpf_sock_addr` of linux/bpf.h, and changes its port.
private struct AddressProgram {
    /// user_ip4, user_ip6 and user_port.
    private static let (address4, address6, port): (UInt16, UInt16, UInt16) = (4, 8, 24)

    /// Which calls it sees.
    let kind: UInt32
    private(set) var instructions: [UInt64] = []

    /// All that a redirection takes.
    ///
    /// What brings answers back comes first: where the kernel lacks one, nothing is redirected.
    static func all(from peer: DatagramPeer, to port: UInt16, in namespace: UInt64) -> [AddressProgram] {
        // As the kernel has it: in network order, seen by a processor that is little-endian.
        let address = peer.address.reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
        let plain = [(address4, address)]
        let mapped = [(address6, 0), (address6 + 4, 0), (address6 + 8, 0xffff_0000), (address6 + 12, address)]
        let list = [
            (CLX_BPF_RECVMSG4, plain, port, peer.port), (CLX_BPF_RECVMSG6, mapped, port, peer.port),
            (CLX_BPF_SENDMSG4, plain, peer.port, port), (CLX_BPF_CONNECT6, mapped, peer.port, port),
            (CLX_BPF_CONNECT4, plain, peer.port, port),
        ]
        return list.map { AddressProgram(kind: $0, words: $1, from: $2, to: $3, in: namespace) }
    }

    private init(
        kind: UInt32, words: [(offset: UInt16, value: UInt32)], from old: UInt16, to new: UInt16, in namespace: UInt64
    ) {
        self.kind = kind
        // Behind the namespace's check, and two instructions for each word and for the port: what changes the port.
        let exit = UInt16(5 + 2 * (words.count + 1) + 2)
        // r6 = the address; r0 = get_netns_cookie(the address); leave unless it is r2, a number of two instructions.
        append(0xbf, 0x16)
        append(0x85, 0x00, CLX_BPF_GET_NETNS_COOKIE)
        append(0x18, 0x02, UInt32(truncatingIfNeeded: namespace))
        append(0x00, 0x00, UInt32(truncatingIfNeeded: namespace >> 32))
        append(0x5d, 0x20, jumpingTo: exit)
        // r2 = a word; leave unless it has this value.
        for (offset, value) in words + [(Self.port, UInt32(old.byteSwapped))] {
            append(0x61, 0x62, offset: offset)
            append(0x56, 0x02, jumpingTo: exit, value)
        }
        // user_port = the new one, by r2.
        append(0xb7, 0x02, UInt32(new.byteSwapped))
        append(0x63, 0x26, offset: Self.port)
        // Whatever it is, it may go on.
        append(0xb7, 0x00, 1)
        append(0x95, 0x00)
    }

    /// Adds an instruction, Documentation/bpf/instruction-set.rst: code, registers (source and destination), offset, value.
    private mutating func append(_ code: UInt8, _ registers: UInt8, offset: UInt16 = 0, _ value: UInt32 = 0) {
        instructions.append(UInt64(code) | UInt64(registers) << 8 | UInt64(offset) << 16 | UInt64(value) << 32)
    }

    private mutating func append(_ code: UInt8, _ registers: UInt8, jumpingTo place: UInt16, _ value: UInt32 = 0) {
        append(code, registers, offset: place - UInt16(instructions.count + 1), value)
    }
}
