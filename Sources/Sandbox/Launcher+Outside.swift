import Diagnostics
import Plans
import Syscalls

extension Launcher {
    /// Opens the trees that the stage may not or cannot open, mapped as the plan says.
    ///
    /// - Returns: the numbers of the open trees, which the caller closes.
    func openTrees(_ trees: [LauncherTree], mappedAs launch: LaunchPlan) throws(RuntimeError) -> [Int32] {
        var opened: [Int32] = []
        do {
            for tree in trees { opened.append(try open(tree, mappedAs: launch).release()) }
        } catch {
            for number in opened { _ = OwnedDescriptor(owning: number) }
            throw error
        }
        return opened
    }

    private func open(_ tree: LauncherTree, mappedAs launch: LaunchPlan) throws(RuntimeError) -> OwnedDescriptor {
        let opened = try clone(tree)
        let users = tree.mapsAsContainer ? launch.userMappings : tree.userMappings
        let groups = tree.mapsAsContainer ? launch.groupMappings : tree.groupMappings
        guard !users.isEmpty else { return opened }
        let namespace = try makeUserNamespace(users: users, groups: groups, field: tree.field)
        do {
            try Mounting.mapIDs(
                of: opened, through: namespace, recursive: tree.mapsRecursively, subject: tree.path)
        } catch {
            guard error.errno == .invalidArgument else { throw RuntimeError(error).during(tree.field) }
            throw RuntimeError(
                .unsupported, "\(tree.field): the file system of \(tree.path) cannot be mapped to other ids",
                errno: error.errno)
        }
        return opened
    }

    private func clone(_ tree: LauncherTree) throws(RuntimeError) -> OwnedDescriptor {
        do {
            return try Mounting.cloneTree(tree.path, recursive: tree.recursive)
        } catch let error where error.errno == .noEntry {
            throw RuntimeError(
                .notFound, "\(tree.field): \(tree.path) does not exist (no such file or directory)")
        } catch {
            throw RuntimeError(error).during(tree.field)
        }
    }

    /// A user namespace with these maps, which nobody lives in.
    private func makeUserNamespace(
        users: [IDMapping], groups: [IDMapping], field: String
    ) throws(RuntimeError) -> OwnedDescriptor {
        do {
            let holder = try holdUserNamespace()
            // It only sleeps: killing it cannot fail before it was waited for.
            defer { endHolder(holder) }
            try writeIDMaps(of: holder, users: users, groups: groups)
            return try OwnedDescriptor.open("/proc/\(holder)/ns/user")
        } catch let error as RuntimeError {
            throw error.during(field)
        } catch let error as SystemError {
            throw RuntimeError(error).during(field)
        } catch {
            throw RuntimeError(.system, "\(error)").during(field)
        }
    }

    private func endHolder(_ holder: Int32) {
        try? sendSignal(9, to: holder)
        _ = try? waitForChild(holder)
    }

    /// Puts this process, and so the stage, on the CPUs where it is to be until it is in the container's cgroup.
    func setInitialAffinity(_ mask: [UInt8]) throws(RuntimeError) {
        do {
            try Scheduling.setAffinity(mask)
        } catch {
            throw RuntimeError(error).during("process.execCPUAffinity.initial")
        }
    }

    /// Sets what only somebody outside may set.
    borrowing func finishFromOutside() throws(RuntimeError) {
        if let adjustment = plan.launch.oomScoreAdjustment { try adjustOOMScore(adjustment) }
    }

    /// Sets the resource limits.
    borrowing func setLimits() throws(RuntimeError) {
        for limit in plan.launch.resourceLimits { try set(limit) }
    }

    private borrowing func adjustOOMScore(_ value: Int) throws(RuntimeError) {
        let path = "/proc/\(pid)/oom_score_adj"
        do {
            // Most configurations ask for what is there already, and lowering takes a privilege.
            if let present = try? readText(path), Int(present.dropLast()) == value { return }
            try writeFile("\(value)", to: path)
        } catch {
            let present = (try? readText(path))?.split(separator: "\n").first ?? "unknown"
            throw RuntimeError(
                .unsupported, "process.oomScoreAdj: wanted \(value), allowed \(present) and above: \(error.errno)",
                errno: error.errno, hint: "lowering oom_score_adj takes CAP_SYS_RESOURCE")
        }
    }

    private borrowing func set(_ limit: ResourceLimit) throws(RuntimeError) {
        do {
            try Scheduling.setLimit(limit.resource, of: pid, soft: limit.soft, hard: limit.hard, subject: limit.name)
        } catch let error where error.errno == .notPermitted {
            let allowed = (try? Scheduling.limit(limit.resource, of: pid))?.hard ?? 0
            guard surroundings.clampsLimits else {
                throw RuntimeError(
                    .unsupported,
                    "\(limit.field): \(limit.name) wanted \(limit.hard), allowed \(allowed): \(error.errno)",
                    errno: error.errno,
                    hint: "raising a hard limit takes CAP_SYS_RESOURCE; --clamp-rlimits goes on with \(allowed)")
            }
            surroundings.warn("\(limit.field): \(limit.name) is clamped to \(allowed); wanted \(limit.hard)")
            try during(limit.field) {
                try Scheduling.setLimit(
                    limit.resource, of: pid, soft: min(limit.soft, allowed), hard: allowed, subject: limit.name)
            }
        } catch {
            throw RuntimeError(error).during(limit.field)
        }
    }
}
