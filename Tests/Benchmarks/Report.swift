import Foundation

/// The results as text.
struct Report {
    let results: Results

    /// A Markdown table: minimum and median of every runtime, and the ratios of the first one to the others.
    var table: String {
        let others = results.runtimes.dropFirst()
        let heads = results.runtimes.map { "\($0) min / median" } + others.map { "\(results.runtimes[0]) ÷ \($0)" }
        var lines = ["| | \(heads.joined(separator: " | ")) |", "|---|" + heads.map { _ in "---:|" }.joined()]
        for row in results.rows {
            let values = results.runtimes.map { value(row, of: $0) }
            let ratios = others.map { other in
                results.ratio(row, to: other).map { pair(number($0.minimum, 2), number($0.median, 2)) } ?? "–"
            }
            let unit = row.metric.unit.isEmpty ? "" : ", \(row.metric.unit)"
            lines.append(
                "| \(row.name): \(row.metric.rawValue)\(unit) | \((values + ratios).joined(separator: " | ")) |")
        }
        return lines.joined(separator: "\n")
    }

    /// Every figure as JSON.
    func json(rounds: Int, versions: [String: String]) throws -> String {
        let rows = results.rows.map { row -> [String: Any] in
            var values: [String: [Double]] = [:]
            for runtime in results.runtimes { values[runtime] = results.samples(row, of: runtime)?.values }
            return ["case": row.name, "metric": row.metric.rawValue, "unit": row.metric.unit, "values": values]
        }
        let whole: [String: Any] = ["rounds": rounds, "versions": versions, "rows": rows]
        let data = try JSONSerialization.data(withJSONObject: whole, options: [.prettyPrinted, .sortedKeys])
        return String(decoding: data, as: UTF8.self)
    }

    private func value(_ row: Results.Key, of runtime: String) -> String {
        guard let samples = results.samples(row, of: runtime), let minimum = samples.minimum,
            let median = samples.median
        else {
            return "–"
        }
        let digits = row.metric == .calls ? 0 : row.metric == .peak ? 1 : 2
        return pair(number(minimum, digits), number(median, digits))
    }

    private func pair(_ first: String, _ second: String) -> String { "\(first) / \(second)" }

    private func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}
