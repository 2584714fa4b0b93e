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

// What the Swift runtime would look for at each start, in ten places: the program that prints its backtraces. The static
// programs are linked with --wrap for this symbol; theirs would say nothing without symbols.
const char *__wrap_swift_copyAuxiliaryExecutablePath(const char *name) {
    (void)name;
    return NULL;
}
