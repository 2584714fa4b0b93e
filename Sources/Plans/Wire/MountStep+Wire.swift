extension MountStep: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(optional: index) { $0.write(Int64($1)) }
        writer.write(destination)
        writer.write(kind)
        for change in [attributes, recursiveAttributes] {
            writer.write(change.set)
            writer.write(change.clear)
        }
        writer.writeNumbers(propagation)
        writer.write(copiesUp)
        writer.write(destinationNoFollow)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            index: try reader.optional { reader throws(PlanFault) in Int(try reader.number(Int64.self)) },
            destination: try reader.text(), kind: try Kind(from: &reader))
        attributes = Attributes(set: try reader.number(), clear: try reader.number())
        recursiveAttributes = Attributes(set: try reader.number(), clear: try reader.number())
        propagation = try reader.numbers()
        copiesUp = try reader.flag()
        destinationNoFollow = try reader.flag()
    }
}

extension MountStep.Kind: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        switch self {
        case .fileSystem(let type, let source, let flags, let data):
            writer.write(0 as UInt8)
            writer.write(type)
            writer.write(source)
            writer.write(flags)
            writer.write(data)
        case .bind(.path(let path), let recursive):
            writer.write(1 as UInt8)
            writer.write(path)
            writer.write(recursive)
        case .bind(.launcher(let position), let recursive):
            writer.write(2 as UInt8)
            writer.write(Int64(position))
            writer.write(recursive)
        case .cgroup(let mount):
            writer.write(3 as UInt8)
            writer.write(mount.ownNamespace)
            writer.write(optional: mount.unified) { $0.write($1) }
            writer.write(mount.hierarchies)
            writer.write(mount.flags)
        case .remount(let flags, let data):
            writer.write(4 as UInt8)
            writer.write(flags)
            writer.write(data)
        }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        switch try reader.number(UInt8.self) {
        case 0:
            self = .fileSystem(
                type: try reader.text(), source: try reader.text(), flags: try reader.number(),
                data: try reader.text())
        case 1:
            self = .bind(.path(try reader.text()), recursive: try reader.flag())
        case 2:
            self = .bind(.launcher(Int(try reader.number(Int64.self))), recursive: try reader.flag())
        case 3:
            self = .cgroup(
                MountStep.CgroupMount(
                    ownNamespace: try reader.flag(),
                    unified: try reader.optional { reader throws(PlanFault) in try reader.text() },
                    hierarchies: try reader.list(), flags: try reader.number()))
        case 4:
            self = .remount(flags: try reader.number(), data: try reader.text())
        default:
            throw .malformed
        }
    }
}

extension MountStep.CgroupMount.Hierarchy: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(directory)
        writer.write(data)
        writer.write(links)
        writer.write(hostPath)
        writer.write(type)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            directory: try reader.text(), data: try reader.text(), links: try reader.texts(),
            hostPath: try reader.text(), type: try reader.text())
    }
}
