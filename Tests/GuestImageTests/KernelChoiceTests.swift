import Diagnostics
import Syscalls
import Testing

@testable import GuestImage

@Suite struct KernelChoiceTests {
    @Test func releasesAreOrderedAsDebianOrdersThem() {
        let ordered = [
            "5.10.0-39-amd64", "6.1.0-9-amd64", "6.1.0-56-amd64", "6.1.0-56-cloud-amd64", "6.12.9-amd64",
            "6.12.100+deb12-amd64",
            "6.13-rc2", "6.13-rc10", "6.13", "6.13.1",
        ]
        for (low, high) in zip(ordered, ordered.dropFirst()) {
            #expect(KernelVersion(low) < KernelVersion(high), "\(low) \(high)")
            #expect(!(KernelVersion(high) < KernelVersion(low)), "\(low) \(high)")
        }
        #expect(!(KernelVersion("6.01") < KernelVersion("6.1")) && !(KernelVersion("6.1") < KernelVersion("6.01")))
    }

    @Test func theNewestWithModulesIsTaken() throws {
        let folder = try Folder()
        let places = KernelChoice.Places(boot: "\(folder.path)/boot", modules: "\(folder.path)/modules")
        for release in ["6.1.0-9-amd64", "6.1.0-10-amd64", "6.2.0-1-amd64"] {
            try folder.write("boot/vmlinuz-\(release)", [])
        }
        for release in ["6.1.0-9-amd64", "6.1.0-10-amd64"] { try folder.write("modules/\(release)/modules.dep", []) }
        let choice = try KernelChoice.choose(in: places)
        #expect(choice.path == "\(places.boot)/vmlinuz-6.1.0-10-amd64")
        #expect(choice.release == "6.1.0-10-amd64")
        #expect(choice.modules == "\(places.modules)/6.1.0-10-amd64")
        #expect(choice.reason == .newest)
    }

    @Test func aHostWithoutAKernelIsToldWhatToInstall() throws {
        let folder = try Folder()
        let places = KernelChoice.Places(boot: folder.path, modules: folder.path)
        let error = #expect(throws: RuntimeError.self) { try KernelChoice.choose(in: places) }
        #expect(error?.kind == .notFound)
        #expect(error?.hint?.contains("linux-image-cloud-amd64") == true)
        try folder.write("vmlinuz-6.1.0", [])
        let other = #expect(throws: RuntimeError.self) { try KernelChoice.choose(in: places) }
        #expect(other?.message.contains("\(folder.path)/6.1.0") == true)
    }

    @Test func aNamedKernelSaysItsReleaseItself() throws {
        let folder = try Folder()
        let image = SyntheticBzImage(payload: [UInt8](repeating: 0, count: 64)).bytes
        let path = try folder.write("root/boot/bzImage", image)
        let bare = try KernelChoice.choose(requested: path)
        #expect(bare.release == "6.1.0-test" && bare.modules == nil && bare.reason == .requested)
        try folder.write("root/lib/modules/6.1.0-test/modules.dep", [])
        #expect(try KernelChoice.choose(requested: path).modules == "\(folder.path)/root/lib/modules/6.1.0-test")
    }

    @Test func aReleaseThatIsAPathIsNotBelieved() throws {
        let folder = try Folder()
        for release in ["../../etc", "a/b", "."] {
            var image = SyntheticBzImage(payload: [UInt8](repeating: 0, count: 64))
            image.release = release
            let choice = try KernelChoice.choose(requested: try folder.write("k", image.bytes))
            #expect(choice.modules == nil)
        }
    }

    @Test func aBuiltKernelGoesBeforeTheDistributions() throws {
        let folder = try Folder()
        let built = try folder.write("lib/mvrun/kernel", elfKernel())
        let places = KernelChoice.Places(built: ["\(folder.path)/none", built])
        let choice = try KernelChoice.choose(in: places)
        #expect(choice.path == built && choice.reason == .built && choice.modules == nil)
        #expect(
            KernelChoice.Places.standard(program: "/opt/mvrun/bin/mvrun").built
                == ["/opt/mvrun/lib/mvrun/kernel", "/usr/local/lib/mvrun/kernel", "/usr/lib/mvrun/kernel"])
    }

    @Test func whatIsNoKernelIsRefused() throws {
        let folder = try Folder()
        #expect(throws: RuntimeError.self) { try KernelChoice.choose(requested: "\(folder.path)/none") }
        #expect(throws: RuntimeError.self) { try KernelChoice.choose(requested: folder.path) }
        let text = try folder.write("text", Array("not a kernel".utf8))
        #expect(throws: RuntimeError.self) { try KernelChoice.choose(requested: text) }
    }
}
