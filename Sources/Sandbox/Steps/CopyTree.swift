import CLinux
import Diagnostics
import Glibc
import Syscalls

/// Copies what is in one directory into another: files, directories, links and nodes, with owners and permissions.
///
/// The content is the image's, so it is hostile: names are opened without following links, and depth is bounded.
///
/// - Parameters:
///   - source: the directory to read; an O_PATH descriptor will do.
///   - target: the directory to fill.
///   - depth: how deep this directory lies.
/// - Throws: what made a copy fail, with the name.
func copyTree(
    from source: borrowing OwnedDescriptor, to target: borrowing OwnedDescriptor, depth: Int
) throws(RuntimeError) {
    guard depth < 64 else { throw RuntimeError(.unsupported, "more than 64 directories inside each other") }
    let names: [String]
    do {
        names = try OwnedDescriptor.open(at: source, ".", [.readOnly, .directory]).entries()
    } catch {
        throw RuntimeError(error)
    }
    for name in names {
        do {
            try copy(name, from: source, to: target, depth: depth)
        } catch let error as RuntimeError {
            throw error.during(name)
        } catch let error as SystemError {
            throw RuntimeError(error).during(name)
        } catch {
            throw RuntimeError(.system, "\(error)").during(name)
        }
    }
}

private func copy(
    _ name: String, from source: borrowing OwnedDescriptor, to target: borrowing OwnedDescriptor, depth: Int
) throws {
    let status = try source.status(of: name)
    switch status.kind {
    case .directory:
        try target.makeDirectory(name, mode: status.permissions)
        let inner = try OwnedDescriptor.open(at: source, name, [.readOnly, .directory, .noFollow])
        let made = try OwnedDescriptor.open(at: target, name, [.readOnly, .directory, .noFollow])
        try copyTree(from: inner, to: made, depth: depth + 1)
        try made.take(ownerAndModeFrom: status)
    case .regular:
        let file = try OwnedDescriptor.open(at: source, name, [.readOnly, .noFollow])
        let made = try OwnedDescriptor.open(at: target, name, [.writeOnly, .create, .exclusive, .noFollow])
        try copyContent(from: file, to: made, subject: name)
        try made.take(ownerAndModeFrom: status)
    case .symbolicLink:
        try target.makeLink(name, to: try source.linkTarget(name))
    case .characterDevice, .blockDevice, .fifo, .socket, .other:
        let type: UInt32 =
            switch status.kind {
            case .characterDevice: S_IFCHR
            case .blockDevice: S_IFBLK
            case .socket: S_IFSOCK
            default: S_IFIFO
            }
        try target.makeNode(name, mode: type | status.permissions, device: status.representedDevice)
    }
}

private func copyContent(
    from file: borrowing OwnedDescriptor, to target: borrowing OwnedDescriptor, subject: String
) throws(SystemError) {
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = try file.read(into: &buffer, subject: subject)
        if count == 0 { return }
        try target.writeAll(Array(buffer.prefix(count)), subject: subject)
    }
}

extension OwnedDescriptor {
    /// Gives this file the owner and permissions of another.
    ///
    /// Ownership first: changing it clears the set-id bits.
    fileprivate borrowing func take(ownerAndModeFrom status: FileStatus) throws(SystemError) {
        try changeOwner(user: status.userID, group: status.groupID)
        try changeMode(status.permissions)
    }
}
