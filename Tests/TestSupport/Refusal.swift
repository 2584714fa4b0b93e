import Testing

/// Expects that the runtime refused to make or run a container, and said why in one line.
///
/// - Parameter words: What the line has to hold: the path of the field, the value, the reason.
package func expectRefusal(
    _ outcome: Outcome, naming words: String..., sourceLocation: SourceLocation = #_sourceLocation
) {
    // 125 is this project's status; other runtimes say 1 or 255, which ExitStatusTests alone holds against them.
    if RuntimeUnderTest.current.kind == .mvrun {
        #expect(outcome.code == 125, "\(outcome)", sourceLocation: sourceLocation)
    } else {
        #expect(outcome.status != .exited(0), "\(outcome)", sourceLocation: sourceLocation)
    }
    for word in words {
        #expect(
            outcome.errors.contains(word), "\"\(word)\" is not in: \(outcome.errors)", sourceLocation: sourceLocation)
    }
    let lines = outcome.errors.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("  hint: ") }
    #expect(lines.count == 1, "not one line: \(outcome.errors)", sourceLocation: sourceLocation)
}
