package import Diagnostics

/// What the global options of a command line have settled: every operation of this module is one of a session.
package struct Session {
    /// Where containers are kept.
    package let store: StateStore
    /// Where mvrun reports what it does.
    package let log: Log
    /// Who makes the cgroups.
    package var cgroupManager = CgroupManager.cgroupfs
    /// Whether a container goes without cgroups that may not be made; nil decides by what this process may do.
    package var toleratesCgroups: Bool?
    /// The criu program; nil looks for it in PATH.
    package var criu: String?

    /// Whether mvrun was started under the name by which engines ask for virtual machines.
    package var isNamedForMachines = false
    /// Where resctrl is mounted; nil looks for it.
    package var resctrl: Resctrl?

    /// Who makes a container's cgroups.
    package enum CgroupManager: Sendable {
        /// mvrun, in the file system.
        case cgroupfs
        /// systemd, which is asked for a scope.
        case systemd
        /// Nobody: the container stays in the caller's.
        case disabled
    }

    /// Begins a session.
    package init(store: StateStore, log: Log) {
        self.store = store
        self.log = log
    }
}
