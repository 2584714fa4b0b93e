import Syscalls
import Testing

@Suite struct PathComponentsTests {
    @Test func aPathIsTakenApartByItsBytes() {
        #expect("/a//b/./..".pathComponents == ["a", "b", ".", ".."])
        #expect("".pathComponents == [] && "///".pathComponents == [])
        // A combining mark does not hide the slash before it.
        #expect("../\u{301}x/\u{301}".pathComponents == ["..", "\u{301}x", "\u{301}"])
    }

    @Test func aPathFromTheRootBeginsWithASlash() {
        #expect("/".isAbsolutePath && "/\u{301}a".isAbsolutePath)
        #expect(!"a/b".isAbsolutePath && !"".isAbsolutePath)
    }
}
