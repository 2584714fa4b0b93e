/// What the options of a mount mean; runtime-spec, config.md, "Linux mount options".
///
/// Options take effect in their order, so a later one overrides an earlier one. What the table does not know belongs to
/// the file system.
package struct MountOptions: Sendable, Equatable {
    /// Whether ids are mapped on the mount.
    package enum IDMapped: Sendable, Equatable {
        /// They are not.
        case no
        /// On the mount itself.
        case single
        /// On the mount and on all mounts below.
        case recursive
    }

    /// What one option does.
    enum Effect: Sendable {
        case set(MountFlags)
        case clear(MountFlags)
        case recursive(set: MountAttributes, clear: MountAttributes)
        case propagate(Spec.Propagation)
        case map(IDMapped)
        case copyUp
        case copySymlink
        case sourceNoFollow
        case destinationNoFollow
    }

    /// Flags of mount(2) to set, `bind`, `recursive` and `remount` among them.
    package private(set) var flags: MountFlags = []
    /// Flags that an option asked to be clear, as `rw` does: a bind mount inherits them otherwise.
    package private(set) var cleared: MountFlags = []
    /// What to set on the mount and on all mounts below, mount_setattr(2) with AT_RECURSIVE.
    package private(set) var recursiveSet: MountAttributes = []
    /// What to clear on the mount and on all mounts below.
    package private(set) var recursiveClear: MountAttributes = []
    /// Changes of the propagation, in order.
    package private(set) var propagation: [Spec.Propagation] = []
    /// `idmap`, `ridmap`.
    package private(set) var idMapped = IDMapped.no
    /// `tmpcopyup`: what the mount hides is copied into it.
    package private(set) var copiesUp = false
    /// crun's `copy-symlink`: a source that is a symbolic link is copied, not mounted.
    package private(set) var copiesSymlink = false
    /// crun's `src-nofollow`: the last component of the source is not followed.
    package private(set) var sourceNoFollow = false
    /// crun's `dest-nofollow`: the last component of the destination is not followed.
    package private(set) var destinationNoFollow = false
    /// What is left for the file system, mount(2)'s last argument.
    package private(set) var data: [String] = []

    /// Whether the mount is a bind mount.
    package var isBind: Bool {
        flags.contains(.bind)
    }

    /// Sorts options by what they do.
    package init(_ options: [String]) {
        for option in options {
            if let effect = MountOptions.effect(of: option) {
                apply(effect)
            } else if !option.isEmpty {
                data.append(option)
            }
        }
    }

    private mutating func apply(_ effect: Effect) {
        switch effect {
        case .set(let changed):
            flags.formUnion(changed)
            cleared.subtract(changed)
        case .clear(let changed):
            flags.subtract(changed)
            cleared.formUnion(changed)
        case .recursive(let set, let clear):
            recursiveSet = recursiveSet.subtracting(clear).union(set)
            // The bits of the access time policy are a number: it is cleared and set in one call.
            recursiveClear = recursiveClear.subtracting(set.subtracting(.accessTimes)).union(clear)
        case .propagate(let change): propagation.append(change)
        case .map(let mapped): idMapped = mapped
        case .copyUp: copiesUp = true
        case .copySymlink: copiesSymlink = true
        case .sourceNoFollow: sourceNoFollow = true
        case .destinationNoFollow: destinationNoFollow = true
        }
    }

    private static func effect(of option: String) -> Effect? {
        let count = option.utf8.count
        for entry in table where entry.name.utf8.count == count && entry.name == option { return entry.effect }
        return nil
    }

    /// The names of all options, sorted, for `features`.
    package static var names: [String] {
        table.map(\.name).sorted()
    }

    /// Searched from the start: making a dictionary cost a start four times what all its searches cost this way.
    private static let table: [(name: String, effect: Effect)] = [
        ("defaults", .set([])),
        ("bind", .set(.bind)), ("rbind", .set([.bind, .recursive])), ("remount", .set(.remount)),
        ("ro", .set(.readOnly)), ("rw", .clear(.readOnly)),
        ("nosuid", .set(.noSetUserID)), ("suid", .clear(.noSetUserID)),
        ("nodev", .set(.noDevices)), ("dev", .clear(.noDevices)),
        ("noexec", .set(.noExecution)), ("exec", .clear(.noExecution)),
        ("sync", .set(.synchronous)), ("async", .clear(.synchronous)), ("dirsync", .set(.synchronousDirectories)),
        ("mand", .set(.mandatoryLocks)), ("nomand", .clear(.mandatoryLocks)),
        ("nosymfollow", .set(.noSymlinks)), ("symfollow", .clear(.noSymlinks)),
        ("noatime", .set(.noAccessTimes)), ("atime", .clear(.noAccessTimes)),
        ("nodiratime", .set(.noDirectoryAccessTimes)), ("diratime", .clear(.noDirectoryAccessTimes)),
        ("relatime", .set(.relativeAccessTimes)), ("norelatime", .clear(.relativeAccessTimes)),
        ("strictatime", .set(.strictAccessTimes)), ("nostrictatime", .clear(.strictAccessTimes)),
        ("lazytime", .set(.lazyTimes)), ("nolazytime", .clear(.lazyTimes)),
        ("iversion", .set(.inodeVersions)), ("noiversion", .clear(.inodeVersions)),
        ("silent", .set(.silent)), ("loud", .clear(.silent)),

        ("rro", .recursive(set: .readOnly, clear: [])), ("rrw", .recursive(set: [], clear: .readOnly)),
        ("rnosuid", .recursive(set: .noSetUserID, clear: [])), ("rsuid", .recursive(set: [], clear: .noSetUserID)),
        ("rnodev", .recursive(set: .noDevices, clear: [])), ("rdev", .recursive(set: [], clear: .noDevices)),
        ("rnoexec", .recursive(set: .noExecution, clear: [])), ("rexec", .recursive(set: [], clear: .noExecution)),
        ("rnosymfollow", .recursive(set: .noSymlinks, clear: [])),
        ("rsymfollow", .recursive(set: [], clear: .noSymlinks)),
        ("rnodiratime", .recursive(set: .noDirectoryAccessTimes, clear: [])),
        ("rdiratime", .recursive(set: [], clear: .noDirectoryAccessTimes)),
        // Clearing any policy leaves that of the kernel, relatime.
        ("rnoatime", .recursive(set: .noAccessTimes, clear: .accessTimes)),
        ("rstrictatime", .recursive(set: .strictAccessTimes, clear: .accessTimes)),

        ("idmap", .map(.single)), ("ridmap", .map(.recursive)), ("tmpcopyup", .copyUp),
        ("copy-symlink", .copySymlink), ("src-nofollow", .sourceNoFollow), ("dest-nofollow", .destinationNoFollow),
        ("ratime", .recursive(set: [], clear: .accessTimes)), ("rrelatime", .recursive(set: [], clear: .accessTimes)),
        ("rnorelatime", .recursive(set: [], clear: .accessTimes)),
        ("rnostrictatime", .recursive(set: [], clear: .accessTimes)),

        ("shared", .propagate(.shared)), ("rshared", .propagate(.rshared)),
        ("slave", .propagate(.slave)), ("rslave", .propagate(.rslave)),
        ("private", .propagate(.private)), ("rprivate", .propagate(.rprivate)),
        ("unbindable", .propagate(.unbindable)), ("runbindable", .propagate(.runbindable)),
    ]
}

extension Spec.Mount {
    /// Whether something of the host is bound, as the options say or, as crun takes it, the type.
    package var isBind: Bool {
        type == "bind" || options.contains("bind") || options.contains("rbind")
    }
}
