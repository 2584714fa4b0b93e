import CFilteredChild
import Glibc
import Plans

@testable import Planning

/// What came of a child that made system calls under a filter.
struct FilteredOutcome {
    /// What each call returned, or -errno; nil for a call that was not reached.
    let results: [Int64?]
    /// As waitpid(2) has it.
    let status: Int32

    /// The signal that killed the child, or 0.
    var signal: Int32 { status & 0x7f }
}

/// A call that the child makes.
struct FilteredCall {
    let number: Int
    let arguments: [Int]

    init(number: Int, _ arguments: [Int] = []) {
        self.number = number
        self.arguments = arguments
    }

    init(_ name: String, _ arguments: Int...) {
        self.init(number: Libseccomp.number(of: name).map(Int.init) ?? -1, arguments)
    }

    var value: filtered_call {
        let a = arguments + Array(repeating: 0, count: 6 - arguments.count)
        return filtered_call(number: number, arguments: (a[0], a[1], a[2], a[3], a[4], a[5]))
    }
}

/// Runs calls under a filter in a child process of their own.
///
/// - Parameters:
///   - filter: the filter, with its flags.
///   - calls: at most FILTERED_CALLS_MOST.
///   - whileItRuns: gets the filter's listener, or -1, and the child's pid.
func runFiltered(
    _ filter: SeccompFilter, _ calls: [FilteredCall],
    whileItRuns: (_ listener: Int32, _ pid: Int32) throws -> Void = { _, _ in }
) throws -> FilteredOutcome {
    var child = filtered_child()
    let values = calls.map(\.value)
    let started = filtered_child_start(
        &child, filter.instructions, UInt16(filter.instructions.count / 8), filter.flags, values, Int32(values.count))
    if started != 0 { throw TestFailure("start: errno \(errno)") }
    var failure: (any Error)?
    do { try whileItRuns(child.listener, child.pid) } catch { failure = error }
    var results = [Int64](repeating: 0, count: calls.count)
    let status = filtered_child_wait(&child, &results, Int32(results.count))
    if status == -1 { throw TestFailure("install: errno \(errno)") }
    if let failure { throw failure }
    return FilteredOutcome(results: results.map { $0 == .min ? nil : $0 }, status: status)
}

/// What a test could not do.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
