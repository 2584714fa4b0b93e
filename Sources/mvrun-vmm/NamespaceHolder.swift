import Syscalls

/// `mvrun-vmm --hold`: the process of a pod's own container beside virtual machines, which has the namespaces and waits.
enum NamespaceHolder {
    private static let (interrupt, terminate): (Int32, Int32) = (2, 15)

    /// Waits for SIGTERM or SIGINT; as the first process of its namespace it would not be ended by them.
    ///
    /// - Returns: the exit status.
    static func run() -> Int32 {
        do throws(SystemError) {
            let signals = try SignalQueue()
            var set = PollSet()
            set.add(signals.descriptor, .readable)
            while true {
                _ = try set.wait(timeoutMilliseconds: -1)
                while let number = try signals.next() {
                    if number == interrupt || number == terminate { return 0 }
                }
            }
        } catch {
            return MvrunVMM.usage("mvrun: hold the pod's namespaces: \(error)")
        }
    }
}
