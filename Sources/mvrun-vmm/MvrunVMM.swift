import Syscalls

/// The monitor of one virtual machine.
@main
struct MvrunVMM {
    static func main() {
        exitNow(64)
    }
}
