extension SandboxPlan: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(launch)
        writer.write(stage)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(launch: try LaunchPlan(from: &reader), stage: try StagePlan(from: &reader))
    }
}

extension LaunchPlan: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(namespaces)
        writer.write(namespacesByStage)
        writer.write(userMappings)
        writer.write(groupMappings)
        writer.write(trees)
        writer.write(runtimeHooks)
        writer.write(resourceLimits)
        writer.write(optional: oomScoreAdjustment) { $0.write(Int64($1)) }
        writer.write(optional: initialAffinity) { $0.write($1) }
        writer.write(networkDevices)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init()
        namespaces = try reader.number()
        namespacesByStage = try reader.flag()
        userMappings = try reader.list()
        groupMappings = try reader.list()
        trees = try reader.list()
        runtimeHooks = try reader.list()
        resourceLimits = try reader.list()
        oomScoreAdjustment = try reader.optional { reader throws(PlanFault) in Int(try reader.number(Int64.self)) }
        initialAffinity = try reader.optional { reader throws(PlanFault) in try reader.content() }
        networkDevices = try reader.list()
    }
}

extension LauncherTree: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(path)
        writer.write(recursive)
        writer.write(userMappings)
        writer.write(groupMappings)
        writer.write(mapsRecursively)
        writer.write(mapsAsContainer)
        writer.write(field)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            path: try reader.text(), recursive: try reader.flag(), userMappings: try reader.list(),
            groupMappings: try reader.list(), mapsRecursively: try reader.flag(), mapsAsContainer: try reader.flag(),
            field: try reader.text())
    }
}

extension ResourceLimit: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(name)
        writer.write(resource)
        writer.write(soft)
        writer.write(hard)
        writer.write(field)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            name: try reader.text(), resource: try reader.number(), soft: try reader.number(),
            hard: try reader.number(), field: try reader.text())
    }
}

extension NetworkDeviceMove: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(hostName)
        writer.write(containerName)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(hostName: try reader.text(), containerName: try reader.text())
    }
}
