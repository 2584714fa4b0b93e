#define _GNU_SOURCE
#include "CFilteredChild.h"

#include <errno.h>
#include <linux/filter.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clx_seccomp.h"

struct shared {
    volatile int failure;
    volatile int64_t results[FILTERED_CALLS_MOST];
};

static _Noreturn void run(
    struct shared *shared, int channel, const struct sock_fprog *program, unsigned flags,
    const struct filtered_call *calls, int call_count
) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
    if (listener < 0) {
        shared->failure = errno;
        listener = -1;
        (void)!write(channel, &listener, sizeof listener);
        syscall(SYS_exit_group, 125);
    }
    if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) clx_seccomp_hand_over(channel, &listener, sizeof listener);
    for (int i = 0; i < call_count; i++) {
        const long *a = calls[i].arguments;
        long result = syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
        shared->results[i] = result == -1 ? -errno : result;
    }
    for (;;) syscall(SYS_exit_group, 0);
}

int filtered_child_start(
    struct filtered_child *child, const void *program, uint16_t count, unsigned flags,
    const struct filtered_call *calls, int call_count
) {
    struct sock_fprog filter = {.len = count, .filter = (struct sock_filter *)program};
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return -1;
    for (int i = 0; i < FILTERED_CALLS_MOST; i++) shared->results[i] = INT64_MIN;
    int channel[2];
    if (pipe(channel) != 0) return -1;
    child->shared = shared;
    child->listener = -1;
    child->pid = fork();
    if (child->pid == 0) {
        close(channel[0]);
        run(shared, channel[1], &filter, flags, calls, call_count);
    }
    close(channel[1]);
    if (child->pid < 0) return -1;
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
        int listener = -1;
        (void)!read(channel[0], &listener, sizeof listener);
        if (listener >= 0) child->listener = clx_pidfd_getfd(child->pidfd, listener);
    }
    close(channel[0]);
    return 0;
}

int filtered_child_wait(struct filtered_child *child, int64_t *results, int result_count) {
    int status = -1;
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {}
    struct shared *shared = child->shared;
    for (int i = 0; i < result_count; i++) results[i] = shared->results[i];
    int failure = shared->failure;
    munmap(shared, sizeof *shared);
    close(child->pidfd);
    if (failure != 0) {
        errno = failure;
        return -1;
    }
    return status;
}
