package import Diagnostics
import Plans
import Syscalls

extension ContainerCgroups {
    /// Removes the directories that were made for the container, and every cgroup that the container made inside.
    ///
    /// What is gone already is no error. Directories that were there before stay, even empty.
    ///
    /// - Parameter timeoutMilliseconds: how long to wait for the kernel to let go of processes that have ended.
    /// - Throws: the first cgroup that will not go; the others are removed all the same.
    package func remove(timeoutMilliseconds: Int = 2000) throws(RuntimeError) {
        var failure: RuntimeError?
        for record in records where record.madeDirectories > 0 {
            do throws(SystemError) {
                try remove(record, timeoutMilliseconds: timeoutMilliseconds)
            } catch {
                let hint = error.errno == .busy ? "it still holds processes" : nil
                failure = failure ?? RuntimeError(error, hint: hint).during("remove \(record)")
            }
        }
        if let failure { throw failure }
    }

    private func remove(_ record: CgroupRecord, timeoutMilliseconds: Int) throws(SystemError) {
        try removeCgroup(record.directory, timeoutMilliseconds: timeoutMilliseconds)
        var path = record.path
        for _ in 1..<max(record.madeDirectories, 1) {
            guard let slash = path.utf8.lastIndex(of: 0x2f), slash != path.startIndex else { return }
            path = String(path[..<slash])
            do {
                try removeDirectory(record.mountPoint + path)
            } catch let error where [.busy, .notEmpty, .noEntry].contains(error.errno) {
                // Another container has moved in below a directory that we made for ours.
                return
            }
        }
    }
}

/// Removes a cgroup and those inside it, and waits while the kernel says that it is busy.
private func removeCgroup(_ path: String, timeoutMilliseconds: Int) throws(SystemError) {
    var waited = 0
    var pause = 1
    while true {
        do {
            return try removeDirectory(path)
        } catch let error where error.errno == .noEntry {
            return
        } catch let error where error.errno == .busy || error.errno == .notEmpty {
            // Either has cgroups inside, or a process that has ended is not yet off the books.
            do {
                try removeChildren(of: try OwnedDescriptor.open(path, [.directory, .noFollow]))
                try removeDirectory(path)
                return
            } catch let error where error.errno == .noEntry {
                return
            } catch let error where error.errno == .busy || error.errno == .notEmpty {
                if waited >= timeoutMilliseconds { throw error }
            }
        }
        sleep(milliseconds: pause)
        waited += pause
        pause = min(pause * 2, 100)
    }
}

/// Removes the directories inside a cgroup, depth first; files go with their directory, and links are not followed.
///
/// The container may have made them, as deep as it liked: two descriptors do for any depth.
private func removeChildren(of directory: borrowing OwnedDescriptor) throws(SystemError) {
    var current = try OwnedDescriptor.open(at: directory, ".", .directory)
    var way: [String] = []
    var pending = [try current.directories()]
    while true {
        if let name = pending[pending.count - 1].popLast() {
            do {
                try current.remove(name, directory: true)
            } catch let error where error.errno == .noEntry {
                continue
            } catch let error where error.errno == .busy || error.errno == .notEmpty {
                current = try OwnedDescriptor.open(at: current, name, [.directory, .noFollow])
                let inside = try current.directories()
                // Nothing inside to remove first: it is a process that keeps it busy.
                if inside.isEmpty { throw error }
                way.append(name)
                pending.append(inside)
            }
        } else {
            pending.removeLast()
            guard let name = way.popLast() else { return }
            current = try OwnedDescriptor.open(at: current, "..", .directory)
            do {
                try current.remove(name, directory: true)
            } catch let error where error.errno == .noEntry {
                continue
            }
        }
    }
}
