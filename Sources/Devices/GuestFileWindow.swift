package import Board
import FUSE
package import Syscalls

/// The window of a file server whose client is a guest: a part of the guest's addresses.
package final class GuestFileWindow: FileWindow {
    private let window: SharedWindow

    /// Wraps a window.
    package init(_ window: SharedWindow) {
        self.window = window
    }

    package var size: UInt64 { window.size }
    package var unit: UInt64 { SharedWindow.unit }

    package func map(
        _ file: ServedFile, from position: Int64, count: UInt64, at offset: UInt64, writable: Bool
    ) throws(Errno) {
        do throws(SystemError) {
            try window.map(file.descriptor, from: position, count: count, at: offset, writable: writable)
        } catch {
            throw error.errno
        }
    }

    package func unmap(at offset: UInt64, _ count: UInt64) throws(Errno) {
        do throws(SystemError) {
            try window.unmap(at: offset, count)
        } catch {
            throw error.errno
        }
    }
}
