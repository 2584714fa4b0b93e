import Diagnostics
import Netlink
import Plans
import Syscalls

/// A clone of this process in somebody's network namespace, which ties the links there to a virtual machine.
///
/// This process itself stays where it is: from a user namespace it could not come back.
struct NetworkVisitor: ~Copyable {
    /// Where to go.
    struct Place {
        /// The file of the network namespace.
        var network: String
        /// The file of the user namespace that owns it, for a caller without privileges over the network; nil for none.
        var user: String?
    }

    private let channel: PacketSocket
    private let pid: Int32

    private init(channel: consuming PacketSocket, pid: Int32) {
        self.channel = channel
        self.pid = pid
    }

    deinit {
        // It ends by itself where it was told all; where it was not, nothing was made yet.
        try? sendSignal(9, to: pid)
        _ = try? waitForChild(pid, cloned: true)
    }

    /// Visits a namespace to look for links that a machine can have.
    ///
    /// - Parameter known: the numbers of links that it has already.
    static func looking(at place: Place, except known: [Int32]) throws(RuntimeError) -> NetworkVisitor {
        try visit(place) { channel throws(RuntimeError) in
            let links = try MachineLinks()
            let found = try links.find().filter { !known.contains($0.index) }
            guard found.count <= NetworkInterface.limit else {
                throw RuntimeError(
                    .unsupported, "a virtual machine gets at most \(NetworkInterface.limit) network interfaces")
            }
            try send(.links(found), [], over: channel)
            // Nobody says go on where there is nothing to do, or no machine any more.
            guard case .goOn(let resolver)? = try receive(over: channel).message else { return }
            try attach(found, links, resolver, over: channel)
        }
    }

    private static func attach(
        _ found: [MachineLink], _ links: borrowing MachineLinks, _ resolver: InternetAddress?,
        over channel: borrowing PacketSocket
    ) throws(RuntimeError) {
        var taps: [Int32] = []
        do throws(RuntimeError) {
            // Open for the rest of this clone's life, which ends with the answer.
            for link in found { taps.append(try links.attach(link).release()) }
            let sockets = try resolver.map { resolver throws(RuntimeError) in try socketsLeading(to: resolver) } ?? []
            try send(.done, taps + sockets, over: channel)
        } catch {
            for link in found.prefix(taps.count) { links.detach(link) }
            throw error
        }
    }

    /// Sockets of datagrams that lead to a resolver, left open as the taps are.
    private static func socketsLeading(to resolver: InternetAddress) throws(RuntimeError) -> [Int32] {
        var sockets: [Int32] = []
        let peer = DatagramPeer(address: resolver.bytes, port: NetworkInterface.resolverPort)
        do throws(SystemError) {
            for _ in 0..<NetworkInterface.resolverSockets {
                sockets.append(try InternetSocket.datagrams(connectedTo: peer).release())
            }
        } catch {
            throw RuntimeError(error).during("reach the resolver of the network namespace")
        }
        return sockets
    }

    /// Takes away what visits have put on links, for a machine that has ended.
    ///
    /// Where a machine has a link all the same, it is another one, which came later and needs the filters.
    static func detach(_ found: [MachineLink], at place: Place) throws(RuntimeError) {
        let visitor = try visit(place) { channel throws(RuntimeError) in
            let links = try MachineLinks()
            for link in found {
                // The last of the monitor's threads may still be on its way out, and the tap with it.
                var patience = 20
                while links.isAttached(link), patience > 0 {
                    patience -= 1
                    sleep(milliseconds: 50)
                }
                if patience > 0 { links.detach(link) }
            }
            try send(.done, [], over: channel)
        }
        _ = try visitor.answer()
    }

    /// What was found.
    borrowing func links() throws(RuntimeError) -> [MachineLink] {
        guard case .links(let links) = try answer().message else { throw Self.unexpected }
        return links
    }

    /// Ties the links that were found.
    ///
    /// - Parameter resolver: a resolver on a loopback address there that the machine is to reach; nil for none.
    /// - Returns: the numbers of the taps' files in their order, and behind them of the sockets that lead to the resolver; the
    ///   caller closes them.
    borrowing func attach(resolver: InternetAddress?) throws(RuntimeError) -> [Int32] {
        try Self.send(.goOn(resolver: resolver), [], over: channel)
        return try answer().descriptors
    }

