/// One of the fixed names that a string of the spec can have.
///
/// The names are the raw values, spelled as the spec does.
package protocol SpecificationName: RawRepresentable, CaseIterable, Sendable, Hashable where RawValue == String {
    /// What a name of this table is, with its article, as in "a namespace type".
    static var noun: String { get }
}

extension SpecificationName {
    /// All names, in the order of the table, for `features` and for hints.
    package static var names: [String] {
        allCases.map(\.rawValue)
    }
}

/// The name most like `text`, if one is like enough to be meant.
///
/// - Parameters:
///   - text: what was written.
///   - names: what could have been meant.
package func closest(to text: String, among names: [String]) -> String? {
    let limit = max(1, text.utf8.count / 3)
    var best: (name: String, distance: Int)?
    for name in names {
        // An edit cannot make up for more than one byte of difference in length.
        guard abs(name.utf8.count - text.utf8.count) <= limit else { continue }
        let distance = editDistance(Array(text.lowercased().utf8), Array(name.lowercased().utf8))
        if distance <= limit, distance < best?.distance ?? .max { best = (name, distance) }
    }
    return best?.name
}

/// How many bytes must be inserted, removed, replaced or swapped with their neighbour to make one text the other.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...right.count)
    for row in left.indices {
        var current = [row + 1]
        for column in right.indices {
            let replaced = previous[column] + (left[row] == right[column] ? 0 : 1)
            var distance = min(replaced, previous[column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                distance = min(distance, beforePrevious[column - 1] + 1)
            }
            current.append(distance)
        }
        beforePrevious = previous
        previous = current
    }
    return previous[right.count]
}
