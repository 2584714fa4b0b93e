/// What somebody who typed `word` may have meant, as a hint; nil where nothing is near.
func suggestion(for word: String, among candidates: [String]) -> String? {
    let limit = max(1, word.utf8.count / 3)
    let nearest = candidates.map { (distance($0, word), $0) }.min { $0.0 < $1.0 }
    guard let nearest, nearest.0 <= limit else { return nil }
    return "did you mean \(nearest.1)?"
}

/// How many letters must be inserted, removed, replaced or swapped with their neighbour to make one word of the other.
func distance(_ left: String, _ right: String) -> Int {
    let left = Array(left.utf8)
    let right = Array(right.utf8)
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in 0..<left.count {
        var current = [row + 1]
        for column in 0..<right.count {
            let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
            var best = min(replaced, last[column + 1] + 1, current[column] + 1)
            let isSwap =
                row > 0 && column > 0 && left[row] == right[column - 1] && left[row - 1] == right[column]
            if isSwap { best = min(best, beforeLast[column - 1] + 1) }
            current.append(best)
        }
        beforeLast = last
        last = current
    }
    return last[right.count]
}
