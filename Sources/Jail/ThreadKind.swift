/// The kinds of threads that a monitor has; each kind has a filter of its own.
package enum ThreadKind: String, CaseIterable, Sendable {
    /// The machine's event loop: every device but files and disk, the session, mvrun's requests. It is the first thread.
    case loop
    /// A virtual CPU.
    case processor
    /// The file server's loop.
    case files
    /// The disk's loop.
    case disk
}

/// What a machine has, where that decides which calls its monitor makes.
package struct JailFeatures: Equatable, Sendable {
    /// Whether programs of the host and of the guest connect to each other by sockets.
    package var offersVsock: Bool
    /// Whether files are mapped for the guest.
    package var hasFileWindow: Bool

    /// Describes a machine.
    package init(offersVsock: Bool = false, hasFileWindow: Bool = false) {
        self.offersVsock = offersVsock
        self.hasFileWindow = hasFileWindow
    }
}
