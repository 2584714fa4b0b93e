import Plans
import Syscalls

extension CgroupStatistics.BlockIO {
    /// Reads the v1 blkio controller: the numbers of the bfq scheduler where it has any, else those of throttling.
    init(v1 cgroup: borrowing OwnedDescriptor) {
        serviceBytes = entries(cgroup.text("blkio.bfq.io_service_bytes_recursive"))
        serviced = entries(cgroup.text("blkio.bfq.io_serviced_recursive"))
        if serviceBytes.isEmpty && serviced.isEmpty {
            serviceBytes = entries(cgroup.text("blkio.throttle.io_service_bytes_recursive"))
            serviced = entries(cgroup.text("blkio.throttle.io_serviced_recursive"))
        }
    }

    /// Reads the io controller of a v2 cgroup: lines as "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0".
    init(v2 cgroup: borrowing some CgroupSource & ~Copyable) {
        for line in lines(cgroup.text("io.stat")) {
            let words = line.split(separator: " ")
            guard let device = words.first.flatMap(deviceNumber) else { continue }
            for word in words.dropFirst() {
                let pair = word.split(separator: "=")
                guard pair.count == 2, let value = UInt64(pair[1]) else { continue }
                func entry(_ operation: String) -> Entry {
                    Entry(major: device.major, minor: device.minor, operation: operation, value: value)
                }
                switch pair[0] {
                case "rbytes": serviceBytes.append(entry("Read"))
                case "wbytes": serviceBytes.append(entry("Write"))
                case "dbytes": serviceBytes.append(entry("Discard"))
                case "rios": serviced.append(entry("Read"))
                case "wios": serviced.append(entry("Write"))
                case "dios": serviced.append(entry("Discard"))
                default: continue
                }
            }
        }
        pressure = CgroupStatistics.Pressure(cgroup.text("io.pressure"))
    }
}

/// Reads lines as "8:0 Read 4096" and "8:0 4096"; the line "Total 4096" is left out.
private func entries(_ text: String) -> [CgroupStatistics.BlockIO.Entry] {
    lines(text).compactMap { line in
        let words = line.split(separator: " ")
        guard let device = words.first.flatMap(deviceNumber), let value = words.last.flatMap({ UInt64($0) }) else {
            return nil
        }
        return CgroupStatistics.BlockIO.Entry(
            major: device.major, minor: device.minor, operation: words.count == 3 ? String(words[1]) : "", value: value)
    }
}

private func deviceNumber(_ text: Substring) -> (major: UInt64, minor: UInt64)? {
    let parts = text.split(separator: ":").compactMap { UInt64($0) }
    return parts.count == 2 ? (parts[0], parts[1]) : nil
}
