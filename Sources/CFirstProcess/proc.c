// Swift's runtime, which begins by constructors before main, looks its own executable up in /proc/self/exe, and its arguments
// in /proc/self/cmdline; where it finds no procfs it aborts. A kernel gives its first process none.
#include "CFirstProcess.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

// Before the constructors of C++, which have no priority. A sandbox's stage, which is the first process of its pid namespace, is
// told by its one argument, a list of numbers: asking the kernel would cost every sandbox two calls.
__attribute__((constructor(101))) static void mount_proc(int argc, char **argv) {
    if (argc == 2 && argv[1][0] >= '0' && argv[1][0] <= '9') return;
    if (getpid() != 1 || access(CFP_MODULE_ORDER, F_OK) != 0 || access("/proc/self", F_OK) == 0) return;
    mkdir("/proc", 0555);
    // Where that fails, the runtime says what it misses.
    (void)!mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}
