import CLinux

/// Waits for a while; a signal ends it early.
///
/// The corresponding system call is `poll(2)` on nothing.
///
/// - Parameter milliseconds: how long.
package func sleep(milliseconds: Int) {
    _ = clx_poll(nil, 0, Int32(clamping: milliseconds))
}
