import Glibc

/// Requests that a client sends when it behaves, one seed for each group of opcodes.
enum FUSESeeds {
    /// A request of `FUSEClient.request`; the nodes 1 to 4 are the shares, later ones are in the order of their replies.
    private static func ask(_ opcode: UInt8, _ node: UInt8, _ body: [[UInt8]]) -> [UInt8] {
        [opcode, node, 0, 81, UInt8(body.count)] + body.flatMap { $0 }
    }

    private static func text(_ word: String) -> [UInt8] { [4, FUSEWords.number(of: word)] }
    private static func word(_ value: UInt32) -> [UInt8] { [2] + little(value) }
    private static func long(_ value: UInt8) -> [UInt8] { [7, value] }
    private static func handle(_ place: UInt8) -> [UInt8] { [0, place] }
    private static func node(_ place: UInt8) -> [UInt8] { [1, place] }
    private static func raw(_ bytes: [UInt8]) -> [UInt8] { [5, UInt8(bytes.count)] + bytes }

    private static let create = ask(35, 1, [word(UInt32(O_RDWR)), word(0o644), word(0), word(0), text("a")])
    private static let created: [UInt8] = create
    private static let mkdir = ask(9, 1, [word(0o755), word(0), text("d")])

    private static let names: [UInt8] =
        create + mkdir + ask(6, 1, [text("b"), text("../canary/secret")]) + ask(5, 7, [])
        + ask(8, 1, [word(S_IFIFO | 0o600), word(0), word(0), word(0), text("x")])
        + ask(13, 6, [node(5), text("b")]) + ask(12, 1, [node(6), text("a"), text("x")])
        + ask(45, 1, [node(1), word(2), word(0), text("d"), text("b")]) + ask(10, 6, [text("x")])
        + ask(11, 1, [text("b")]) + ask(1, 1, [text("..")]) + ask(1, 2, [text("out")])

    private static let content: [UInt8] =
        create
        + ask(16, 5, [handle(2), long(0), word(5), word(0), long(0), word(0), word(0), raw([1, 2, 3, 4, 5])])
        + ask(15, 5, [handle(2), long(1), word(100), word(0), long(0), word(0), word(0)])
        + ask(43, 5, [handle(2), long(0), long(200), word(0), word(0)])
        + ask(46, 5, [handle(2), long(0), word(4), word(0)])
        + ask(47, 5, [handle(2), long(0), node(5), handle(2), long(50), long(20), long(0)])
        + ask(20, 5, [handle(2), word(1), word(0)]) + ask(25, 5, [handle(2), long(0), long(7)])
        + ask(
            4, 5, [word(0x4f), word(0), handle(2), long(9), long(0), long(1), long(1), [9, 8], word(0o640), [9, 4]])
        + ask(18, 5, [handle(2), word(0), word(0), long(0)]) + ask(14, 3, [word(UInt32(O_RDWR)), word(0)])

    private static let directories: [UInt8] =
        mkdir + create + ask(27, 1, [word(0), word(0)])
        + ask(44, 1, [handle(3), long(0), word(4096), word(0), long(0), word(0), word(0)])
        + ask(28, 1, [handle(3), long(1), word(300), word(0), long(0), word(0), word(0)])
        + ask(30, 1, [handle(3), word(0), word(0)]) + ask(29, 1, [handle(3), word(0), word(0), long(0)])
        + ask(28, 0, [[0, 1], long(0), word(4096), word(0), long(0), word(0), word(0)])
        + ask(17, 1, []) + ask(50, 1, [long(0)]) + ask(34, 1, [word(2), word(0)])

    private static let attributes: [UInt8] =
        create + ask(21, 5, [word(3), word(0), word(0), word(0), text("user.a"), raw([1, 2, 3])])
        + ask(22, 5, [word(100), word(0), text("user.a")]) + ask(23, 5, [word(0), word(0)])
        + ask(24, 5, [text("user.a")]) + ask(3, 5, [word(1), word(0), handle(2)])
        + ask(52, 5, [word(0), word(0), long(0)])
        + ask(21, 5, [word(3), word(0), word(0), word(0), text("security.capability"), raw([1, 2, 3])])
        + ask(3, 2, [word(0), word(0), long(0)]) + ask(4, 2, [word(1), [9, 84]]) + ask(10, 2, [text("file")])

    private static let locks: [UInt8] =
        create + ask(31, 5, [handle(2), long(7), long(0), long(9), word(1), word(0), word(0), word(0)])
        + ask(32, 5, [handle(2), long(7), long(0), long(9), word(1), word(0), word(0), word(0)])
        + ask(33, 5, [handle(2), long(8), long(0), [8, 1], word(1), word(0), word(0), word(0)])
        + ask(36, 0, [long(9)])
        + ask(32, 5, [handle(2), long(7), long(0), long(9), word(0), word(0), word(1), word(0)])

    private static let session: [UInt8] =
        ask(1, 1, [text("a")]) + ask(2, 5, [long(1)]) + ask(42, 0, [word(1), word(0), node(1), long(1)])
        + ask(51, 1, [word(UInt32(O_RDWR)), word(0o600), word(0), word(0), text("a")]) + ask(38, 0, [])
        + [0xff] + little(UInt16(40)) + little(UInt32(40), 3) + little(UInt64(1), 1) + little(UInt32(0), 0, 0, 0)

    /// So many units of the window.
    private static func unit(_ count: UInt8) -> [UInt8] { raw(little(UInt64(count) << 21)) }

    private static let window: [UInt8] =
        create + ask(48, 5, [long(0), long(0), unit(1), long(3), unit(0)])
        + ask(48, 5, [long(0), unit(1), unit(2), long(2), unit(2)])
        + ask(48, 5, [long(0), long(0), unit(4), long(3), unit(1)])
        + ask(48, 2, [long(0), long(0), unit(1), long(1), unit(3)]) + ask(1, 2, [text("file")])
        + ask(48, 6, [long(0), long(0), unit(1), long(3), unit(3)])
        + ask(48, 6, [long(0), long(0), unit(1), long(2), unit(3)])
        + ask(49, 0, [word(2), unit(0), unit(1), unit(2), unit(2)]) + ask(49, 0, [word(9), unit(0), unit(1)])
        + ask(49, 0, [word(1), unit(3), [8, 0]])

    static let all: [[UInt8]] =
        [names, content, directories, attributes, session].flatMap { [[1] + $0, [17] + $0] }
        + [[4] + locks, [21] + locks, [65] + window, [81] + window]
}
