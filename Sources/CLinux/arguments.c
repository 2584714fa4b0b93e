#include "clx_arguments.h"

#include <stddef.h>

static int count;
static char **vector;

// glibc passes main's arguments to the functions of .init_array, in static programs too (csu/libc-start.c).
__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
    count = argc;
    vector = argv;
}

int clx_argument_count(void) { return count; }

const char *clx_argument(int index) { return index >= 0 && index < count ? vector[index] : NULL; }

#ifdef MVRUN_STATIC_RUNTIME
// What two files of the Swift runtime define whose constructors do at each start what these programs have no use for. Defined
// here, the symbols keep the linker from taking those files out of libswiftCore.a.

// CommandLine.cpp looks for the arguments: it reads /proc/self/maps to find the stack, and the stack.
char **_swift_stdlib_getUnsafeArgvArgc(int *out_count) {
    *out_count = count;
    return vector;
}

// Backtrace.cpp asks whether the standard streams are terminals, and looks in ten places for the program that prints backtraces;
// theirs would say nothing without symbols. All of its settings are off.
char _swift_backtraceSettings[0x58];
_Bool _swift_backtrace_isThunkFunction(const char *name) {
    (void)name;
    return 0;
}
#endif
