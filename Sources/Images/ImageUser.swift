package import Diagnostics
package import Syscalls

/// Whom an image's program runs as: names resolved by the image's own /etc/passwd and /etc/group.
package struct ImageUser: Equatable, Sendable {
    /// The user id.
    package var userID: UInt32 = 0
    /// The group id.
    package var groupID: UInt32 = 0
    /// Supplementary groups.
    package var additionalGroups: [UInt32] = []

    /// The superuser.
    package init() {}

    /// Makes one of ids.
    package init(userID: UInt32, groupID: UInt32, additionalGroups: [UInt32] = []) {
        self.userID = userID
        self.groupID = groupID
        self.additionalGroups = additionalGroups
    }

    /// Resolves `User`: `user`, `uid`, `user:group`, `uid:gid` and so on, image-spec, config.md.
    ///
    /// A text of digits is an id, whether there is an account of it or not. Groups of the account count where no group is
    /// named.
    ///
    /// - Parameters:
    ///   - text: what the image says; nil for the superuser.
    ///   - root: the unpacked image; no link in it leads out of it.
    package init(_ text: String?, in root: borrowing OwnedDescriptor) throws(RuntimeError) {
        let parts = (text ?? "").split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let user = parts.first ?? ""
        let group = parts.count == 2 && !parts[1].isEmpty ? parts[1] : nil
        let accounts = try Self.lines(of: "/etc/passwd", in: root)
        let groups = try Self.lines(of: "/etc/group", in: root)
        let isWanted: ([String]) -> Bool
        if let id = try Self.number(user.isEmpty ? "0" : user) {
            userID = id
            isWanted = { $0[2] == "\(id)" }
        } else {
            isWanted = { $0[0] == user }
        }
        let account = accounts.first { $0.count >= 4 && isWanted($0) && UInt32($0[2]) != nil && UInt32($0[3]) != nil }
        if let account {
            userID = UInt32(account[2]) ?? 0
            groupID = UInt32(account[3]) ?? 0
        } else if !user.isEmpty, try Self.number(user) == nil {
            throw RuntimeError(
                .invalidBundle, "config.User: there is no user \"\(user)\" in the image's /etc/passwd")
        }
        if let group {
            if let id = try Self.number(group) {
                groupID = id
            } else if let found = groups.first(where: { $0.count >= 3 && $0[0] == group }), let id = UInt32(found[2]) {
                groupID = id
            } else {
                throw RuntimeError(
                    .invalidBundle, "config.User: there is no group \"\(group)\" in the image's /etc/group")
            }
        } else if let name = account?[0] {
            let own = groups.filter { $0.count >= 4 && $0[3].split(separator: ",").contains { $0 == name } }
            for id in own.compactMap({ UInt32($0[2]) }) where id != groupID && !additionalGroups.contains(id) {
                additionalGroups.append(id)
            }
            // NGROUPS_MAX; the kernel takes no more.
            additionalGroups = Array(additionalGroups.prefix(65536))
        }
    }

    /// An id; nil for a name.
    private static func number(_ text: String) throws(RuntimeError) -> UInt32? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        // The last one is what the kernel takes for none.
        guard let id = UInt32(text), id != .max else {
            throw RuntimeError(.invalidBundle, "config.User: \(text) is no user or group id")
        }
        return id
    }

    /// The most bytes of a file of accounts.
    private static let limit = 4 << 20

    /// The lines of a file of the image, each in its fields; none where there is no such file.
    private static func lines(
        of path: String, in root: borrowing OwnedDescriptor
    ) throws(RuntimeError) -> [[String]] {
        let bytes = try during("the image's \(path)") { () -> [UInt8] in
            do throws(SystemError) {
                // Links, absolute ones too, stay in the image; a FIFO is not waited for, and a device not opened.
                let place = try OwnedDescriptor.open(
                    at: root, path, [.path], resolve: [.inRoot, .noMagicLinks, .noCrossing])
                guard try place.status().kind == .regular else { throw SystemError("read", path, .invalidArgument) }
                return try OwnedDescriptor.open(place.procPath).readAll(limit: limit, subject: path)
            } catch {
                if error.errno == .noEntry || error.errno == .notDirectory { return [] }
                throw error
            }
        }
        return bytes.split(separator: UInt8(ascii: "\n")).map { line in
            line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
        }
    }
}
