import Diagnostics
import Plans
import Syscalls
import Testing

@testable import Netlink

@Suite(.serialized, .enabled(if: PrivateNetworks.canBeMade, "needs root, ip and nsenter"))
struct NetworkDeviceTransferTests {
    private static func move(
        _ moves: KeyValuePairs<String, String>, _ networks: borrowing PrivateNetworks
    ) throws -> NetworkDeviceTransfer {
        let transfer = try NetworkDeviceTransfer(into: networks.insidePath)
        try transfer.move(moves.map { NetworkDeviceMove(hostName: $0.key, containerName: $0.value) })
        return transfer
    }

    /// The error that a move ends with.
    private static func refusal(
        of moves: KeyValuePairs<String, String>, _ networks: borrowing PrivateNetworks
    ) throws -> RuntimeError? {
        do {
            _ = try move(moves, networks)
            return nil
        } catch let error as RuntimeError {
            return error
        }
    }

    @Test func aDeviceArrivesUpWithItsPermanentGlobalAddressesAndItsAttributes() throws {
        try PrivateNetworks.with { networks in
            try networks.outside(
                """
                ip link add eth7 mtu 1400 address 02:11:22:33:44:55 type veth peer name other
                ip link set eth7 up; ip link set other up
                ip addr add 10.1.2.3/24 broadcast 10.1.2.255 dev eth7 label eth7:web
                ip addr add 10.9.0.1 peer 10.9.0.2/32 dev eth7 noprefixroute
                ip addr add 10.8.0.1/24 dev eth7 valid_lft 3000 preferred_lft 2000
                ip addr add 10.7.0.1/24 dev eth7 scope link
                ip addr add fd00::5/64 dev eth7 nodad
                ip addr add fd00::6/64 dev eth7 nodad preferred_lft 0
                """)
            _ = try Self.move(["eth7": "web0"], networks)
            #expect(!(try networks.outside("ip -o link").contains("eth7:")))
            let link = try networks.inside("ip -o link show web0")
            #expect(link.contains("UP") && link.contains("mtu 1400") && link.contains("02:11:22:33:44:55"), "\(link)")
            let lines = try networks.inside("ip -o addr show web0").split(separator: "\n")
            func line(_ address: String) -> String { lines.first { $0.contains(address) }.map(String.init) ?? "" }
            #expect(line("10.1.2.3/24").contains("brd 10.1.2.255 scope global web0:web"), "\(lines)")
            #expect(line("10.9.0.1").contains("peer 10.9.0.2/32"), "\(lines)")
            #expect(line("10.9.0.1").contains("noprefixroute"), "\(lines)")
            #expect(line("fd00::5/64").contains("scope global"), "\(lines)")
            #expect(line("fd00::6/64").contains("preferred_lft 0sec"), "\(lines)")
            // One was lent, the other means nothing elsewhere; IPv6's link-local address is the kernel's own affair.
            #expect(line("10.8.0.1").isEmpty && line("10.7.0.1").isEmpty, "\(lines)")
        }
    }

    @Test func theThreadIsInItsOwnNamespaceAfterwards() throws {
        try PrivateNetworks.with { networks in
            let before = try linkTarget("/proc/thread-self/ns/net")
            try networks.outside("ip link add v1 type veth peer name v2")
            _ = try Self.move(["v1": "v1"], networks)
            #expect(try linkTarget("/proc/thread-self/ns/net") == before)
            #expect(throws: RuntimeError.self) { try NetworkDeviceTransfer(into: "/dev/null") }
            #expect(try linkTarget("/proc/thread-self/ns/net") == before)
        }
    }

    @Test func aTemplateBecomesNamesThatAreFree() throws {
        try PrivateNetworks.with { networks in
            try networks.outside("ip link add v1 type veth peer name v2")
            try networks.inside("ip link add net0 type veth peer name taken")
            _ = try Self.move(["v1": "net%d", "v2": "net%d"], networks)
            let links = try networks.inside("ip -o link")
            #expect(links.contains(" net1@") && links.contains(" net2@"), "\(links)")
            #expect(!links.contains("mvrun-"), "\(links)")
        }
    }

