/// The last lines of what a program wrote, in one line of an error.
///
/// - Parameters:
///   - count: how many, empty ones apart.
///   - output: the end of what it wrote.
package func lastLines(_ count: Int, of output: some Sequence<UInt8>) -> String {
    String(decoding: Array(output), as: UTF8.self).split(whereSeparator: \.isNewline).suffix(count)
        .joined(separator: " | ")
}
