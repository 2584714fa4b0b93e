import Cgroups
package import Diagnostics
import JSON
import OCI
import Syscalls

extension Session {
    /// A container's statistics as one line of JSON, of the shape that runc prints.
    package func statistics(of id: String) throws(RuntimeError) -> String {
        let (container, _) = try liveContainer(id)
        return try statisticsLine(container)
    }

    /// Prints a container's statistics at intervals, and each time the kernel has killed a process of it for lack of
    /// memory; until the container has ended.
    ///
    /// - Parameters:
    ///   - id: the container.
    ///   - intervalMilliseconds: the time between statistics.
    ///   - print: takes a line.
    package func events(
        of id: String, intervalMilliseconds: Int, print: (String) throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        let (container, _) = try liveContainer(id)
        let process: OwnedDescriptor
        do throws(SystemError) {
            guard let open = try container.record.process?.open() else {
                throw SystemError("pidfd_open", id, .noProcess)
            }
            process = open
        } catch {
            throw error.errno == .noProcess ? notRunning() : RuntimeError(error)
        }
        var kills = outOfMemoryKills(of: container) ?? 0
        var nextStatistics = monotonicMilliseconds() + intervalMilliseconds
        while true {
            // Both interfaces count what they kill, and the count is still there after an event was missed.
            let now = outOfMemoryKills(of: container) ?? kills
            if now > kills { try print(line("oom", id) { _ in }) }
            kills = now
            var set = PollSet()
            set.add(process, .readable)
            do {
                let left = max(0, nextStatistics - monotonicMilliseconds())
                let pause = min(Self.killCheckMilliseconds(of: container), left)
                if try set.wait(timeoutMilliseconds: pause) { break }
            } catch {
                throw RuntimeError(error)
            }
            if monotonicMilliseconds() >= nextStatistics {
                try print(try statisticsLine(container))
                nextStatistics += intervalMilliseconds
            }
        }
        // The last process may be the one that was killed.
        if outOfMemoryKills(of: container) ?? kills > kills { try print(line("oom", id) { _ in }) }
    }

    /// How often the count of killed processes is looked at; a guest has to be asked for it.
    private static func killCheckMilliseconds(of container: Container) -> Int {
        container.record.isolation == .vm ? 1000 : 100
    }

    /// How many processes the kernel has killed for lack of memory: in a machine that of the guest, as long as it answers.
    private func outOfMemoryKills(of container: Container) -> UInt64? {
        guard container.record.isolation == .vm else { return container.cgroups.outOfMemoryKills }
        return try? guestStatistics(container).outOfMemoryKills
    }

    private func statisticsLine(_ container: Container) throws(RuntimeError) -> String {
        if container.record.isolation == .vm {
            let (guest, figures) = (try guestStatistics(container).statistics, try machineFigures(container))
            return line("stats", container.record.id) { event in
                event.member("data") {
                    guest.write(into: &$0, machine: (figures, container.cgroups.statistics()))
                }
            }
        }
        let statistics = container.cgroups.statistics()
        let mount = container.record.resctrlGroup == nil ? nil : resctrl ?? (try? Resctrl.current())
        let resctrl = ResctrlStatistics(of: container.record, in: mount)
        return line("stats", container.record.id) { event in
            event.member("data") { statistics.write(into: &$0, resctrl: resctrl) }
        }
    }

    private func line(_ type: String, _ id: String, _ members: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        writer.object { event in
            event.member("type", type)
            event.member("id", id)
            members(&event)
        }
        return writer.text + "\n"
    }
}
