package import Diagnostics

/// The kernel's command line, word by word.
package struct CommandLine: Equatable, Sendable {
    /// What the kernel writes to the serial console.
    package enum Log: Sendable {
        /// Only what it says when it dies; each byte is an exit to the monitor.
        case emergencies
        /// Everything from its first moment on.
        case everything
    }

    /// The words, in order: for most of them the last one counts.
    package private(set) var words: [String]

    /// The words that suit this machine.
    package init(log: Log) {
        words = [
            // A reset that the monitor sees, at once, also after a panic.
            "reboot=k", "panic=-1",
            // There is no PCI bus, no PC hardware to look for and no timer to check.
            "pci=off", "no_timer_check", "noreplace-smp", "i8042.noaux", "i8042.nokbd", "8250.nr_uarts=1",
            // The self-tests of the kernel's ciphers are seven tenths of the boot of Debian's.
            "cryptomgr.notests", "random.trust_cpu=on",
            // Two that only trace points need, and that cost as much as loading all modules: names of weak functions are
            // looked up one by one, and formats are rewritten. Kernels that do not have them do not mind.
            "initcall_blacklist=ftrace_check_for_weak_functions,trace_eval_init",
            "console=ttyS0",
        ]
        switch log {
        case .emergencies: words += ["quiet", "loglevel=1"]
        case .everything: words += ["earlyprintk=ttyS0"]
        }
    }

    /// Names the virtio devices for a kernel without ACPI.
    package mutating func nameDevices(_ count: Int) {
        for position in 0..<count {
            let address = String(MachineLayout.address(ofDevice: position), radix: 16)
            words.append("virtio_mmio.device=4K@0x\(address):\(MachineLayout.interrupt(ofDevice: position))")
        }
    }

    /// Adds words of the user's.
    package mutating func append(_ more: [String]) throws(RuntimeError) {
        for word in more where word.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw RuntimeError(.invalidBundle, "a kernel parameter holds a control character")
        }
        words += more
    }

    /// The text as the kernel gets it, closed by a NUL.
    package func bytes() throws(RuntimeError) -> [UInt8] {
        let bytes = Array(words.joined(separator: " ").utf8) + [0]
        guard bytes.count <= MachineLayout.commandLineRoom else {
            throw RuntimeError(
                .invalidBundle,
                "the kernel's command line has \(bytes.count - 1) bytes; \(MachineLayout.commandLineRoom - 1) fit")
        }
        return bytes
    }
}
