import CNetlink
import Glibc
import Syscalls
import Testing

@testable import Netlink

@Suite struct InterfaceAddressTests {
    private func address(_ flags: Int32, scope: Int32 = 0, label: String? = nil) -> InterfaceAddress {
        InterfaceAddress(
            family: AF_INET, local: [10, 0, 0, 2], peer: nil, broadcast: nil, prefixLength: 24, scope: scope,
            flags: UInt32(flags), label: label, preferredLifetime: .max)
    }

    @Test func onlyPermanentAddressesOfGlobalScopeMove() {
        // IFA_F_PERMANENT is 0x80, RT_SCOPE_LINK 253, RT_SCOPE_HOST 254: linux/if_addr.h, linux/rtnetlink.h.
        #expect(address(0x80).movesWithDevice)
        #expect(address(0x80 | 0x200).movesWithDevice)
        #expect(!address(0).movesWithDevice)
        #expect(!address(0x80, scope: 253).movesWithDevice)
        #expect(!address(0x80, scope: 254).movesWithDevice)
    }

    @Test(
        arguments: [
            ("eth0", "web0", nil), ("eth0:a", "web0", "web0:a"), ("eth01:a", "web0", nil), ("else", "web0", nil),
            ("eth0:abcdefghij", "web0", "web0:abcdefghij"), ("eth0:abcdefghij", "web01", nil),
        ] as [(String, String, String?)])
    func aLabelFollowsItsDevicesName(old: String, name: String, new: String?) {
        #expect(address(0x80, label: old).relabelled(from: "eth0", to: name).label == new)
    }

    @Test func anAddressReadsAsIPWritesIt() {
        var six = address(0x80)
        #expect("\(six)" == "10.0.0.2/24")
        six.family = AF_INET6
        #expect("\(six)" == "an address of family 10")
        six.local = [0xfd] + [UInt8](repeating: 0, count: 14) + [5]
        #expect("\(six)" == "fd00::5/24")
    }

    @Test(arguments: [(-NLE_EXIST, EEXIST), (-NLE_NODEV, ENODEV), (-NLE_PERM, EPERM), (-NLE_FAILURE, EIO)])
    func aCodeOfLibnlIsTheErrorNumberThatItMeans(code: Int32, number: Int32) {
        #expect(Errno(netlinkCode: code).rawValue == number)
    }
}
