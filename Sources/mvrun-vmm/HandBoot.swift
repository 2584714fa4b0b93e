import Devices
import Diagnostics
import KVM
import Syscalls
import VMM

/// `mvrun-vmm --boot KERNEL INITRAMFS`: boots by hand, the kernel's log on stderr.
enum HandBoot {
    private static let syntax =
        "usage: mvrun-vmm --boot KERNEL INITRAMFS [--memory MIB] [--cpus N] [--quiet] [--append WORDS]"

    /// Runs the machine.
    ///
    /// - Returns: 0 where the guest reset it or switched it off.
    static func run(_ arguments: [String]) -> Int32 {
        guard let request = Request(arguments) else { return MvrunVMM.usage(syntax) }
        do throws(RuntimeError) {
            return try boot(request)
        } catch {
            MvrunVMM.write("mvrun-vmm: \(error)")
            if let hint = error.hint { MvrunVMM.write("  hint: \(hint)") }
            return 125
        }
    }

    private struct Request {
        let kernel: String
        let initramfs: String
        var configuration = MachineConfiguration(memoryMiB: 256, log: .everything)

        init?(_ arguments: [String]) {
            guard arguments.count >= 2 else { return nil }
            (kernel, initramfs) = (arguments[0], arguments[1])
            var rest = arguments.dropFirst(2)
            while let option = rest.popFirst() {
                if option == "--quiet" {
                    configuration.log = .emergencies
                    continue
                }
                guard let value = rest.popFirst() else { return nil }
                switch (option, Int(value)) {
                case ("--memory", let number?): configuration.memoryMiB = number
                case ("--cpus", let number?): configuration.processors = number
                case ("--append", _): configuration.kernelParameters += value.split(separator: " ").map(String.init)
                default: return nil
                }
            }
        }
    }

    private static func boot(_ request: Request) throws(RuntimeError) -> Int32 {
        let start = monotonicMilliseconds()
        let system = try during("open the host's KVM") { try KVMSystem.open() }
        let kernel = try during("open the kernel") { try OwnedDescriptor.open(request.kernel) }
        let initramfs = try during("open the initramfs") { try OwnedDescriptor.open(request.initramfs) }
        let console = ConsoleLog(OwnedDescriptor(owning: 2), limit: nil)
        let machine = try Machine(request.configuration, on: system, console: console)
        try machine.add(EntropyDevice())
        try machine.start(kernel: kernel, initramfs: initramfs)
        let started = monotonicMilliseconds()
        let end = try machine.run()
        let ended = monotonicMilliseconds()
        let exits = machine.exits
        MvrunVMM.write(
            """
            mvrun-vmm: \(end)
            mvrun-vmm: loaded in \(started - start) ms, ran for \(ended - started) ms, \(exits.total) exits: \
            \(exits.port) of ports, \(exits.memory) of memory, \(exits.other) others
            """)
        return end == .reset || end == .poweredOff ? 0 : 125
    }
}
