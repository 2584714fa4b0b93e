import Glibc
import Synchronization
package import Syscalls

/// A file system of a server's that is mounted on this host, by way of /dev/fuse.
package final class DeviceSession: Sendable {
    private let device: ServedFile

    /// Takes a descriptor of /dev/fuse that is, or is about to be, mounted.
    package init(device: consuming OwnedDescriptor) {
        self.device = ServedFile(device)
    }

    /// Serves on the calling thread until the file system is unmounted; any number of threads may at a time.
    package func run(_ server: FileServer) throws(SystemError) {
        let worker = try FileWorker(server)
        let exchange = DeviceExchange(device)
        while true {
            do {
                guard try exchange.receive() else { return }
            } catch let error {
                throw SystemError("read", "/dev/fuse", error)
            }
            worker.handle(exchange)
        }
    }
}

/// One request at a time, read from /dev/fuse.
private final class DeviceExchange: FUSEExchange {
    private let device: ServedFile
    private var request = [UInt8](repeating: 0, count: Wire.maxHead + 4096)
    private var answer = [UInt8](repeating: 0, count: Wire.maxTransfer + 4096)
    private(set) var requestLength = 0

    init(_ device: ServedFile) {
        self.device = device
    }

    /// Waits for the next request; false where there will be none.
    func receive() throws(Errno) -> Bool {
        while true {
            do {
                requestLength = try device.receive(into: &request)
                return true
            } catch let error {
                switch error {
                // Unmounted.
                case .noDevice: return false
                // The request was interrupted before it was read, or is too large: the kernel has answered it.
                case .noEntry, .wouldBlock, .interrupted: continue
                default: throw error
                }
            }
        }
    }

    var replyCapacity: Int { answer.count }

    func copyRequest(_ count: Int, into buffer: inout [UInt8]) {
        buffer.removeAll(keepingCapacity: true)
        buffer.append(contentsOf: request[..<min(count, requestLength)])
    }

    func writeRequest(at offset: Int, count: Int, to file: ServedFile, position: Int64) throws(Errno) -> Int {
        try file.write(request, at: offset, count: count, to: position)
    }

    func readIntoReply(at offset: Int, count: Int, from file: ServedFile, position: Int64) throws(Errno) -> Int {
        try file.read(into: &answer, at: offset, count: count, from: position)
    }

    func reply(_ bytes: [UInt8], appended: Int) {
        // An error means that the request was interrupted, or the file system unmounted: nobody waits for the reply.
        if appended == 0 {
            _ = try? device.send(bytes, count: bytes.count)
            return
        }
        for index in bytes.indices { answer[index] = bytes[index] }
        _ = try? device.send(answer, count: bytes.count + appended)
    }

    func finish() {}

    func deferReply() -> @Sendable ([UInt8]) -> Void {
        let device = device
        return { bytes in _ = try? device.send(bytes, count: bytes.count) }
    }
}
