package import Diagnostics
import JSON

extension Spec {
    /// `linux.seccomp` as it stands in config.json.
    ///
    /// Reading and compiling a profile costs many times what the rest of config.json does, and the same profile comes
    /// again and again. So the section stays unread until somebody asks: `bytes` are the key under which a compiled
    /// filter is cached, `parsed` is for the first time.
    package struct SeccompSection: Sendable, Equatable {
        private let value: JSONValue

        init?(_ reader: ObjectReader) throws(RuntimeError) {
            guard let value = try reader.unread("seccomp") else { return nil }
            self.value = value
            if let record = reader.record { _ = try Seccomp(ObjectReader(value, record: record)) }
        }

        /// The section's text: two sections with the same text mean the same.
        package var bytes: ArraySlice<UInt8> {
            value.bytes
        }

        /// Reads the section and checks it, as `validate` does the rest.
        package func parsed() throws(RuntimeError) -> Seccomp {
            let seccomp = try Seccomp(ObjectReader(value))
            var findings = Findings()
            seccomp.validate(at: value.path, &findings)
            try findings.throwFirstError(in: value.document)
            return seccomp
        }

        /// Whether both have the same text.
        package static func == (left: SeccompSection, right: SeccompSection) -> Bool {
            left.bytes == right.bytes
        }
    }

    /// `linux.seccomp`, seccomp(2); runtime-spec, config-linux.md, "Seccomp".
    package struct Seccomp: Sendable, Equatable {
        /// What happens to a system call that no rule matches.
        package var defaultAction: Action
        /// The error number of `defaultAction`; EPERM where it is unset.
        package var defaultErrnoRet: UInt32?
        /// The architectures whose system calls are filtered; the native one where it is empty.
        package var architectures: [Architecture]
        /// Flags of seccomp(2); nil where the profile leaves them to the runtime.
        package var flags: [Flag]?
        /// The socket to which the notification descriptor goes.
        package var listenerPath: String?
        /// What goes there with it.
        package var listenerMetadata: String?
        /// The rules.
        package var syscalls: [Rule]

        /// Reads the section, or a file that holds such an object alone.
        package init(_ reader: ObjectReader) throws(RuntimeError) {
            defaultAction = try reader.requiredName("defaultAction")
            defaultErrnoRet = try reader.integer("defaultErrnoRet")
            architectures = try reader.names("architectures") ?? []
            flags = try reader.names("flags")
            listenerPath = try reader.string("listenerPath")
            listenerMetadata = try reader.string("listenerMetadata")
            syscalls = try reader.objects("syscalls", Rule.init) ?? []
        }

        /// Whether any rule, or the default, hands system calls to a listener.
        package var notifies: Bool {
            defaultAction == .notify || syscalls.contains { $0.action == .notify }
        }
    }
}

extension Spec.Seccomp {
    /// An entry of `syscalls`.
    package struct Rule: Sendable, Equatable {
        /// The names of the system calls.
        package var names: [String]
        /// What happens to them.
        package var action: Action
        /// The error number of `action`; EPERM where it is unset.
        package var errnoRet: UInt32?
        /// Conditions on the arguments; all must hold.
        package var args: [Argument]

        init(_ reader: ObjectReader) throws(RuntimeError) {
            guard let names = try reader.strings("names") else { throw reader.missing("names") }
            self.names = names
            action = try reader.requiredName("action")
            errnoRet = try reader.integer("errnoRet")
            args = try reader.objects("args", Argument.init) ?? []
        }
    }

    /// An entry of `syscalls[].args`: a condition on one argument.
    package struct Argument: Sendable, Equatable {
        /// Which argument, from 0.
        package var index: UInt32
        /// What it is compared with; the mask of SCMP_CMP_MASKED_EQ.
        package var value: UInt64
        /// What the masked argument is compared with.
        package var valueTwo: UInt64
        /// How it is compared.
        package var op: Operator

        init(_ reader: ObjectReader) throws(RuntimeError) {
            index = try reader.requiredInteger("index")
            value = try reader.requiredInteger("value")
            valueTwo = try reader.integer("valueTwo") ?? 0
            op = try reader.requiredName("op")
        }
    }
}
