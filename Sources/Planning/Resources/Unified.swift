import Diagnostics
import OCI
import Plans

// Files of cgroup v2 by name. runtime-spec, config-linux.md, "Unified".

extension Spec.Resources {
    /// What is written into the v2 cgroup, and the controllers that have these files.
    ///
    /// They are written last: what is set by name wins over what is converted. A value of several lines is written line
    /// by line, as io.max and the like take one device at a time.
    func unifiedSettings() throws(RuntimeError) -> (settings: [CgroupSetting], controllers: [String]) {
        var settings: [CgroupSetting] = []
        var controllers: [String] = []
        for entry in unified {
            let field = "linux.resources.unified[\"\(entry.key)\"]"
            guard !entry.key.utf8.contains(0x2f), let dot = entry.key.utf8.firstIndex(of: 0x2e) else {
                throw RuntimeError(
                    .invalidBundle, "\(field): not the name of a file in a cgroup",
                    hint: "such names are CONTROLLER.FILE, as memory.high, without slashes")
            }
            let controller = String(entry.key[..<dot])
            if controller != "cgroup", !controllers.contains(controller) { controllers.append(controller) }
            let lines = entry.value.utf8.split(separator: 0x0a).map { String(Substring($0)) }
            for line in lines.isEmpty ? [""] : lines { settings.append(CgroupSetting(field, entry.key, line)) }
        }
        return (settings, controllers)
    }
}
