import Diagnostics
import OCI
import Syscalls

extension Session {
    /// What virtual machines of this host have where a bundle leaves it open: a `vm` section (runtime-spec, config-vm.md) of
    /// `kernel` and `hwConfig` alone, in vm.json of the user's or of the host's, the first that is there.
    ///
    /// Engines start a runtime by its path; what is the same for all their machines has no other place to stand.
    ///
    /// - Returns: the section; nil without a file.
    /// - Throws: what is wrong with the file, by its name.
    func machineDefaults() throws(RuntimeError) -> Spec.VM? {
        for path in machineDefaultsPaths {
            let bytes: [UInt8]
            do throws(SystemError) {
                bytes = try readFile(path, limit: 1 << 20)
            } catch {
                if [.noEntry, .notDirectory].contains(error.errno) { continue }
                throw RuntimeError(error)
            }
            return try Spec.VM(bytes, named: path)
        }
        return nil
    }

    /// A user's file goes before the host's; that of root is the host's.
    private var machineDefaultsPaths: [String] {
        let host = "/etc/mvrun/vm.json"
        if isPrivileged { return [host] }
        if let folder = environmentVariable("XDG_CONFIG_HOME"), folder.hasPrefix("/") {
            return ["\(folder)/mvrun/vm.json", host]
        }
        guard let home = environmentVariable("HOME"), home.hasPrefix("/") else { return [host] }
        return ["\(home)/.config/mvrun/vm.json", host]
    }
}
