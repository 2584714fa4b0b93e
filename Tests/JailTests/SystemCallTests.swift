import Foundation
import Testing

@testable import Jail

@Suite struct SystemCallTests {
    private static let header = ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"].first
    {
        FileManager.default.fileExists(atPath: $0)
    }

    @Test(.enabled(if: header != nil, "needs the kernel's header asm/unistd_64.h"))
    func theNumbersAreTheKernels() throws {
        let text = try String(contentsOfFile: Self.header ?? "", encoding: .utf8)
        var numbers: [String: UInt32] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 3, words[1].hasPrefix("__NR_") else { continue }
            numbers[String(words[1].dropFirst(5))] = UInt32(words[2])
        }
        for call in SystemCall.allCases { #expect(numbers[call.name] == call.rawValue, "\(call.name)") }
    }
}
