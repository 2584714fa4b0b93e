package import Diagnostics
import Syscalls

/// Where an image is, as a command line names it.
package struct ImageReference: Equatable, Sendable {
    /// What is at the place.
    package enum Place: Equatable, Sendable {
        /// A directory that is an OCI layout.
        case layout(directory: String)
        /// A file that holds an image; what form it has, its content says.
        case archive(file: String)
        /// What skopeo is to fetch, in its own words, as in `docker://busybox`.
        case elsewhere(transport: String)
    }

    /// The place.
    package let place: Place
    /// Which image of those at the place; nil where it has one.
    package let tag: String?

    /// The transports that are left to skopeo as they are written, containers-transports(5).
    private static let transports = [
        "docker://", "docker-daemon:", "docker-archive:", "oci-archive:", "oci:", "containers-storage:", "dir:",
    ]

    /// Reads what a command line names: a path, perhaps with `:TAG` behind it, or a transport of skopeo's.
    ///
    /// - Parameters:
    ///   - text: the name.
    ///   - tag: a tag that was given apart.
    /// - Throws: that there is nothing of the name, or that it makes no sense.
    package init(parsing text: String, tag: String? = nil) throws(RuntimeError) {
        guard !text.utf8.contains(0), !text.isEmpty else {
            throw RuntimeError(.usage, "the image's name is empty or has a zero byte in it")
        }
        if Self.transports.contains(where: text.hasPrefix) {
            if tag != nil {
                throw RuntimeError(.usage, "--tag is for a layout or an archive", hint: "write the tag into the name")
            }
            (place, self.tag) = (.elsewhere(transport: text), nil)
            return
        }
        if let found = try Self.place(at: text) {
            (place, self.tag) = (found, tag)
            return
        }
        guard let colon = text.lastIndex(of: ":"), let found = try Self.place(at: String(text[..<colon])) else {
            throw RuntimeError(
                .notFound, "\(text): no such file or directory",
                hint: "an image is an OCI layout (a directory), an archive, or what skopeo fetches: docker://\(text)")
        }
        let written = String(text[text.index(after: colon)...])
        if let tag, tag != written {
            throw RuntimeError(.usage, "\(text): it has another tag than --tag \(tag)")
        }
        (place, self.tag) = (found, written)
    }

    /// What is at a path; nil for nothing.
    private static func place(at path: String) throws(RuntimeError) -> Place? {
        let found: FileStatus
        do throws(SystemError) {
            found = try status(of: path)
        } catch {
            if error.errno == .noEntry || error.errno == .notDirectory { return nil }
            throw RuntimeError(error)
        }
        switch found.kind {
        case .directory: return .layout(directory: path)
        case .regular: return .archive(file: path)
        default:
            throw RuntimeError(.invalidBundle, "\(path) is neither a directory nor a file", hint: nil)
        }
    }
}
