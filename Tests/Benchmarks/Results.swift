/// What is measured, and in which unit.
enum Metric: String, CaseIterable {
    case wall = "wall"
    case processor = "user+sys"
    case peak = "peak RSS"
    case calls = "system calls"

    /// The unit, for the table.
    var unit: String {
        switch self {
        case .wall, .processor: "ms"
        case .peak: "MiB"
        case .calls: ""
        }
    }
}

/// Every value that was measured of one thing.
struct Samples {
    private(set) var values: [Double] = []

    mutating func add(_ value: Double) { values.append(value) }

    var minimum: Double? { values.min() }

    var median: Double? {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return nil }
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}

/// Everything that was measured.
struct Results {
    /// One row of the table: a metric of a case.
    struct Key: Hashable {
        let name: String
        let metric: Metric
    }

    /// The names of the runtimes, the compared one first.
    let runtimes: [String]
    /// The rows, in the order of the table.
    private(set) var rows: [Key] = []
    private var samples: [Key: [String: Samples]] = [:]

    init(runtimes: [String]) { self.runtimes = runtimes }

    mutating func add(_ value: Double, of metric: Metric, in name: String, for runtime: String) {
        let key = Key(name: name, metric: metric)
        if samples[key] == nil { rows.append(key) }
        samples[key, default: [:]][runtime, default: Samples()].add(value)
    }

    mutating func add(_ measurement: Measurement, in name: String, for runtime: String) {
        add(measurement.wallMilliseconds, of: .wall, in: name, for: runtime)
        add(measurement.processorMilliseconds, of: .processor, in: name, for: runtime)
        add(measurement.peakMiB, of: .peak, in: name, for: runtime)
    }

    /// What was measured of a runtime in a row; nil where it could not do it.
    func samples(_ row: Key, of runtime: String) -> Samples? { samples[row]?[runtime] }

    /// How many times the other's value the first runtime's is: of the minima and of the medians.
    func ratio(_ row: Key, to other: String) -> (minimum: Double, median: Double)? {
        guard let own = samples(row, of: runtimes[0]), let others = samples(row, of: other),
            let ownMinimum = own.minimum, let ownMedian = own.median,
            let minimum = others.minimum, let median = others.median, minimum > 0, median > 0
        else { return nil }
        return (ownMinimum / minimum, ownMedian / median)
    }
}
