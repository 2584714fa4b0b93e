import Board
import Diagnostics
import Glibc
import Jail
import KVM
import Synchronization
import Syscalls
import VMM
import Virtio

/// `JailedProgram KIND CALL [report]`: a machine under a monitor's filters, in which a thread of a kind makes a call.
///
/// `JailedProgram cost` says how long being shut in takes, microseconds: the process with its fence, then a thread.
///
/// It says "survived" and ends with 3 where the call came back, and ends with 0 where there was none to make.
@main
struct JailedProgram {
    static func main() {
        let words = Array(programArguments.dropFirst())
        if words == ["cost"] { exitNow((try? cost()) == nil ? 1 : 0) }
        guard words.count >= 2, let kind = ThreadKind(rawValue: words[0]) else { exitNow(64) }
        do {
            exitNow(try run(kind, words[1], reports: words.dropFirst(2).first == "report"))
        } catch {
            say("\(error)")
            exitNow(125)
        }
    }

    static func say(_ text: String) {
        var bytes = Array((text + "\n").utf8)
        _ = unsafe Glibc.write(2, &bytes, bytes.count)
    }

    private static func cost() throws {
        try ProcessControl.setNoNewPrivileges()
        let start = monotonicMicroseconds()
        let jail = try Jail(JailFeatures(offersVsock: true, hasFileWindow: true))
        for _ in 0..<2 {
            guard let fence = try PathFence() else { continue }
            for path in ["/usr", "/tmp"] { try fence.allow(try OwnedDescriptor.open(path, .path), .serving) }
            try fence.raise()
        }
        let process = monotonicMicroseconds()
        try jail.close()
        let thread = monotonicMicroseconds()
        say("process \(process - start) thread \(thread - process)")
    }

    private static func run(_ kind: ThreadKind, _ call: String, reports: Bool) throws -> Int32 {
        try ProcessControl.setNoNewPrivileges()
        _ = try SignalQueue()
        let machine = try Machine(
            MachineConfiguration(processors: 2, memoryMiB: 16, log: .emergencies), on: try KVMSystem.open(),
            console: ConsoleLog(try OwnedDescriptor.memory([], name: "console")))
        let done = Latch()
        let trespass: @Sendable () -> Void = {
            if !Trespass.make(call) {
                say("survived")
                exitNow(3)
            }
            done.value.store(true, ordering: .releasing)
        }
        let nothing: @Sendable () -> Void = {}
        try machine.add(Trespasser(done, kind == .processor ? trespass : nothing))
        let jail = try Jail(JailFeatures(), report: reports ? 2 : nil)
        let (files, disk) = (try LoopThread(), try LoopThread())
        let (entersFiles, entersDisk): (@Sendable () -> Bool, @Sendable () -> Bool) = (
            { jail.enter(.files, named: "files") }, { jail.enter(.disk, named: "disk") }
        )
        try files.start(entering: entersFiles)
        try disk.start(entering: entersDisk)
        try machine.start(kernel: try kernel(), initramfs: try OwnedDescriptor.memory([], name: "none"), in: jail)
        try jail.awaitThreads(4)
        try jail.close()
        switch kind {
        case .processor: break
        case .loop: machine.loop.post(trespass)
        case .files: files.loop.post(trespass)
        case .disk: disk.loop.post(trespass)
        }
        machine.resume()
        let end = try machine.run()
        // Its own end, by way of every thread's: where a filter is too narrow for that, it is not reached.
        return end == .reset ? 0 : 1
    }

    /// An ELF kernel that fills the console's log, writes to the first device's configuration and reads it until it says to go
    /// on, and resets the machine.
    private static func kernel() throws -> OwnedDescriptor {
        let code: [UInt8] = [
            // cld; mov esi, 0x10_0000; mov dx, 0x3F8; mov ecx, 300000; rep outsb: the console's log overflows.
            0xFC, 0xBE, 0, 0, 0x10, 0, 0x66, 0xBA, 0xF8, 0x03, 0xB9, 0xE0, 0x93, 0x04, 0, 0xF3, 0x6E,
            0xBB, 0x18, 0xA0, 0, 0, 0xC7, 0x03, 0x03, 0, 0x20, 0,  // mov ebx, 0xA018; mov dword [rbx], 0x20_0003
            0xBB, 0, 0x04, 0x20, 0, 0xC7, 0x03, 0x83, 0, 0, 0xD0,  // mov ebx, 0x20_0400; mov dword [rbx], 0xD000_0083
            0xBB, 0, 0, 0, 0xD0,  // mov ebx, 0xD000_0000
            // mov dword [rbx + Status], 1 and 3: there is a driver.
            0xC7, 0x43, 0x70, 1, 0, 0, 0, 0xC7, 0x43, 0x70, 3, 0, 0, 0,
            0x89, 0x83, 0, 0x01, 0, 0, 0x8B, 0x83, 0, 0x01, 0, 0,  // mov [rbx + 0x100], eax; mov eax, [rbx + 0x100]
            0xA8, 0x01, 0x74, 0xF0,  // test al, 1; jz to the first of these
            0xB0, 0xFE, 0xE6, 0x64, 0xEB, 0xFE,  // mov al, 0xFE; out 0x64, al; jmp $
        ]
        var file: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
        func append<Number: FixedWidthInteger>(_ numbers: Number...) {
            for number in numbers {
                for index in 0..<Number.bitWidth / 8 {
                    file.append(UInt8(truncatingIfNeeded: number >> (8 * Number(index))))
                }
            }
        }
        append(UInt16(2), UInt16(62))
        append(UInt32(1))
        append(UInt64(0x10_0000), UInt64(64), UInt64(0))
        append(UInt32(0))
        append(UInt16(64), UInt16(56), UInt16(1), UInt16(0), UInt16(0), UInt16(0))
        append(UInt32(1), UInt32(5))
        append(UInt64(0x1000), UInt64(0x10_0000), UInt64(0x10_0000), UInt64(code.count), UInt64(4096), UInt64(4096))
        file += [UInt8](repeating: 0, count: 0x1000 - file.count) + code
        return try OwnedDescriptor.memory(file, name: "kernel")
    }
}

/// Whether the thread has done what it was to do: then the guest goes on.
private final class Latch: Sendable {
    let value = Atomic(false)
}

/// A device that does something else when its configuration is written, on the processor's thread.
private final class Trespasser: VirtioDevice {
    let deviceID: UInt32 = 4
    let features: Virtio.Features = []
    let queueSizes: [UInt16] = [16]
    private let done: Latch
    private let trespass: @Sendable () -> Void

    init(_ done: Latch, _ trespass: @escaping @Sendable () -> Void) {
        self.done = done
        self.trespass = trespass
    }

    var configuration: [UInt8] { [done.value.load(ordering: .acquiring) ? 1 : 0] }

    func writeConfiguration(_ value: UInt64, at offset: Int, size: Int) { trespass() }

    func activate(_ activation: Activation) {}
    func reset() {}
    func queueNotified(_ index: Int) {}
}
