import CSystemd
import Syscalls

/// Why something failed: a refusal of systemd's, or of the library's.
struct BusError: Error {
    /// The name that D-Bus gives it, as "org.freedesktop.systemd1.NoSuchUnit"; empty for one of the library's.
    let name: String
    /// What went wrong.
    let message: String

    /// An error of our own.
    init(_ message: String) {
        name = ""
        self.message = message
    }

    /// An error that came over the bus.
    init(name: String, _ message: String) {
        self.name = name
        self.message = message
    }
}

/// Passes the result of a call of the library on, or throws the error that it stands for.
@discardableResult
func check(_ result: Int32, _ activity: @autoclosure () -> String) throws(BusError) -> Int32 {
    guard result < 0 else { return result }
    throw BusError("\(activity()): \(Errno(rawValue: -result))")
}

/// A message on the bus.
///
/// Its content is appended in order; what is opened is closed again by the same function. sd_bus_message_append(3) would
/// take all at once, but a variable number of arguments is what Swift cannot pass.
@safe final class Message {
    /// The library's object.
    let pointer: OpaquePointer

    /// Takes a message over, to be released once.
    init(owning pointer: OpaquePointer) {
        unsafe self.pointer = pointer
    }

    /// A call of a method.
    convenience init(
        on bus: OpaquePointer, to service: String, _ object: String, _ interface: String, _ method: String
    ) throws(BusError) {
        var pointer: OpaquePointer?
        let result = unsafe sd_bus_message_new_method_call(bus, &pointer, service, object, interface, method)
        guard let pointer = unsafe pointer, result >= 0 else {
            throw BusError("call \(method): \(Errno(rawValue: -result))")
        }
        unsafe self.init(owning: pointer)
    }

    deinit {
        unsafe sd_bus_message_unref(pointer)
    }

    /// Appends a text.
    func append(_ text: String, as type: Unicode.Scalar = "s") throws(BusError) {
        try check(unsafe sd_bus_message_append_basic(pointer, code(type), text), "append \"\(text)\"")
    }

    /// Appends a boolean, which is an int in C.
    func append(_ value: Bool) throws(BusError) {
        try append(CInt(value ? 1 : 0), as: "b")
    }

    /// Appends a number of the type that the letter says.
    func append<Number: FixedWidthInteger>(_ value: Number, as type: Unicode.Scalar) throws(BusError) {
        var value = value
        // SAFETY: the library reads the number at once, and its size is that of the type.
        try check(unsafe sd_bus_message_append_basic(pointer, code(type), &value), "append \(value)")
    }

    /// Appends an array of numbers of the type that the letter says.
    func append<Number: FixedWidthInteger>(_ values: [Number], of type: Unicode.Scalar) throws(BusError) {
        let size = values.count * MemoryLayout<Number>.size
        // SAFETY: the library copies exactly the array's bytes.
        let result = unsafe values.withUnsafeBytes { buffer in
            unsafe sd_bus_message_append_array(pointer, code(type), buffer.baseAddress, size)
        }
        try check(result, "append an array")
    }

    /// Appends an array, a structure or a variant with the content that `body` appends.
    func append(
        _ container: Unicode.Scalar, of contents: String, _ body: () throws(BusError) -> Void
    ) throws(BusError) {
        try check(unsafe sd_bus_message_open_container(pointer, code(container), contents), "open \(container)")
        try body()
        try check(unsafe sd_bus_message_close_container(pointer), "close \(container)")
    }

    /// Appends properties, as `a(sv)`.
    func append(_ properties: [Property]) throws(BusError) {
        try append("a", of: "(sv)") { () throws(BusError) in
            for property in properties {
                try append("r", of: "sv") { () throws(BusError) in
                    try append(property.name)
                    try append("v", of: property.signature) { () throws(BusError) in try append(property.value) }
                }
            }
        }
    }

    private func append(_ value: Property.Value) throws(BusError) {
        switch value {
        case .boolean(let value): try append(value)
        case .uint32(let value): try append(value, as: "u")
        case .uint64(let value): try append(value, as: "t")
        case .int32(let value): try append(value, as: "i")
        case .int64(let value): try append(value, as: "x")
        case .string(let text): try append(text)
        case .bytes(let values): try append(values, of: "y")
        case .uint32s(let values): try append(values, of: "u")
        case .strings(let texts):
            try append("a", of: "s") { () throws(BusError) in for text in texts { try append(text) } }
        }
    }

    /// Reads the next part, a text.
    ///
    /// - Parameter type: s for any text, o for the path of an object.
    func readText(_ type: Unicode.Scalar) throws(BusError) -> String {
        var text: UnsafePointer<CChar>?
        // SAFETY: the text belongs to the message, and is copied while the message is there.
        try check(unsafe sd_bus_message_read_basic(pointer, code(type), &text), "read an answer")
        return unsafe text.map { unsafe String(cString: $0) } ?? ""
    }

    /// Passes over a number.
    func skipNumber() throws(BusError) {
        var number: UInt32 = 0
        try check(unsafe sd_bus_message_read_basic(pointer, code("u"), &number), "read an answer")
    }

    /// Who sent it, by its unique name on the bus.
    var sender: String {
        // SAFETY: as above.
        unsafe sd_bus_message_get_sender(pointer).map { unsafe String(cString: $0) } ?? ""
    }

    private func code(_ type: Unicode.Scalar) -> CChar {
        CChar(truncatingIfNeeded: type.value)
    }
}
