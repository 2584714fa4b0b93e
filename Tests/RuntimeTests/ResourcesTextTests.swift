import OCI
import Testing

@testable import Runtime

@Suite struct ResourcesTextTests {
    @Test func everyLimitIsReadAsItWasWritten() throws {
        let text = """
            {"memory":{"limit":-1,"reservation":2,"swap":3,"kernel":4,"kernelTCP":5,"swappiness":6,"disableOOMKiller":true,
             "useHierarchy":false,"checkBeforeUpdate":true},
             "cpu":{"shares":1,"quota":-1,"burst":2,"period":3,"realtimeRuntime":4,"realtimePeriod":5,"cpus":"0-3","mems":"0",
             "idle":1},
             "pids":{"limit":7},
             "blockIO":{"weight":10,"leafWeight":11,"weightDevice":[{"major":8,"minor":0,"weight":12,"leafWeight":13}],
             "throttleReadBpsDevice":[{"major":8,"minor":1,"rate":18446744073709551615}],
             "throttleWriteBpsDevice":[{"major":8,"minor":2,"rate":2}],
             "throttleReadIOPSDevice":[{"major":8,"minor":3,"rate":3}],
             "throttleWriteIOPSDevice":[{"major":8,"minor":4,"rate":4}]},
             "hugepageLimits":[{"pageSize":"2MB","limit":9}],
             "network":{"classID":1048577,"priorities":[{"name":"eth0","priority":5}]},
             "rdma":{"mlx5_1":{"hcaHandles":3,"hcaObjects":10000}},
             "unified":{"memory.high":"1G"}}
            """
        let resources = try Spec.Resources(Array(text.utf8), named: "limits")
        #expect(try Spec.Resources(resources.json, named: "limits") == resources)
    }
}
