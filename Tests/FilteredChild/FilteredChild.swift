import CFilteredChild
import Glibc
package import Plans
package import Syscalls

/// What came of a child that made system calls under a filter.
package struct FilteredOutcome {
    /// What each call returned, or -errno; nil for a call that was not reached.
    package let results: [Int64?]
    /// As waitpid(2) has it.
    package let status: Int32

    /// The signal that killed the child, or 0.
    package var signal: Int32 { status & 0x7f }
}

/// A call that the child makes.
package struct FilteredCall: Sendable {
    let number: Int
    let arguments: [Int]

    /// Describes a call by its number.
    package init(number: Int, _ arguments: [Int] = []) {
        self.number = number
        self.arguments = arguments
    }

    fileprivate var value: filtered_call {
        let a = arguments + Array(repeating: 0, count: 6 - arguments.count)
        return filtered_call(number: number, arguments: (a[0], a[1], a[2], a[3], a[4], a[5]))
    }
}

/// A child that makes calls under a filter.
package struct FilteredChild: ~Copyable {
    private var child: filtered_child
    private let count: Int
    /// The filter's listener, where it has one.
    private var listener: OwnedDescriptor?

    /// Starts the child.
    ///
    /// - Parameters:
    ///   - filter: the filter, with its flags.
    ///   - calls: at most FILTERED_CALLS_MOST.
    package init(_ filter: SeccompFilter, _ calls: [FilteredCall]) throws {
        var child = filtered_child()
        let values = calls.map(\.value)
        let started = filtered_child_start(
            &child, filter.instructions, UInt16(filter.instructions.count / 8), filter.flags, values,
            Int32(values.count))
        if started != 0 { throw TestFailure("start: errno \(errno)") }
        self.child = child
        count = calls.count
        listener = child.listener < 0 ? nil : OwnedDescriptor(owning: child.listener)
    }

    /// Takes the listener.
    package mutating func takeListener() throws -> OwnedDescriptor {
        guard let listener = listener.take() else { throw TestFailure("the filter has no listener") }
        return listener
    }

    /// The child's pid.
    package var pid: Int32 { child.pid }

    /// Waits for the child's end.
    package consuming func wait() throws -> FilteredOutcome {
        var results = [Int64](repeating: 0, count: count)
        let status = filtered_child_wait(&child, &results, Int32(count))
        if status == -1 { throw TestFailure("install: errno \(errno)") }
        return FilteredOutcome(results: results.map { $0 == .min ? nil : $0 }, status: status)
    }
}

/// What a test could not do.
package struct TestFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
