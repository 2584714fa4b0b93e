package import AgentProtocol
package import Cgroups
package import JSON

extension CgroupStatistics {
    /// Writes the object that `events --stats` prints as `data`, member by member as runc does.
    ///
    /// - Parameters:
    ///   - resctrl: what resctrl says; nil where the container has nothing to do with it.
    ///   - machine: the virtual machine whose guest these figures are of, and what the host's cgroups say of it.
    package func write(
        into writer: inout JSONWriter, resctrl: ResctrlStatistics? = nil,
        machine: (figures: MachineFigures, host: CgroupStatistics)? = nil
    ) {
        writer.object { writer in
            writer.member("cpu") { cpu.write(into: &$0) }
            writer.member("cpuset") { writer in writer.object { cpuSet?.write(into: &$0) } }
            writer.member("memory") { writer in writer.object { memory?.write(into: &$0) } }
            writer.member("pids") { writer in
                writer.object { writer in
                    writer.member("current", pids?.current ?? 0)
                    writer.member("limit", pids?.limit ?? 0)
                }
            }
            writer.member("blkio") { blockIO.write(into: &$0) }
            writer.member("hugetlb") { writer in
                writer.object { writer in
                    for (size, usage) in hugePages { writer.member(size) { usage.write(into: &$0) } }
                }
            }
            if !rdma.isEmpty {
                writer.member("rdma") { writer in
                    writer.array { writer in
                        for device in rdma { device.write(into: &writer) }
                    }
                }
            }
            // Members that runc always prints, for what is not a matter of cgroups.
            writer.member("intel_rdt") { $0.object { resctrl?.write(into: &$0) } }
            writer.member("network_interfaces") { $0.null() }
            // Beyond runc's: the figures above are the guest's own.
            if let machine { writer.member("machine") { machine.figures.write(into: &$0, host: machine.host) } }
        }
    }
}

extension MachineFigures {
    fileprivate func write(into writer: inout JSONWriter, host: CgroupStatistics) {
        writer.object { writer in
            writer.member("memory", memory)
            if let available { writer.member("available", available) }
            writer.member("balloon") { writer in
                writer.object { writer in
                    writer.member("target", balloonTarget)
                    writer.member("actual", balloon)
                    writer.member("hasDriver", hasBalloonDriver)
                }
            }
            writer.member("resident", resident)
            writer.member("host") { writer in
                writer.object { writer in
                    writer.member("cpu", host.cpu.total)
                    writer.member("memory", host.memory?.usage.usage ?? 0)
                }
            }
        }
    }
}

extension CgroupStatistics.CPU {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("usage") { writer in
                writer.object { writer in
                    writer.member("total", total)
                    writer.member("percpu", perCPU)
                    writer.member("percpu_kernel", perCPUKernel)
                    writer.member("percpu_user", perCPUUser)
                    writer.member("kernel", kernel)
                    writer.member("user", user)
                }
            }
            writer.member("throttling") { writer in
                writer.object { writer in
                    writer.member("periods", periods)
                    writer.member("throttledPeriods", throttledPeriods)
                    writer.member("throttledTime", throttledTime)
                }
            }
            pressure?.write(into: &writer)
        }
    }
}

extension CgroupStatistics.CPUSet {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.member("cpus", cpus.map(UInt64.init))
        writer.member("mems", mems.map(UInt64.init))
        for (name, value) in values { writer.member(name, Int(value)) }
    }
}

extension CgroupStatistics.Memory {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.member("cache", cache)
        writer.member("usage") { usage.write(into: &$0) }
        writer.member("swap") { swap.write(into: &$0) }
        writer.member("kernel") { kernel.write(into: &$0) }
        writer.member("kernelTCP") { kernelTCP.write(into: &$0) }
        writer.member("raw") { writer in
            writer.object { writer in
                for (name, value) in raw { writer.member(name, value) }
            }
        }
        pressure?.write(into: &writer)
    }
}

extension CgroupStatistics.Memory.Usage {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("limit", limit)
            writer.member("usage", usage)
            writer.member("max", max)
            writer.member("failcnt", failures)
        }
    }
}

extension CgroupStatistics.BlockIO {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("ioServiceBytesRecursive") { writer in
                writer.array { writer in
                    for entry in serviceBytes { entry.write(into: &writer) }
                }
            }
            writer.member("ioServicedRecursive") { writer in
                writer.array { writer in
                    for entry in serviced { entry.write(into: &writer) }
                }
            }
            pressure?.write(into: &writer)
        }
    }
}

extension CgroupStatistics.BlockIO.Entry {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("major", major)
            writer.member("minor", minor)
            if !operation.isEmpty { writer.member("op", operation) }
            writer.member("value", value)
        }
    }
}

extension CgroupStatistics.HugePages {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("usage", usage)
            writer.member("max", max)
            writer.member("failcnt", failures)
        }
    }
}

extension CgroupStatistics.RDMA {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("device", device)
            writer.member("hca_handle", handles)
            writer.member("hca_object", objects)
        }
    }
}

extension CgroupStatistics.Pressure {
    /// Writes the member `psi`.
    fileprivate func write(into writer: inout JSONWriter) {
        writer.member("psi") { writer in
            writer.object { writer in
                writer.member("some") { some.write(into: &$0) }
                writer.member("full") { full.write(into: &$0) }
            }
        }
    }
}

extension CgroupStatistics.Pressure.Share {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("avg10") { $0.value(average10) }
            writer.member("avg60") { $0.value(average60) }
            writer.member("avg300") { $0.value(average300) }
            writer.member("total", total)
        }
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ key: String, _ numbers: [UInt64]) {
        member(key) { writer in
            writer.array { writer in
                for number in numbers { writer.value(number) }
            }
        }
    }
}
