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
///
/// The content of a write and of a read's reply begins with a page: the kernel copies from page to page, and content that lay
/// across two would cost it two copies for each of its own.
private final class DeviceExchange: FUSEExchange {
    private let device: ServedFile
    private var request: [UInt8]
    private var answer: [UInt8]
    /// Where the request is in its buffer.
    private let requestStart: Int
    /// Where the reply is in its buffer.
    private let answerStart: Int
    private(set) var requestLength = 0

    init(_ device: ServedFile) {
        self.device = device
        request = [UInt8](repeating: 0, count: Wire.maxHead + 2 * Self.pageSize)
        answer = [UInt8](repeating: 0, count: Wire.maxTransfer + 2 * Self.pageSize)
        requestStart = Self.start(in: request, contentOffset: Wire.requestHeaderSize + Wire.writeBodySize)
        answerStart = Self.start(in: answer, contentOffset: Wire.replyHeaderSize)
    }

    private static let pageSize = 4096

    /// Where something must begin for its content to begin with a page, less than a page behind the buffer's start.
    private static func start(in buffer: [UInt8], contentOffset: Int) -> Int {
        // SAFETY: only the address is looked at.
        let address = unsafe buffer.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
        let excess = (Int(truncatingIfNeeded: address % UInt(pageSize)) + contentOffset) % pageSize
        return excess == 0 ? 0 : pageSize - excess
    }

    /// Waits for the next request; false where there will be none.
    func receive() throws(Errno) -> Bool {
        while true {
            do {
                requestLength = try device.receive(into: &request, at: requestStart)
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

    var replyCapacity: Int { answer.count - answerStart }

    func copyRequest(_ count: Int, into buffer: inout [UInt8]) {
        buffer.removeAll(keepingCapacity: true)
        buffer.append(contentsOf: request[requestStart..<requestStart + min(count, requestLength)])
    }

    func writeRequest(at offset: Int, count: Int, to file: ServedFile, position: Int64) throws(Errno) -> Int {
        try file.write(request, at: requestStart + offset, count: count, to: position)
    }

    func readIntoReply(at offset: Int, count: Int, from file: ServedFile, position: Int64) throws(Errno) -> Int {
        try file.read(into: &answer, at: answerStart + offset, count: count, from: position)
    }

    func reply(_ bytes: [UInt8], appended: Int) {
        // An error means that the request was interrupted, or the file system unmounted: nobody waits for the reply.
        if appended == 0 {
            _ = try? device.send(bytes, count: bytes.count)
            return
        }
        for index in bytes.indices { answer[answerStart + index] = bytes[index] }
        _ = try? device.send(answer, at: answerStart, count: bytes.count + appended)
    }

    func finish() {}

    func deferReply() -> @Sendable ([UInt8]) -> Void {
        let device = device
        return { bytes in _ = try? device.send(bytes, count: bytes.count) }
    }
}
