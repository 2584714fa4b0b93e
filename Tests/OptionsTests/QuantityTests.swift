import Options
import Testing

@Suite struct QuantityTests {
    @Test(arguments: ["", "k", "1.5g", "5x", "9999999999p", "1kk", "-k"]) func thisIsNoNumberOfBytes(text: String) {
        #expect(Quantity.bytes(text) == nil)
    }

    @Test(arguments: [
        ("0", 0), ("-1", -1), ("64k", 65536), ("512MiB", 512 << 20), ("2g", 2 << 30), ("3b", 3), ("1kb", 1024),
    ]) func bytesMayHaveAUnit(text: String, bytes: Int) {
        #expect(Quantity.bytes(text) == bytes)
    }

    @Test(arguments: ["", "s", "5 s", "1d", "-3s", "-3", "99999999999999999999", "9223372036854775807h"])
    func thisIsNoTime(text: String) {
        #expect(Quantity.milliseconds(text) == nil)
    }

    @Test(arguments: [("5", 5000), ("5s", 5000), ("500ms", 500), ("1m30s", 90000), ("1h", 3_600_000)])
    func aTimeMayHaveSeveralUnits(text: String, milliseconds: Int) {
        #expect(Quantity.milliseconds(text) == milliseconds)
    }
}
