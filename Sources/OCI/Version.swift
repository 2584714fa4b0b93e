import Diagnostics

extension Spec {
    /// `ociVersion`: a version of the runtime-spec.
    package struct Version: Sendable, Equatable, Comparable {
        /// Changes of meaning.
        package var major: Int
        /// Additions.
        package var minor: Int
        /// Corrections.
        package var patch: Int
        /// The text, as written.
        package var text: String

        /// The version that mvrun implements.
        package static let implemented = Version(major: 1, minor: 3, patch: 0, text: "1.3.0")
        /// The oldest version that mvrun takes.
        package static let oldest = Version(major: 1, minor: 0, patch: 0, text: "1.0.0")

        /// Whether a config.json of this version may use fields that mvrun does not know.
        package var isNewer: Bool {
            (major, minor) > (Version.implemented.major, Version.implemented.minor)
        }

        private init(major: Int, minor: Int, patch: Int, text: String) {
            self.major = major
            self.minor = minor
            self.patch = patch
            self.text = text
        }

        /// Reads a version in the form of SemVer 2.0.0; nil where it is not one.
        package init?(_ text: String) {
            let core = text.prefix { $0 != "-" && $0 != "+" }
            let numbers = core.split(separator: ".", omittingEmptySubsequences: false).map { part in
                part.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ? Int(part) : nil
            }
            guard numbers.count == 3, let major = numbers[0], let minor = numbers[1], let patch = numbers[2] else {
                return nil
            }
            self.init(major: major, minor: minor, patch: patch, text: text)
        }

        init(_ reader: ObjectReader) throws(RuntimeError) {
            let text = try reader.requiredString("ociVersion")
            guard let version = Version(text) else {
                throw RuntimeError(
                    .invalidBundle, "ociVersion: \"\(text)\" is not a version", hint: "write it as in \"1.3.0\"")
            }
            guard version.major == 1 else {
                throw RuntimeError(
                    .unsupported, "ociVersion: \(text) is not supported",
                    hint: "versions 1.0.0 to \(Version.implemented.text) are")
            }
            self = version
        }

        /// Whether a version is older than another; what stands behind the numbers does not count.
        package static func < (left: Version, right: Version) -> Bool {
            (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
        }
    }
}
