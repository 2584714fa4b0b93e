/// Quantities as command lines write them.
package enum Quantity {
    /// A number of bytes: plain, or with a unit of 1024 as runc takes it (64k, 512MiB, 2g); nil for what is none.
    package static func bytes(_ text: String) -> Int? {
        if let number = Int(text) { return number }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits) else { return nil }
        var unit = text.dropFirst(digits.utf8.count).lowercased()
        if unit.hasSuffix("ib") { unit.removeLast(2) } else if unit.hasSuffix("b") { unit.removeLast() }
        guard let exponent = ["", "k", "m", "g", "t", "p"].firstIndex(of: unit) else { return nil }
        let (result, overflow) = number.multipliedReportingOverflow(by: 1 << (10 * exponent))
        return overflow ? nil : result
    }

    /// A time in milliseconds, as Go's ParseDuration takes it in whole units (5s, 1m30s); without a unit it is seconds.
    package static func milliseconds(_ text: String) -> Int? {
        let factors = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000]
        var total = 0
        var rest = Int(text) == nil ? text[...] : "\(text)s"[...]
        if rest.isEmpty { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let number = Int(digits), let factor = factors[String(unit)] else { return nil }
            let (part, tooLarge) = number.multipliedReportingOverflow(by: factor)
            let (sum, overflow) = total.addingReportingOverflow(part)
            if tooLarge || overflow { return nil }
            total = sum
        }
        return total
    }
}
