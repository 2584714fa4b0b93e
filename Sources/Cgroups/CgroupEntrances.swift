package import Diagnostics
import Plans
import Syscalls

/// The open files through which a new process becomes a member of the container's cgroups.
///
/// For v2 the kernel starts it there: CLONE_INTO_CGROUP with a descriptor of the directory. For v1 the process itself
/// writes "0" into `tasks` of each before it does anything else: that takes no lock over the machine's threads, as
/// moving it from outside does. It closes the descriptors when it goes.
package final class CgroupEntrances: Sendable {
    /// The directory of the v2 cgroup for clone3(2), or nil.
    package let unified: Int32?
    /// `tasks` of each v1 cgroup, open for writing.
    package let tasks: [Int32]

    /// Opens the entrances of a container's cgroups.
    package init(of cgroups: ContainerCgroups) throws(RuntimeError) {
        var directory: Int32?
        var files: [Int32] = []
        do throws(SystemError) {
            for record in cgroups.records {
                switch record.version {
                case .v1:
                    files.append(try OwnedDescriptor.open(record.directory + "/tasks", .writeOnly).release())
                case .v2:
                    directory = try openCgroup(record.directory).release()
                }
            }
        } catch {
            CgroupEntrances.close(directory, files)
            throw RuntimeError(error).during("open the container's cgroups")
        }
        unified = directory
        tasks = files
    }

    deinit {
        CgroupEntrances.close(unified, tasks)
    }

    private static func close(_ directory: Int32?, _ files: [Int32]) {
        closeDescriptors(files + (directory.map { [$0] } ?? []))
    }
}
