/// A list of CPUs or memory nodes as the kernel writes it, as in "0-3,7"; cpuset(7), "List format".
package struct NumberList: Sendable, Equatable {
    /// The ranges, in the order of the text.
    package let ranges: [ClosedRange<Int>]

    /// One more than the highest number that is taken: above what any kernel is built for, and small enough for a mask.
    package static let bound = 1 << 16

    /// Reads a list; nil for a text that is not one, and for an empty one.
    package init?(_ text: String) {
        var ranges: [ClosedRange<Int>] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map(NumberList.number)
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last
            else { return nil }
            ranges.append(first...last)
        }
        self.ranges = ranges
    }

    private static func number(_ digits: Substring) -> Int? {
        let trimmed = digits.drop { $0 == " " }
        guard !trimmed.isEmpty, trimmed.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            let number = Int(trimmed), number < bound
        else { return nil }
        return number
    }

    /// Whether a number is in the list.
    package func contains(_ number: Int) -> Bool {
        ranges.contains { $0.contains(number) }
    }

    /// The list as a mask, bit N of which is in byte N / 8; as sched_setaffinity(2) takes it on a little-endian machine.
    package var mask: [UInt8] {
        var mask = [UInt8](repeating: 0, count: (ranges.map(\.upperBound).max() ?? 0) / 8 + 1)
        for number in ranges.joined() { mask[number / 8] |= 1 << (number % 8) }
        return mask
    }
}
