#ifndef CLX_JAIL_H
#define CLX_JAIL_H
// What a monitor shuts itself in with: names of threads, landlock(7), and the report of a forbidden call.
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Names the calling thread for reports, up to 15 bytes; where it is `shown`, for others as well, PR_SET_NAME.
int clx_name_thread(const char *name, int shown);

// mallopt(3), M_ARENA_MAX: all threads share the heap that brk(2) moves.
static inline int clx_one_heap(void) { return mallopt(M_ARENA_MAX, 1); }

// struct landlock_ruleset_attr of ABI 4; older kernels take its first 8 bytes.
struct clx_landlock_ruleset { uint64_t files, network; };
static inline int clx_landlock_version(void) { return (int)syscall(444, NULL, 0, 1 /* CREATE_RULESET_VERSION */); }
static inline int clx_landlock_create(const struct clx_landlock_ruleset *ruleset, unsigned long size) {
    return (int)syscall(444, ruleset, size, 0);
}
// LANDLOCK_RULE_PATH_BENEATH: what may be done with a file, or with everything below a directory.
static inline int clx_landlock_allow(int ruleset, int file, uint64_t rights) {
    struct __attribute__((packed)) { uint64_t rights; int32_t file; } rule = {rights, file};
    return (int)syscall(445, ruleset, 1, &rule, 0);
}
static inline int clx_landlock_restrict(int ruleset) { return (int)syscall(446, ruleset, 0); }

// Has every call that a filter answers with SECCOMP_RET_TRAP reported on `descriptor`, by jail.c; then the process dies of
// SIGSYS as without a report.
int clx_report_forbidden_calls(int descriptor);

#endif
