extension NamespaceJoin: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(kind.rawValue)
        writer.write(path)
        writer.write(field)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(kind: try reader.enumeration(), path: try reader.text(), field: try reader.text())
    }
}

extension IDMapping: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(containerID)
        writer.write(hostID)
        writer.write(size)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(containerID: try reader.number(), hostID: try reader.number(), size: try reader.number())
    }
}

extension ClockOffset: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(clock)
        writer.write(seconds)
        writer.write(nanoseconds)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(clock: try reader.text(), seconds: try reader.number(), nanoseconds: try reader.number())
    }
}

extension DeviceStep: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(path)
        writer.write(kind.rawValue)
        for number in [major, minor, mode, userID, groupID] { writer.write(number) }
        writer.write(optional: field) { $0.write($1) }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            path: try reader.text(), kind: try reader.enumeration(), major: try reader.number(),
            minor: try reader.number(), mode: try reader.number(), userID: try reader.number(),
            groupID: try reader.number(),
            field: try reader.optional { reader throws(PlanFault) in try reader.text() })
    }
}

extension Program: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(arguments)
        writer.write(environment)
        writer.write(workingDirectory)
        writer.write(Int64(preservedDescriptors))
        writer.write(optional: listenDescriptors) { $0.write(Int64($1)) }
        writer.write(Int64(handedFiles))
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            arguments: try reader.texts(), environment: try reader.texts(), workingDirectory: try reader.text(),
            preservedDescriptors: Int(try reader.number(Int64.self)),
            listenDescriptors: try reader.optional { reader throws(PlanFault) in Int(try reader.number(Int64.self)) },
            handedFiles: Int(try reader.number(Int64.self)))
    }
}

extension Identity: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(userID)
        writer.write(groupID)
        writer.write(optional: additionalGroups) { $0.writeNumbers($1) }
        writer.write(optional: umask) { $0.write($1) }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            userID: try reader.number(), groupID: try reader.number(),
            additionalGroups: try reader.optional { reader throws(PlanFault) in try reader.numbers() },
            umask: try reader.optional { reader throws(PlanFault) in try reader.number() })
    }
}

extension CapabilitySets: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        for set in [bounding, effective, inheritable, permitted, ambient] { writer.write(set) }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            bounding: try reader.number(), effective: try reader.number(), inheritable: try reader.number(),
            permitted: try reader.number(), ambient: try reader.number())
    }
}

extension SchedulerAttributes: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(policy)
        writer.write(flags)
        writer.write(nice)
        writer.write(priority)
        for nanoseconds in [runtime, deadline, period] { writer.write(nanoseconds) }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            policy: try reader.number(), flags: try reader.number(), nice: try reader.number(),
            priority: try reader.number(), runtime: try reader.number(), deadline: try reader.number(),
            period: try reader.number())
    }
}

extension SeccompFilter: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(instructions)
        writer.write(flags)
        writer.write(notifies)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(instructions: try reader.content(), flags: try reader.number(), notifies: try reader.flag())
    }
}

extension HookStep: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(list)
        writer.write(Int64(index))
        writer.write(path)
        writer.write(arguments)
        writer.write(optional: environment) { $0.write($1) }
        writer.write(optional: timeoutSeconds) { $0.write(Int64($1)) }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            list: try reader.text(), index: Int(try reader.number(Int64.self)), path: try reader.text(),
            arguments: try reader.texts(),
            environment: try reader.optional { reader throws(PlanFault) in try reader.texts() },
            timeoutSeconds: try reader.optional { reader throws(PlanFault) in Int(try reader.number(Int64.self)) })
    }
}

extension SetupStep.KernelParameter: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        for text in [name, path, value] { writer.write(text) }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(name: try reader.text(), path: try reader.text(), value: try reader.text())
    }
}

extension StagePlan: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(id)
        writer.write(steps)
        writer.write(program)
        writer.write(finalSteps)
        writer.write(startHooks)
        writer.write(hookState)
        writer.write(waitsOnSocket)
        writer.write(optional: ignoredSignals) { $0.write($1) }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(id: try reader.text(), steps: try reader.list(), program: try Program(from: &reader))
        finalSteps = try reader.list()
        startHooks = try reader.list()
        hookState = try reader.text()
        waitsOnSocket = try reader.flag()
        ignoredSignals = try reader.optional { reader throws(PlanFault) in try reader.number() }
    }
}
