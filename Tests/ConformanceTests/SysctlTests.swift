import TestSupport
import Testing

/// runtime-spec, config-linux.md, "Sysctl".
@Suite(.requires(.root)) struct SysctlTests {
    @Test func namespacedParametersAreSet() throws {
        let bundle = try TemporaryBundle {
            $0.linux.sysctl = [
                "net.ipv4.ip_unprivileged_port_start": "1234", "kernel.msgmax": "9999",
                "kernel.domainname": "sys.example",
                "fs.mqueue.msg_max": "11",
            ]
        }
        let files = ["net/ipv4/ip_unprivileged_port_start", "kernel/msgmax", "kernel/domainname", "fs/mqueue/msg_max"]
        let outcome = try bundle.run(["/bin/cat"] + files.map { "/proc/sys/\($0)" })
        #expect(outcome.output == "1234\n9999\nsys.example\n11\n", "\(outcome)")
    }

    @Test func aParameterMayBeSpelledWithSlashes() throws {
        let bundle = try TemporaryBundle { $0.linux.sysctl = ["net/ipv4/ip_forward": "1"] }
        #expect(try bundle.run(["/bin/cat", "/proc/sys/net/ipv4/ip_forward"]).line == "1")
    }

    @Test func theParametersAreSetThoughProcSysIsReadOnly() throws {
        let bundle = try TemporaryBundle {
            $0.linux.sysctl = ["net.ipv4.ip_forward": "1"]
            $0.linux.readonlyPaths = ["/proc/sys"]
        }
        #expect(try bundle.run(["/bin/cat", "/proc/sys/net/ipv4/ip_forward"]).line == "1")
    }

    @Test func aParameterThatDoesNotExistIsNamed() throws {
        let bundle = try TemporaryBundle { $0.linux.sysctl = ["net.ipv4.nope": "1"] }
        expectRefusal(try bundle.run(), naming: "linux.sysctl", "net.ipv4.nope")
    }

    @Test func aParameterOfTheWholeHostIsRefusedWhereThatIsNotTheGuests() throws {
        let bundle = try TemporaryBundle { $0.linux.sysctl = ["vm.swappiness": "1"] }
        if RuntimeUnderTest.current.isolation == .vm {
            #expect(try bundle.run(["/bin/cat", "/proc/sys/vm/swappiness"]).line == "1")
        } else {
            expectRefusal(try bundle.run(), naming: "linux.sysctl", "vm.swappiness")
        }
    }

    @Test(
        .requires(.container),
        arguments: [("network", "net.ipv4.ip_forward"), ("ipc", "kernel.msgmax"), ("uts", "kernel.domainname")])
    func aParameterWithoutItsNamespaceIsRefused(namespace: String, parameter: String) throws {
        let bundle = try TemporaryBundle {
            $0.linux.sysctl = [parameter: "1"]
            $0.removeNamespace(namespace)
            $0.hostname = nil
            $0.mounts.elements.removeAll { $0.destination == "/sys" || $0.destination == "/dev/mqueue" }
        }
        expectRefusal(try bundle.run(), naming: "linux.sysctl", parameter)
    }

    @Test func aValueThatTheKernelRefusesIsNamed() throws {
        let bundle = try TemporaryBundle { $0.linux.sysctl = ["net.ipv4.ip_unprivileged_port_start": "many"] }
        expectRefusal(try bundle.run(), naming: "net.ipv4.ip_unprivileged_port_start", "many")
    }
}