    private borrowing func answer() throws(RuntimeError) -> (message: VisitorMessage, descriptors: [Int32]) {
        let received = try Self.receive(over: channel)
        switch received.message {
        case .failure(let error): throw error
        case .some(let message): return (message, received.descriptors)
        case nil: throw Self.unexpected
        }
    }

    private static var unexpected: RuntimeError {
        RuntimeError(.system, "who visits the network namespace ended without a word")
    }
}

extension NetworkVisitor {
    private static func visit(
        _ place: Place, _ work: (borrowing PacketSocket) throws(RuntimeError) -> Void
    ) throws(RuntimeError) -> NetworkVisitor {
        let pair = try during("visit the network namespace") { try PacketSocket.pair() }
        // SAFETY of the clone: this process has one thread.
        let pid = try during("visit the network namespace") { try forkProcess(namespaces: 0, asSibling: false) }
        if pid != 0 { return NetworkVisitor(channel: pair.takeOurs(), pid: pid) }
        let channel = pair.takeTheirs()
        do throws(RuntimeError) {
            try enter(place)
            try work(channel)
            exitNow(0)
        } catch {
            // Should nobody listen any more, nobody is left to be told.
            try? send(.failure(error), [], over: channel)
            exitNow(1)
        }
    }

    private static func enter(_ place: Place) throws(RuntimeError) {
        let kind = NamespaceKind.network.cloneFlag
        do throws(SystemError) {
            let network = try OwnedDescriptor.open(place.network)
            do throws(SystemError) {
                try enterNamespaces(of: network, kinds: kind, subject: place.network)
            } catch {
                guard error.errno == .notPermitted, let user = place.user else { throw error }
                try enterNamespaces(
                    of: OwnedDescriptor.open(user), kinds: NamespaceKind.user.cloneFlag, subject: user)
                try enterNamespaces(of: network, kinds: kind, subject: place.network)
            }
        } catch {
            throw RuntimeError(error).during("enter the network namespace")
        }
    }

    private static func send(
        _ message: VisitorMessage, _ descriptors: [Int32], over channel: borrowing PacketSocket
    ) throws(RuntimeError) {
        var writer = PlanWriter()
        writer.write(message)
        guard writer.bytes.count <= VisitorMessage.limit else {
            throw RuntimeError(
                .unsupported, "the network namespace has more addresses and routes than can be handed on")
        }
        do {
            try channel.send(writer.bytes, withAll: descriptors)
        } catch {
            throw RuntimeError(error).during("visit the network namespace")
        }
    }

    private static func receive(
        over channel: borrowing PacketSocket
    ) throws(RuntimeError) -> (message: VisitorMessage?, descriptors: [Int32]) {
        do {
            let (packet, descriptors) = try channel.receiveAll()
            guard !packet.isEmpty else { return (nil, []) }
            var reader = PlanReader(packet)
            return (try VisitorMessage(from: &reader), descriptors)
        } catch let error as SystemError {
            throw RuntimeError(error).during("visit the network namespace")
        } catch {
            throw unexpected
        }
    }
}

/// What a process and its clone in a network namespace say to each other.
private enum VisitorMessage: PlanCoded {
    /// The links that were found.
    case links([MachineLink])
    /// Tie them, and make sockets that lead to a resolver.
    case goOn(resolver: InternetAddress?)
    /// It is done.
    case done
    /// It failed.
    case failure(RuntimeError)

    /// The most bytes of a packet, with room for what the monitor's own packets have besides.
    static let limit = 60_000

    func write(to writer: inout PlanWriter) {
        switch self {
        case .links(let links):
            writer.write(0 as UInt8)
            writer.write(links)
        case .goOn(let resolver):
            writer.write(1 as UInt8)
            writer.write(optional: resolver) { $0.write($1) }
        case .done: writer.write(2 as UInt8)
        case .failure(let error):
            writer.write(3 as UInt8)
            writer.write(error)
        }
    }

    init(from reader: inout PlanReader) throws(PlanFault) {
        switch try reader.number(UInt8.self) {
        case 0: self = .links(try reader.list())
        case 1:
            self = .goOn(
                resolver: try reader.optional { reader throws(PlanFault) in try InternetAddress(from: &reader) })
        case 2: self = .done
        case 3: self = .failure(try RuntimeError(from: &reader))
        default: throw .malformed
        }
    }
}
