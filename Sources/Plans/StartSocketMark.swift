/// The first bytes of the packets on a container's start socket.
///
/// Who answers there is the stage of a container or the monitor of a machine; whoever starts the container need not know.
package enum StartSocketMark {
    /// To the container: start, and its pid follows.
    package static let start = UInt8(ascii: "S")
    /// From the container: it cannot be started, and the error follows.
    ///
    /// Where it can, the connection closes without a word.
    package static let failure = UInt8(ascii: "E")
    /// From the container: a text follows that the user should see.
    package static let warning = UInt8(ascii: "w")
}
