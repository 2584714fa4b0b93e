package import Diagnostics
import Syscalls

extension RuntimeError: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(kind.rawValue)
        writer.write(context)
        writer.write(message)
        writer.write(optional: errno) { $0.write($1.rawValue) }
        writer.write(optional: hint) { $0.write($1) }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        let kind: Kind = try reader.enumeration()
        let context = try reader.texts()
        let message = try reader.text()
        let code: Int32? = try reader.optional { reader throws(PlanFault) in try reader.number() }
        let hint = try reader.optional { reader throws(PlanFault) in try reader.text() }
        self.init(kind, message, errno: code.map { Errno(rawValue: $0) }, hint: hint)
        self.context = context
    }
}
