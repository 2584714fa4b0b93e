// A child process of a test that installs a seccomp filter and makes system calls under it. In C, because the test
// runner has threads, and nothing else may run after a fork.
#ifndef CFILTEREDCHILD_H
#define CFILTEREDCHILD_H
#include <stdint.h>

struct filtered_call {
    long number;
    long arguments[6];
};

enum { FILTERED_CALLS_MOST = 64 };

struct filtered_child {
    int pid;
    int pidfd;
    int listener;  // a copy of the filter's listener, or -1
    void *shared;
};

// Forks; the child installs the filter, hands its listener over where the flags ask for one, makes the calls in turn and
// leaves. Returns 0, or -1 with errno: that of the child where it could not install the filter.
int filtered_child_start(
    struct filtered_child *child, const void *program, uint16_t count, unsigned flags,
    const struct filtered_call *calls, int call_count);

// Waits for the child to end: its status as waitpid(2) has it. results[i] is what call i returned, or -errno; a call
// that was not reached leaves INT64_MIN.
int filtered_child_wait(struct filtered_child *child, int64_t *results, int result_count);
#endif
