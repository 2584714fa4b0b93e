extension FileShare: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(path)
        writer.write(readOnly)
        writer.write(isFile)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(path: try reader.text(), readOnly: try reader.flag(), isFile: try reader.flag())
    }
}

extension MachineDisk: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(readOnly)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(readOnly: try reader.flag())
    }
}

extension GuestPlan: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(sandbox)
        writer.write(optional: memoryLimit) { $0.write($1) }
        writer.write(optional: processLimit) { $0.write($1) }
        writer.write(hasShares)
        writer.write(hasFileWindow)
        writer.write(optional: rootDisk) { $0.write($1) }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            sandbox: try SandboxPlan(from: &reader),
            memoryLimit: try reader.optional { reader throws(PlanFault) in try reader.number() },
            processLimit: try reader.optional { reader throws(PlanFault) in try reader.number() })
        hasShares = try reader.flag()
        hasFileWindow = try reader.flag()
        rootDisk = try reader.optional { reader throws(PlanFault) in try MachineDisk(from: &reader) }
    }
}

extension MachinePlan: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(id)
        writer.write(virtualCPUs)
        writer.write(memoryMiB)
        writer.write(kernelParameters)
        writer.write(shares)
        writer.write(cacheMode.rawValue)
        writer.write(terminal)
        writer.write(guest)
        writer.write(awaitsNetwork)
        writer.write(offersVsock)
        writer.write(fileWindowMiB)
        writer.write(optional: disk) { $0.write($1) }
        writer.write(reportsForbiddenCalls)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            id: try reader.text(), virtualCPUs: try reader.number(), memoryMiB: try reader.number(),
            kernelParameters: try reader.texts(), shares: try reader.list(), cacheMode: try reader.enumeration(),
            terminal: try reader.flag(), guest: try GuestPlan(from: &reader))
        awaitsNetwork = try reader.flag()
        offersVsock = try reader.flag()
        fileWindowMiB = try reader.number()
        disk = try reader.optional { reader throws(PlanFault) in try MachineDisk(from: &reader) }
        reportsForbiddenCalls = try reader.flag()
    }
}
