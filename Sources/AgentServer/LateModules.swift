package import Diagnostics
import Syscalls

/// The modules of a guest that are loaded when something asks for them: the agent for a device, or the kernel itself, which
/// has mvrun-init run in modprobe(8)'s place.
///
/// The initramfs lists them in `/modules/later`, a request and its files a line. What is not there is built in, or missing.
package enum LateModules {
    /// Where the initramfs has modules, which is bound to the same place of the root that takes its place.
    static let directory = "/modules"
    static let list = directory + "/later"
    /// What the kernel calls a program that loads modules by.
    static let setting = "/proc/sys/kernel/modprobe"
    /// The options that it calls it with.
    private static let options = ["-q", "--"]

    /// Loads what a request needs.
    ///
    /// - Parameter request: a driver's name, or an alias as the kernel makes it: "net-pf-17", "fs-overlay".
    /// - Returns: whether there are modules for it.
    @discardableResult
    package static func load(_ request: String) throws(RuntimeError) -> Bool {
        // Where everything is built in there is no list.
        guard exists(list) else { return false }
        let text = try during("read \(list)") { () throws(SystemError) in try readText(list) }
        guard let files = files(for: request, in: text) else { return false }
        for name in files {
            do {
                try insert("\(directory)/\(name)")
            } catch {
                throw RuntimeError(error).during("load \(name)")
            }
        }
        return true
    }

    /// Gives the kernel a module; one that it has already is no fault.
    static func insert(_ path: String) throws(SystemError) {
        do {
            try Kernel.loadModule(try OwnedDescriptor.open(path), subject: path)
        } catch {
            if error.errno != .exists { throw error }
        }
    }

    /// The files of a request, in the order to load them; nil where the list does not have it.
    static func files(for request: String, in list: String) -> [String]? {
        for line in list.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if words.first == request { return Array(words.dropFirst()) }
        }
        return nil
    }

    /// The request of a command line that the kernel made; nil for any other.
    package static func request(of arguments: [String]) -> String? {
        arguments.count == 4 && Array(arguments[1..<3]) == options ? arguments[3] : nil
    }
}
