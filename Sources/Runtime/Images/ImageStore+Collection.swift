import Diagnostics
import Syscalls

extension ImageStore {
    /// Removes what nobody uses: the places of containers that do not exist, what killed processes were about to make, and
    /// images of which there is no container.
    ///
    /// - Parameters:
    ///   - directory: the store's; nothing is made where there is none.
    ///   - session: whose log is told what could not be removed.
    /// - Returns: what was removed, a line each; nothing where somebody is at work in the store.
    static func collect(
        _ directory: String, in session: Session
    ) throws(RuntimeError) -> [String] {
        guard exists(directory) else { return [] }
        let rootless = !session.isPrivileged
        return try with(directory, rootless: rootless) { store throws(RuntimeError) in
            // Whoever waits for a shared lock meanwhile goes on with what is left.
            guard (try? store.lock.lock(exclusive: true, wait: false)) != nil else { return [] }
            var removed: [String] = []
            let names = try during("look into \(directory)") { try store.folder.entries().sorted() }
            func remove(_ name: String, _ told: String?) {
                do throws(RuntimeError) {
                    try ImageRun.remove("\(directory)/\(name)", rootless: rootless)
                    if let told { removed.append(told) }
                } catch {
                    session.log.warn("\(error)")
                }
            }
            var used: Set<String> = []
            for name in names where name.hasPrefix("run.") {
                let path = "\(directory)/\(name)"
                if ImageRun.isUsed(path) {
                    if let image = ImageRun.image(of: path) { used.insert(image) }
                } else {
                    remove(name, "\(name): its container does not exist")
                }
            }
            for name in names where !name.hasPrefix("run.") && name != "lock" && !used.contains("\(directory)/\(name)")
            {
                if let image = try? store.folder.linkTarget(name), used.contains("\(directory)/\(image)") { continue }
                if isDigest(name) {
                    // Under this name nobody takes for whole what a killed gc has left of it.
                    guard (try? store.folder.rename(name, to: "removed.\(name)")) != nil else { continue }
                    remove("removed.\(name)", "\(name): no container uses this image")
                } else if !OwnName.isAlive(name) {
                    UnpackingJail.end(in: "\(directory)/\(name)", session)
                    remove(name, nil)
                }
            }
            return removed
        }
    }

    private static func isDigest(_ name: String) -> Bool {
        name.utf8.count == 64 && !name.contains(".")
    }
}
