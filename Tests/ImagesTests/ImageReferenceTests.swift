import Diagnostics
import Foundation
import Testing

@testable import Images

@Suite struct ImageReferenceTests {
    private let layout: LayoutFixture
    init() throws { layout = try LayoutFixture() }

    @Test func whatIsNotThereIsPerhapsOfARegistry() {
        #expect { _ = try ImageReference(parsing: "busybox:1.36") } throws: {
            ($0 as? RuntimeError)?.kind == .notFound
                && ($0 as? RuntimeError)?.hint?.hasSuffix("docker://busybox:1.36") == true
        }
        #expect { _ = try ImageReference(parsing: "") } throws: { _ in true }
        #expect { _ = try ImageReference(parsing: "docker://a", tag: "b") } throws: { "\($0)".hasPrefix("--tag") }
        #expect { _ = try ImageReference(parsing: "\(layout.path):a", tag: "b") } throws: {
            "\($0)".contains("another tag")
        }
        #expect { _ = try ImageReference(parsing: "/dev/null") } throws: { "\($0)".contains("neither") }
    }

    @Test func aPathMayHaveATagBehindIt() throws {
        let plain = try ImageReference(parsing: layout.path)
        #expect(plain.place == .layout(directory: layout.path) && plain.tag == nil)
        #expect(try ImageReference(parsing: layout.path + ":1.0").tag == "1.0")
        #expect(try ImageReference(parsing: layout.path, tag: "1.0").tag == "1.0")
        try layout.write("a:b", "")
        let file = try ImageReference(parsing: layout.path + "/a:b")
        #expect(file.place == .archive(file: layout.path + "/a:b") && file.tag == nil)
        #expect(try ImageReference(parsing: layout.path + "/a:b:c").tag == "c")
    }

    @Test func transportsAreLeftToSkopeo() throws {
        for text in ["docker://busybox", "containers-storage:busybox", "docker-archive:/x.tar:y"] {
            #expect(try ImageReference(parsing: text).place == .elsewhere(transport: text))
        }
    }
}
