import Diagnostics
import OCI
import Testing

@testable import Planning

@Suite struct MachineSizeTests {
    private func size(_ more: String, host: String? = nil) throws -> [UInt32] {
        let bundle = try Bundle(
            at: "/bundle",
            config: Array(
                """
                {"ociVersion": "1.2.0", "root": {"path": "rootfs"},
                 "process": {"cwd": "/", "args": ["true"], "user": {"uid": 0, "gid": 0}}\(more)}
                """.utf8))
        let defaults = try host.map { try Spec.VM(Array($0.utf8), named: "vm.json") }
        let size = try MachineSize(bundle.spec, defaults: defaults?.hwConfig)
        return [size.virtualCPUs, size.memoryMiB]
    }

    @Test func withoutAWishItIsOneCPUAnd256MiB() throws {
        #expect(try size("") == [1, 256])
    }

    @Test func limitsBecomeAMachineThatHoldsThem() throws {
        let linux =
            #", "linux": {"resources": {"cpu": {"quota": 150000, "period": 100000}, "memory": {"limit": 536870912}}}"#
        // 512 MiB, a 32nd of it and 64 MiB for the kernel.
        #expect(try size(linux) == [2, 592])
    }

    @Test func aSmallLimitStillBootsAKernel() throws {
        #expect(try size(#", "linux": {"resources": {"memory": {"limit": 8388608}}}"#) == [1, 128])
    }

    @Test func theMachinesOwnSectionComesFirst() throws {
        let more = #", "vm": {"kernel": {"path": "/k"}, "hwConfig": {"vcpus": 4, "memory": 1073741824}}"#
        let limit = #", "linux": {"resources": {"memory": {"limit": 8388608}}}"#
        #expect(try size(more + limit) == [4, 1024])
    }

    @Test func anAnnotationNeverOutgrowsALimit() throws {
        let annotations = #", "annotations": {"krun.ram_mib": "2048", "krun.cpus": "3"}"#
        let limit = #", "linux": {"resources": {"memory": {"limit": 8388608}}}"#
        #expect(try size(annotations) == [3, 2048])
        #expect(try size(annotations + limit) == [3, 128])
    }

    @Test func whatTheBundleLeavesOpenIsTheHosts() throws {
        let host = #"{"hwConfig": {"vcpus": 2, "memory": 402653184}}"#
        #expect(try size("", host: host) == [2, 384])
        #expect(try size(#", "annotations": {"krun.cpus": "3"}"#, host: host) == [3, 384])
        let limit = #", "linux": {"resources": {"memory": {"limit": 8388608}}}"#
        #expect(try size(limit, host: host) == [2, 128])
    }

    @Test func theHostsFileIsNamedWhereItIsWrong() throws {
        let error = #expect(throws: RuntimeError.self) { try size("", host: #"{"hwConfig": {"vcpus": 64}}"#) }
        #expect(error?.description.contains("vm.json: hwConfig.vcpus") == true)
    }

    @Test(arguments: [
        #", "annotations": {"krun.ram_mib": "64"}"#, #", "annotations": {"krun.cpus": "33"}"#,
        #", "annotations": {"krun.cpus": "-1"}"#,
        #", "vm": {"kernel": {"path": "/k"}, "hwConfig": {"vcpus": 0}}"#,
        #", "vm": {"kernel": {"path": "/k"}, "hwConfig": {"memory": 18446744073709551615}}"#,
        #", "linux": {"resources": {"memory": {"limit": 9223372036854775807}}}"#,
    ])
    func whatNoMachineCanHaveIsRefused(more: String) {
        #expect(throws: RuntimeError.self) { try size(more) }
    }
}
