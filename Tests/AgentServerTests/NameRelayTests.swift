import AgentProtocol
import Glibc
import Plans
import Syscalls
import TestSupport
import Testing

@testable import AgentServer

/// Programs that ask for names, the relay, and the host's side of it, played by the test.
@Suite struct NameRelayTests {
    private static func refuse(_ peer: DatagramPeer, _ port: UInt16) throws(SystemError) {
        throw SystemError("bpf", "\(peer)", .notSupported)
    }

    /// A relay on a free port of a loopback address.
    private final class Place {
        let relay: NameRelay
        let host: OwnedDescriptor
        var messages = NameMessages()

        init(
            port: UInt16 = 0,
            redirect: (DatagramPeer, UInt16) throws(SystemError) -> Void = NameRelayTests.refuse
        ) throws {
            let path = "/tmp/mvrun-names.\(currentProcess()).\(UInt64.random(in: 0...UInt64.max))"
            let listener = try UnixSocket.listen(at: path, .stream)
            let other = try UnixSocket.connect(to: path, .stream)
            host = try UnixSocket.accept(listener)
            try removeFile(path)
            relay = try NameRelay(
                at: DatagramPeer(address: [127, 0, 0, 11], port: port), host: other, redirect: redirect)
        }

        var peer: DatagramPeer { DatagramPeer(address: [127, 0, 0, 11], port: relay.ownPort) }

        /// Lets the relay do what there is to do.
        func turn() throws {
            for _ in 0..<3 {
                var set = PollSet()
                let places = relay.register(in: &set)
                _ = try set.wait(timeoutMilliseconds: 5)
                relay.carry(set, places)
            }
        }

        /// What the host is asked next.
        func question() throws -> [UInt8]? {
            try turn()
            var set = PollSet()
            set.add(host, .readable)
            if try set.wait(timeoutMilliseconds: 0) {
                var buffer = [UInt8](repeating: 0, count: 1 << 18)
                let count = try host.read(into: &buffer, subject: "host")
                messages.append(buffer.prefix(count))
            }
            return messages.next()
        }

        func answer(_ message: [UInt8]) throws {
            try host.writeAll(NameMessages.framed(message), subject: "host")
            try turn()
        }
    }

    /// A question for the name "a", RFC 1035, 4.1.
    private func question(_ number: UInt8, additional: UInt8 = 0) -> [UInt8] {
        [0xAB, number, 1, 0, 0, 1, 0, 0, 0, 0, 0, additional, 1, UInt8(ascii: "a"), 0, 0, 1, 0, 1]
    }

    @Test func eachGetsTheAnswerToItsOwnQuestion() throws {
        let place = try Place()
        let first = try InternetSocket.datagrams(connectedTo: place.peer)
        let second = try InternetSocket.datagrams(connectedTo: place.peer)
        // Both with the same identification.
        _ = try first.sendNow(question(1)[...], subject: "first")
        let one = try #require(try place.question())
        _ = try second.sendNow(question(1)[...], subject: "second")
        let two = try #require(try place.question())
        #expect(one.dropFirst(2) == question(1).dropFirst(2) && two.dropFirst(2) == question(1).dropFirst(2))
        #expect(one.prefix(2) != two.prefix(2))
        try place.answer(two + [2])
        try place.answer(one + [1])
        #expect(try first.receiveDatagram(limit: 100).bytes == question(1) + [1])
        #expect(try second.receiveDatagram(limit: 100).bytes == question(1) + [2])
        // An answer is good for once.
        try place.answer(one + [1])
        #expect(throws: SystemError.self) { try first.receiveDatagram(limit: 100) }
    }

    @Test func whatAsksByAConnectionGetsALongAnswerThere() throws {
        let place = try Place()
        let listener = try InternetSocket.listen(at: DatagramPeer(address: [127, 0, 0, 11], port: 0))
        #expect(try InternetSocket.port(of: listener) != place.relay.ownPort)
        let caller = try connect(to: place.peer)
        // In two parts, and with the end behind it.
        let framed = NameMessages.framed(question(7))
        try caller.writeAll(Array(framed.prefix(5)), subject: "caller")
        #expect(try place.question() == nil)
        try caller.writeAll(Array(framed.dropFirst(5)), subject: "caller")
        try caller.endWriting()
        let asked = try #require(try place.question())
        #expect(asked[11] == 1 && asked.count == question(7).count + 11)
        #expect(Array(asked.suffix(11)) == [0, 0, 41, 0xFD, 0xE8, 0, 0, 0, 0, 0, 0])
        let long = asked.prefix(2) + [UInt8](repeating: 9, count: 40_000)
        try place.answer(Array(long))
        var received: [UInt8] = []
        for _ in 0..<100 where received.count < 40_004 {
            try place.turn()
            var buffer = [UInt8](repeating: 0, count: 65536)
            if let count = try? caller.read(into: &buffer, subject: "caller") { received += buffer.prefix(count) }
        }
        #expect(received.prefix(4) == [UInt8(40_002 >> 8), UInt8(40_002 & 255), 0xAB, 7])
        #expect(received.count == 40_004)
    }

