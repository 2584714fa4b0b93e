import Diagnostics
import JSON
import OCI

/// A config.json as far as it can be read: its faults of type are taken out, one after the other, and told together.
struct ReadableSpec {
    /// What was taken out, and why.
    private(set) var errors: [RuntimeError] = []
    /// The text without it; lines are where they were.
    private(set) var document: JSONDocument
    /// What it says; nil where a field is missing or faulty that nothing can be read without.
    private(set) var spec: Spec?

    /// The most faults that are told of one text.
    private static let mostFaults = 32

    /// Reads a text that is JSON.
    init(_ bytes: [UInt8]) throws(RuntimeError) {
        var bytes = bytes
        var taken: [String] = []
        document = try JSONDocument(bytes, named: "config.json")
        for _ in 0..<Self.mostFaults {
            do throws(RuntimeError) {
                let read = try Spec(document)
                _ = try read.linux.seccomp?.parsed()
                spec = read
                return
            } catch {
                // What was taken out is missing from then on, which is nobody's fault.
                let text = error.description
                if !taken.contains(where: text.isAbout) { errors.append(error) }
                guard let fault = Self.value(of: error.description, in: document.root) else { return }
                if !fault.isElement { taken.append(fault.value.path) }
                Self.take(out: fault, of: &bytes)
                document = try JSONDocument(bytes, named: "config.json")
            }
        }
    }

    /// The value that an error is about, and whether it is an element of an array: the innermost element, since an object
    /// of which a part is missing would be the next fault.
    private static func value(
        of error: String, in value: JSONValue
    ) -> (value: JSONValue, isElement: Bool)? {
        var found: (JSONValue, Bool)?
        var next: JSONValue? = value
        while let here = next {
            next = nil
            for element in here.elements where error.isAbout(element.path) {
                found = (element, true)
                next = element
            }
            for (_, member) in here.members where !member.isNull && error.isAbout(member.path) {
                if found?.1 != true || member.kind == .array { found = (member, false) }
                next = member
            }
        }
        return found
    }

    /// Puts nothing in the place of an element, and `null`, which is as good as nothing, in that of a member.
    private static func take(out fault: (value: JSONValue, isElement: Bool), of bytes: inout [UInt8]) {
        var range = fault.value.range
        guard fault.isElement else {
            let breaks = bytes[range].filter { $0 == UInt8(ascii: "\n") }
            bytes.replaceSubrange(range, with: Array("null".utf8) + breaks)
            return
        }
        let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
        let after = bytes[range.upperBound...].firstIndex { !isSpace($0) }
        if let after, bytes[after] == UInt8(ascii: ",") {
            range = range.lowerBound..<after + 1
        } else if let before = bytes[..<range.lowerBound].lastIndex(where: { !isSpace($0) }),
            bytes[before] == UInt8(ascii: ",")
        {
            range = before..<range.upperBound
        }
        for index in range where bytes[index] != UInt8(ascii: "\n") { bytes[index] = UInt8(ascii: " ") }
    }
}

extension String {
    /// Whether an error starts with a path that is this one or leads through it.
    fileprivate func isAbout(_ path: String) -> Bool {
        guard hasPrefix(path), let next = utf8.dropFirst(path.utf8.count).first else { return false }
        return [UInt8(ascii: ":"), UInt8(ascii: "."), UInt8(ascii: "[")].contains(next)
    }
}
