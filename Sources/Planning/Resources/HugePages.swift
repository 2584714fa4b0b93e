import Diagnostics
import OCI
import Plans

// Huge pages. runtime-spec, config-linux.md, "Huge page limits".

extension Spec.Resources {
    /// What is written for the hugetlb controller.
    ///
    /// The limit holds for pages in use and, where the kernel has that (Linux 5.7), for those reserved: a program that
    /// reserves more dies by SIGBUS when it uses them, instead of being refused.
    func hugePageSettings(_ version: CgroupVersion) throws(RuntimeError) -> [CgroupSetting] {
        var settings: [CgroupSetting] = []
        for (index, entry) in hugepageLimits.enumerated() {
            let field = "linux.resources.hugepageLimits[\(index)]"
            guard isPageSize(entry.pageSize) else {
                throw RuntimeError(
                    .invalidBundle, "\(field).pageSize: \"\(entry.pageSize)\" is not a size as 64KB, 2MB or 1GB")
            }
            let suffix = version == .v1 ? "limit_in_bytes" : "max"
            let prefix = "hugetlb.\(entry.pageSize)."
            settings.append(CgroupSetting(field, prefix + suffix, "\(entry.limit)"))
            settings.append(
                CgroupSetting(field, prefix + "rsvd." + suffix, "\(entry.limit)", tolerance: .missingFile))
        }
        return settings
    }

    /// A number that does not start with 0, then KB, MB or GB.
    private func isPageSize(_ text: String) -> Bool {
        let digits = text.utf8.prefix { (0x30...0x39).contains($0) }
        let unit = text.utf8.dropFirst(digits.count)
        return digits.first.map { $0 != 0x30 } == true && ["KB", "MB", "GB"].contains(String(Substring(unit)))
    }
}
