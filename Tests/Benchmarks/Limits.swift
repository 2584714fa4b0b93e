import Foundation

/// The ceilings that are agreed on; see Limits.json.
struct Limits: Decodable {
    /// One ceiling: the minimum of a row, or its ratio to the minimum of another runtime.
    ///
    /// What disturbs a machine only ever adds to a time, so the minima say more of the programs than of their neighbours.
    struct Limit: Decodable {
        let name: String
        let metric: String
        let against: String?
        let most: Double

        enum CodingKeys: String, CodingKey {
            case name = "case"
            case metric, against, most
        }
    }

    let limits: [Limit]

    init(file: String) throws {
        self = try JSONDecoder().decode(Limits.self, from: Data(contentsOf: URL(filePath: file)))
        for limit in limits where Metric(rawValue: limit.metric) == nil {
            throw Failure("\(file): \(limit.metric) is not measured")
        }
    }

    /// What is above its ceiling, and what should have been measured and was not.
    ///
    /// - Parameter isMeasured: whether the case was wanted in this run.
    func exceeded(by results: Results, isMeasured: (String) -> Bool) -> [String] {
        limits.filter { isMeasured($0.name) }.compactMap { limit in
            guard let metric = Metric(rawValue: limit.metric) else { return nil }
            let row = Results.Key(name: limit.name, metric: metric)
            let what = "\(limit.name): \(limit.metric)" + (limit.against.map { " against \($0)" } ?? "")
            let found: Double? =
                if let against = limit.against {
                    results.ratio(row, to: against)?.minimum
                } else {
                    results.samples(row, of: results.runtimes[0])?.minimum
                }
            guard let found else { return "\(what): not measured" }
            return found > limit.most
                ? "\(what): \(String(format: "%.2f", found)), agreed is at most \(limit.most)" : nil
        }
    }
}
