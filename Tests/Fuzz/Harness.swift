import Glibc

/// The target of this run, from the environment: one program serves all of them.
private let target = unsafe getenv("FUZZ_TARGET").flatMap { unsafe FuzzTarget(rawValue: String(cString: $0)) }

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard let target else { fatalError("FUZZ_TARGET names none of \(FuzzTarget.allCases)") }
    // SAFETY: libFuzzer gives `count` bytes that live until this function returns; they are copied.
    target.accepts(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
