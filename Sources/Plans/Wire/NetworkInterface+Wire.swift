extension InternetAddress: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(bytes)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        guard let address = InternetAddress(try reader.content()) else { throw .malformed }
        self = address
    }
}

extension InterfaceNetwork: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(address)
        writer.write(optional: peer) { $0.write($1) }
        writer.write(optional: broadcast) { $0.write($1) }
        writer.write(prefixLength)
        writer.write(scope)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            address: try InternetAddress(from: &reader),
            peer: try reader.optional { reader throws(PlanFault) in try InternetAddress(from: &reader) },
            broadcast: try reader.optional { reader throws(PlanFault) in try InternetAddress(from: &reader) },
            prefixLength: try reader.number(), scope: try reader.number())
        let others = [peer, broadcast].compactMap { $0 }
        guard prefixLength <= 8 * address.bytes.count, others.allSatisfy({ $0.family == address.family }) else {
            throw .malformed
        }
    }
}

extension InterfaceRoute: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(isVersion6)
        for address in [destination, gateway, source] { writer.write(optional: address) { $0.write($1) } }
        writer.write(prefixLength)
        writer.write(priority)
        writer.write(scope)
        writer.write(isOnLink)
        writer.write(mtu)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        let isVersion6 = try reader.flag()
        var addresses: [InternetAddress?] = []
        for _ in 0..<3 {
            addresses.append(try reader.optional { reader throws(PlanFault) in try InternetAddress(from: &reader) })
        }
        self.init(
            isVersion6: isVersion6, destination: addresses[0], prefixLength: try reader.number(),
            gateway: addresses[1], source: addresses[2], priority: try reader.number(), scope: try reader.number(),
            isOnLink: try reader.flag(), mtu: try reader.number())
        guard prefixLength <= (isVersion6 ? 128 : 32),
            addresses.allSatisfy({ $0.map { $0.isVersion6 == isVersion6 } ?? true })
        else { throw .malformed }
    }
}

extension InterfaceNeighbour: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(address)
        writer.write(hardwareAddress)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(address: try InternetAddress(from: &reader), hardwareAddress: try reader.content())
        guard hardwareAddress.count == 6 else { throw .malformed }
    }
}

extension NetworkInterface: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(name)
        writer.write(hardwareAddress)
        writer.write(mtu)
        writer.write(networks)
        writer.write(routes)
        writer.write(neighbours)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(name: try reader.text(), hardwareAddress: try reader.content(), mtu: try reader.number())
        networks = try reader.list()
        routes = try reader.list()
        neighbours = try reader.list()
        let bytes = name.utf8
        guard hardwareAddress.count == 6, !bytes.isEmpty, bytes.count <= Self.nameLimit,
            bytes.allSatisfy({ $0 > 0x20 && $0 != 0x2f && $0 != 0x7f }), name != ".", name != ".."
        else { throw .malformed }
    }
}
