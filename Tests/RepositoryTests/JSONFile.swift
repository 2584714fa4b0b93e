import Foundation

/// A JSON file whose top is an object.
struct JSONFile: Equatable {
    private let top: NSDictionary

    init(_ file: URL) throws {
        guard let top = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? NSDictionary else {
            throw CocoaError(.propertyListReadCorrupt)
        }
        self.top = top
    }

    /// The value that a path of names leads to, as in `root.readonly`.
    subscript(_ path: String) -> Any? {
        path.split(separator: ".").reduce(top as Any?) { value, name in (value as? NSDictionary)?[String(name)] }
    }
}
