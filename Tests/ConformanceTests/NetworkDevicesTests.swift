import Foundation
import TestSupport
import Testing

/// runtime-spec, config-linux.md, "Network Devices".
@Suite(.requires(.root, .program("ip"), .program("unshare"), .program("nsenter"))) struct NetworkDevicesTests {
    /// A bundle that is given the device `mvt0`, which is up and has addresses.
    ///
    /// It is made in a network namespace of the test's own, where the runtime runs as well; `afterwards` is a shell script
    /// that runs there behind it.
    private func bundle(_ inside: String, afterwards: String = "") throws -> TemporaryBundle {
        let bundle = try TemporaryBundle { $0.linux.netDevices = ["mvt0": ["name": .string(inside)]] }
        let before = """
            ip link add mvt0 mtu 1400 type veth peer name other; ip link set mvt0 up
            ip addr add 10.9.8.7/24 dev mvt0; ip addr add fd00::7/64 dev mvt0 nodad; ip addr add 10.6.0.1/24 dev mvt0 scope link
            """
        bundle.wrapper = [
            "unshare", "--net", "sh", "-ec", "\(before)\nstatus=0; \"$@\" || status=$?\n\(afterwards)\nexit $status",
            "sh",
        ]
        return bundle
    }

    @Test func aDeviceIsUpWithItsPermanentGlobalAddressesAlone() throws {
        let bundle = try bundle("inner0")
        let outcome = try bundle.shell("ip addr show inner0; ! ip link show mvt0")
        #expect(outcome.succeeded, "\(outcome)")
        #expect(outcome.output.contains("10.9.8.7/24") && outcome.output.contains("fd00::7/64"), "\(outcome)")
        #expect(outcome.output.contains("UP") && outcome.output.contains("mtu 1400"), "\(outcome)")
        #expect(!outcome.output.contains("10.6.0.1"), "\(outcome)")
    }

    @Test func theHooksFindTheDeviceInTheContainer() throws {
        let bundle = try bundle("inner0")
        let log = bundle.path("log")
        let script = """
            pid=$(sed -E 's/.*"pid": *([0-9]+).*/\\1/' | head -n 1)
            nsenter --net=/proc/$pid/ns/net ip -o link show inner0 > \(log)
            """
        bundle.spec.hooks.createRuntime = [
            [
                "path": "/bin/sh", "args": ["sh", "-c", .string("tr -d '\\n' | (\(script))")],
                "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            ]
        ]
        let outcome = try bundle.run(["/bin/true"])
        #expect(outcome.succeeded, "\(outcome)")
        #expect(try String(contentsOfFile: log, encoding: .utf8).contains("UP"))
    }

    @Test func aTemplateBecomesAFreeName() throws {
        let outcome = try bundle("net%d").shell("ip -o link show net0")
        #expect(outcome.succeeded, "\(outcome)")
    }

    @Test func aDeviceThatDoesNotExistIsNamed() throws {
        let bundle = try bundle("inner0")
        bundle.spec.linux.netDevices = ["mvt9": ["name": "inner0"]]
        expectRefusal(try bundle.run(["/bin/true"]), naming: "linux.netDevices", "mvt9", "does not exist")
    }

    @Test func aNameThatExistsInTheContainerIsRefused() throws {
        let bundle = try bundle("lo", afterwards: "ip -o addr show mvt0")
        let outcome = try bundle.run(["/bin/true"])
        expectRefusal(outcome, naming: "linux.netDevices", "lo", "already exists")
        #expect(outcome.output.contains("10.9.8.7/24"), "\(outcome)")
    }

    /// Otherwise the end of the container's network namespace would be the end of a virtual device.
    @Test(.requires(.mvrun)) func aDeviceComesBackFromAContainerThatCouldNotBeMade() throws {
        let bundle = try bundle("inner0", afterwards: "ip addr show mvt0")
        bundle.spec.hooks.createRuntime = [["path": "/bin/false", "args": ["false"]]]
        let outcome = try bundle.run(["/bin/true"])
        expectRefusal(outcome, naming: "hooks.createRuntime[0]")
        #expect(outcome.output.contains("10.9.8.7/24") && outcome.output.contains("fd00::7/64"), "\(outcome)")
        #expect(outcome.output.contains("UP"), "\(outcome)")
    }

    @Test(.requires(.mvrun)) func aDeviceComesBackFromAContainerWhoseProgramIsMissing() throws {
        let bundle = try bundle("inner0", afterwards: "ip addr show mvt0")
        let outcome = try bundle.run(["/no/such/program"])
        #expect(!outcome.succeeded && outcome.errors.contains("/no/such/program"), "\(outcome)")
        #expect(outcome.output.contains("10.9.8.7/24"), "\(outcome)")
    }
}
