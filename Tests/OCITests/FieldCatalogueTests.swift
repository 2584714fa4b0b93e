import JSON
import OCI
import Testing

@Suite struct FieldCatalogueTests {
    private func catalogue(_ bytes: [UInt8]) throws -> FieldCatalogue {
        try FieldCatalogue(config: JSONDocument(bytes, named: "config.json"))
    }

    @Test func unknownFieldsAreNamedWithLineAndSuggestion() throws {
        let unknown = try catalogue(
            config(
                process: #"{"cwd": "/", "args": ["sh"], "noNewPrivilege": true}"#,
                #""linux": {"namespacez": [], "resources": {"devices": [{"allow": true, "mayor": 1}]}}, "foo": {"bar": 1}"#
            )
        ).unknown
        #expect(
            unknown.map(\.path) == [
                "process.noNewPrivilege", "linux.namespacez", "linux.resources.devices[0].mayor", "foo",
            ])
        #expect(unknown.map(\.line) == [4, 5, 5, 5])
        #expect(unknown[2].pattern == "linux.resources.devices[].mayor")
        #expect(
            unknown.map(\.status) == [
                .unknown(suggestion: "noNewPrivileges"), .unknown(suggestion: "namespaces"),
                .unknown(suggestion: "major"),
                .unknown(suggestion: nil),
            ])
    }

    @Test func knownFieldsAreListedInTheOrderOfTheText() throws {
        let fields = try catalogue(
            config(
                """
                "annotations": {"a": "b"}, "windows": {"x": 1}, "hostname": null,
                "linux": {"rootfsPropagation": "slave", "resources": {"rdma": {"mlx5": {"hcaObjects": 1}}, "memory": {}},
                  "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_LOG"}]}},
                "vm": {"hwconfig": {"vcpus": 1}}
                """)
        ).fields
        #expect(
            fields.map(\.path) == [
                "ociVersion", "root.path", "process.cwd", "process.args", "annotations", "windows",
                "linux.rootfsPropagation",
                "linux.resources.rdma.mlx5.hcaObjects", "linux.seccomp.defaultAction",
                "linux.seccomp.syscalls[0].names",
                "linux.seccomp.syscalls[0].action", "vm.hwconfig.vcpus",
            ])
        #expect(fields.filter { $0.status != .known }.map(\.path) == ["windows"])
        #expect(fields.first { $0.path == "windows" }?.status == .ignored)
        #expect(fields[7].pattern == "linux.resources.rdma[].hcaObjects")
        #expect(fields.last?.pattern == "vm.hwConfig.vcpus")
    }

    @Test func theListOfAllFieldsHasEachObjectOfTheSpec() throws {
        let definitions = try FieldCatalogue.specification()
        let unfilled = definitions.filter { [.object, .objects, .objectMap].contains($0.shape) }
        #expect(unfilled.map(\.pattern) == [], "the exemplar lacks an object that the readers know")
        #expect(Set(definitions.map(\.pattern)).count == definitions.count)
        for pattern in [
            "process.user.additionalGids", "mounts[].options", "hooks.poststop[].timeout", "linux.sysctl",
            "linux.resources.blockIO.throttleReadIOPSDevice[].rate", "linux.resources.rdma[].hcaHandles",
            "linux.seccomp.syscalls[].args[].valueTwo", "linux.timeOffsets[].nanosecs", "vm.hwConfig.iomems[].firstGFN",
        ] {
            #expect(definitions.contains { $0.pattern == pattern }, "\(pattern)")
        }
    }
}