    /// glibc and Go say how long an answer may be by connections too, and mean datagrams.
    @Test func whatAConnectionSaysOfTheAnswersLengthIsRaised() throws {
        let options: [UInt8] = [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]
        func asking(_ room: [UInt8]) -> [UInt8] {
            question(3, additional: 1) + [0, 0, 41] + room + [0, 0, 0, 0, 0, UInt8(options.count)] + options
        }
        let place = try Place()
        let caller = try connect(to: place.peer)
        try caller.writeAll(NameMessages.framed(asking([0x04, 0xD0])), subject: "caller")
        let asked = try #require(try place.question())
        #expect(asked.dropFirst(2) == asking([0xFD, 0xE8]).dropFirst(2))
    }

    @Test func whatIsNoPlainQuestionStaysAsItIs() throws {
        let plain = question(3)
        var many = plain
        many[5] = 2
        var compressed = plain
        compressed[12] = 0xC0
        let others: [[UInt8]] = [
            many, compressed, question(3, additional: 1), question(3, additional: 2), plain + [0],
            Array(plain.dropLast()),
            Array(plain.prefix(12)), question(3, additional: 1) + [0, 0, 41, 4], [], [1, 2, 3],
        ]
        for message in others { #expect(NameMessages.allowingLong(message) == message) }
        #expect(NameMessages.allowingLong(plain).count == plain.count + 11)
    }

    @Test func aConnectionThatEndedGoesOnceNothingIsOpen() throws {
        let place = try Place()
        let caller = try connect(to: place.peer)
        try caller.writeAll(NameMessages.framed([1, 2, 3]) + NameMessages.framed(question(1)), subject: "caller")
        try caller.endWriting()
        let asked = try #require(try place.question())
        var byte: [UInt8] = [0]
        #expect(throws: SystemError.self) { try caller.read(into: &byte, subject: "one with an open question") }
        try place.answer(asked)
        var received = [UInt8](repeating: 0, count: 100)
        #expect(try caller.read(into: &received, subject: "caller") == asked.count + 2)
        #expect(try caller.read(into: &received, subject: "caller") == 0)
    }

    /// One that was driven out is closed although its question is open still.
    @Test func aCallerWithAnOpenQuestionCanBeDrivenOut() throws {
        let place = try Place()
        let first = try connect(to: place.peer)
        try first.writeAll(NameMessages.framed(question(1)), subject: "first")
        let asked = try #require(try place.question())
        try withOthers(16, of: place) {
            var byte: [UInt8] = [0]
            #expect(try first.read(into: &byte, subject: "first") == 0)
            try place.answer(asked)
        }
    }

    private func withOthers(_ count: Int, of place: Place, _ body: () throws -> Void) throws {
        guard count > 0 else { return try body() }
        let other = try connect(to: place.peer)
        try place.turn()
        try withOthers(count - 1, of: place, body)
        _ = other.number
    }

    @Test func whatIsNoQuestionIsDropped() throws {
        let place = try Place()
        let program = try InternetSocket.datagrams(connectedTo: place.peer)
        for length in 0..<NameMessages.headerSize {
            _ = try program.sendNow([UInt8](repeating: 0, count: length)[...], subject: "program")
        }
        #expect(try place.question() == nil)
        // Nor is what is no answer handed on.
        for length in 0..<NameMessages.headerSize { try place.answer([UInt8](repeating: 0, count: length)) }
        try place.answer(question(1))
        #expect(throws: SystemError.self) { try program.receiveDatagram(limit: 100) }
    }

    @Test func moreCallersAndQuestionsThanThereIsRoomForDriveTheOldestOut() throws {
        let place = try Place()
        final class Caller {
            let file: OwnedDescriptor
            init(_ file: consuming OwnedDescriptor) { self.file = file }
        }
        var callers: [Caller] = []
        for _ in 0..<20 {
            callers.append(Caller(try connect(to: place.peer)))
            try place.turn()
        }
        var byte: [UInt8] = [0]
        #expect(try callers[0].file.read(into: &byte, subject: "the oldest") == 0)
        #expect(throws: SystemError.self) { try callers[19].file.read(into: &byte, subject: "the newest") }
        let program = try InternetSocket.datagrams(connectedTo: place.peer)
        var asked: [[UInt8]] = []
        for number in 0..<300 {
            _ = try program.sendNow(question(UInt8(truncatingIfNeeded: number))[...], subject: "program")
            asked.append(try #require(try place.question()))
        }
        try place.answer(asked[0])
        #expect(throws: SystemError.self) { try program.receiveDatagram(limit: 100) }
        try place.answer(asked[299])
        #expect(try program.receiveDatagram(limit: 100).bytes[1] == UInt8(299 & 255))
    }

    @Test func aHostThatIsGoneEndsIt() throws {
        let place = try Place()
        try place.host.endWriting()
        try place.turn()
        var set = PollSet()
        #expect(place.relay.register(in: &set) == nil)
    }

    /// A cgroup of version 2 that goes with the value.
    private final class Cgroup {
        let path: String
        init?() {
            guard let mount = MountTable.current().entries.first(where: { $0.type == "cgroup2" }) else { return nil }
            path = "\(mount.point)/mvrun-names.\(UInt64.random(in: 0...UInt64.max))"
            guard (try? makeDirectories(path, mode: 0o755)) != nil else { return nil }
        }
        deinit {
            // Who has ended leaves a cgroup a moment later.
            var patience = 100
            while (try? removeDirectory(path)) == nil, patience > 0 {
                patience -= 1
                sleep(milliseconds: 10)
            }
        }

        /// Whether programs of eBPF can be attached here.
        static var canRedirect: Bool {
            guard let cgroup = Cgroup(), let directory = try? OwnedDescriptor.open(cgroup.path, .directory) else {
                return false
            }
            return (try? directory.redirect(DatagramPeer(address: [127, 0, 0, 11], port: 53), toPort: 54)) != nil
        }
    }

    /// Whoever means port 53 of the address reaches the relay, which is on another one, and hears port 53.
    @Test(.enabled(if: NameRelayTests.Cgroup.canRedirect, "needs root, a cgroup of version 2, and eBPF (Linux 5.14)"))
    func programsOfACgroupReachItOnPort53() throws {
        let cgroup = try #require(Cgroup())
        var redirected: UInt16 = 0
        let place = try Place(port: NetworkInterface.resolverPort) { peer, port throws(SystemError) in
            try OwnedDescriptor.open(cgroup.path, .directory).redirect(peer, toPort: port)
            redirected = port
        }
        #expect(redirected != 0 && redirected != 53 && place.relay.ownPort == redirected)
        let output = try OwnedDescriptor.memory([], name: "output")
        let script = "echo $$ > \(cgroup.path)/cgroup.procs; exec busybox nslookup -type=a server.test 127.0.0.11"
        let null = try OwnedDescriptor.open("/dev/null", .readWrite)
        let child = try spawnProcess(
            "sh", arguments: ["sh", "-c", script], environment: nil, input: null, output: output, errors: output)
        var end: ProcessEnd?
        for _ in 0..<4000 where end == nil {
            if let asked = try place.question() {
                var answer = asked
                (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1)
                try place.answer(answer + [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 77, 0, 9])
            }
            end = try waitForChild(child, block: false)?.end
        }
        let said = String(decoding: try output.read(at: 0, count: 65536), as: UTF8.self)
        #expect(end == .exited(0) && said.contains("10.77.0.9") && said.contains("127.0.0.11"), "\(said)")
        try? sendSignal(9, to: child)
    }

    /// In another network namespace the same address is somebody else's, as of a docker in the guest.
    @Test(.enabled(if: NameRelayTests.Cgroup.canRedirect, "needs root, a cgroup of version 2, and eBPF (Linux 5.14)"))
    func programsOfAnotherNamespaceReachWhatTheyMean() throws {
        let cgroup = try #require(Cgroup())
        let place = try Place(port: NetworkInterface.resolverPort) { peer, port throws(SystemError) in
            try OwnedDescriptor.open(cgroup.path, .directory).redirect(peer, toPort: port)
        }
        #expect(place.relay.ownPort != 53)
        let output = try OwnedDescriptor.memory([], name: "output")
        // One of theirs listens on port 53 of the address; TCP, so that nothing need be said.
        let script = """
            echo $$ > \(cgroup.path)/cgroup.procs; busybox ip link set lo up
            busybox nc -l -p 53 < /dev/null & sleep 1
            busybox nc -w 5 127.0.0.11 53 < /dev/null && echo reached
            kill $!; wait
            """
        let null = try OwnedDescriptor.open("/dev/null", .readWrite)
        let child = try spawnProcess(
            "unshare", arguments: ["unshare", "--net", "sh", "-c", script], environment: nil, input: null,
            output: output,
            errors: output)
        _ = try waitForChild(child)
        let said = String(decoding: try output.read(at: 0, count: 65536), as: UTF8.self)
        #expect(said.contains("reached"), "\(said)")
    }

    private func connect(to peer: DatagramPeer) throws -> OwnedDescriptor {
        let file = OwnedDescriptor(owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = peer.port.bigEndian
        name.sin_addr.s_addr = peer.address.reversed().reduce(0) { $0 << 8 | UInt32($1) }
        let result = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(file.number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
        try file.setNonBlocking(true)
        return file
    }
}