    @Test func aDeviceThatDoesNotExistIsNamed() throws {
        try PrivateNetworks.with { networks in
            let error = try Self.refusal(of: ["eth9": "web0"], networks)
            #expect(error?.kind == .notFound)
            #expect(
                error?.description
                    == "linux.netDevices: move eth9 into the container as web0: network device eth9 does not exist")
        }
    }

    @Test func aNameThatIsTakenInsideIsAnErrorAndTheDeviceIsNotTouched() throws {
        try PrivateNetworks.with { networks in
            try networks.outside(
                "ip link add v1 type veth peer name v2; ip link set v1 up; ip addr add 10.1.2.3/24 dev v1")
            try networks.inside("ip link add web0 type veth peer name other")
            let before = try networks.outside("ip addr show v1")
            let error = try Self.refusal(of: ["v1": "web0"], networks)
            #expect(error?.kind == .alreadyExists)
            #expect(
                error?.description == "linux.netDevices: move v1 into the container as web0: "
                    + "a network device web0 already exists there")
            #expect(try networks.outside("ip addr show v1") == before)
        }
    }

    @Test func aDeviceWhoseOldNameIsTakenInsideMovesAllTheSame() throws {
        try PrivateNetworks.with { networks in
            try networks.outside("ip link add v1 type veth peer name v2")
            try networks.inside("ip link add v1 type veth peer name v2")
            _ = try Self.move(["v1": "v3"], networks)
            #expect(try networks.inside("ip -o link show v3").contains("UP"))
        }
    }

    @Test func aDeviceThatTheKernelKeepsIsAnErrorWithAHint() throws {
        try PrivateNetworks.with { networks in
            let error = try Self.refusal(of: ["lo": "lo1"], networks)
            #expect(error?.errno == .invalidArgument)
            #expect(error?.hint?.contains("keeps devices") == true)
            #expect(try networks.outside("ip -o link show lo").contains(" lo:"))
        }
    }

    @Test func theOwnNamespaceIsNoneToMoveInto() throws {
        try PrivateNetworks.with { _ in
            #expect {
                try NetworkDeviceTransfer(into: "/proc/thread-self/ns/net")
            } throws: {
                "\($0)"
                    == "linux.netDevices: the container's network namespace is the one that the devices are in already"
            }
        }
    }

    @Test func devicesComeBackAsTheyWere() throws {
        try PrivateNetworks.with { networks in
            try networks.outside(
                """
                ip link add v1 type veth peer name v2
                ip addr add 10.1.2.3/24 dev v1 label v1:web; ip addr add fd00::5/64 dev v1 nodad; ip link set v1 up
                """)
            let transfer = try Self.move(["v1": "net%d", "v2": "z"], networks)
            let failures = transfer.putBack()
            #expect(failures == [])
            #expect(try networks.inside("ip -o link").split(separator: "\n").count == 1)
            let after = try networks.outside("ip -o addr show v1")
            #expect(
                after.contains("10.1.2.3/24") && after.contains("v1:web") && after.contains("fd00::5/64"), "\(after)")
            #expect(try networks.outside("ip -o link show v1").contains("UP"))
            #expect(!(try networks.outside("ip -o link show v2").contains("UP")))
            // There is nothing to do twice.
            let again = transfer.putBack()
            #expect(again == [])
        }
    }

    @Test func aDeviceThatCannotComeBackIsSaid() throws {
        try PrivateNetworks.with { networks in
            try networks.outside("ip link add v1 type veth peer name v2")
            let transfer = try Self.move(["v1": "web0"], networks)
            try networks.inside("ip link del web0")
            let failures = transfer.putBack().map(\.description)
            #expect(failures.count == 1)
            #expect(failures.first?.hasPrefix("bring the network device v1 back: RTM_SETLINK(") == true, "\(failures)")
        }
    }
}
