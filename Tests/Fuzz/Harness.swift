import Glibc

/// The target of this run, from the environment: one program serves all of a set.
private let target = unsafe getenv("FUZZ_TARGET").flatMap { unsafe FuzzTarget(rawValue: String(cString: $0)) }

/// What libFuzzer calls before anything else: with FUZZ_SEEDS in the environment the target's seeds are written there,
/// and nothing else happens.
@_cdecl("LLVMFuzzerInitialize")
func start(_ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutableRawPointer) -> CInt {
    // A guest that makes a file grow must not fill the disk: what a file may become is bounded, without a signal.
    var limit = rlimit(rlim_cur: 64 << 20, rlim_max: 64 << 20)
    unsafe setrlimit(__rlimit_resource_t(1), &limit)
    signal(SIGXFSZ, SIG_IGN)
    guard let folder = unsafe getenv("FUZZ_SEEDS").map({ unsafe String(cString: $0) }), let target else { return 0 }
    for (index, seed) in target.seeds.enumerated() {
        guard let file = unsafe fopen("\(folder)/seed-\(index)", "w") else { continue }
        unsafe fwrite(seed, 1, seed.count, file)
        unsafe fclose(file)
    }
    exit(0)
}

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard let target else { fatalError("FUZZ_TARGET names none of \(FuzzTarget.allCases)") }
    // SAFETY: libFuzzer gives `count` bytes that live until this function returns; they are copied.
    target.accepts(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
