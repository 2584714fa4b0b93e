// The code that runs between clone and exec: no allocation, no locks, no Swift.
#define _GNU_SOURCE
#include "clx_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Noreturn void give_up(int channel, enum clx_launch_stage stage) {
    int code = errno;
    char packet[6] = {'!', (char)stage};
    memcpy(packet + 2, &code, sizeof code);
    // The parent is gone or reads it; either way there is nothing left to do here.
    (void)!send(channel, packet, sizeof packet, MSG_NOSIGNAL);
    syscall(SYS_exit_group, 125);
    __builtin_unreachable();
}

static _Noreturn void become(void *argument) {
    const struct clx_launch_request *request = argument;
    int channel = request->inherited[0];
    if (request->not_dumpable) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    // A thread that moves itself by `tasks` needs no lock over all threads of the machine, as moving by
    // `cgroup.procs` does (cgroup_procs_write_start in kernel/cgroup/cgroup.c): this is what makes v1 cheap.
    for (int i = 0; i < request->cgroup_v1_count; i++)
        if (write(request->cgroup_v1_tasks[i], "0", 1) != 1) give_up(channel, CLX_STAGE_CGROUP);
    if (request->wait_for_id_map) {
        char byte;
        ssize_t count;
        do count = read(channel, &byte, 1);
        while (count < 0 && errno == EINTR);
        if (count != 1) syscall(SYS_exit_group, 125);  // the parent gave up
        // Until the maps are written every id is the overflow id; root must be taken before the exec, or the exec
        // drops the capabilities that the new user namespace gave.
        if (syscall(SYS_setresgid, 0, 0, 0) != 0 || syscall(SYS_setresuid, 0, 0, 0) != 0)
            give_up(channel, CLX_STAGE_IDENTITY);
    }
    for (int i = 0; request->standard_streams && i < 3; i++)
        if (dup2(request->standard_streams[i], i) != i) give_up(channel, CLX_STAGE_DESCRIPTOR);
    for (int i = 0; i < request->inherited_count; i++)
        if (fcntl(request->inherited[i], F_SETFD, 0) != 0) give_up(channel, CLX_STAGE_DESCRIPTOR);
    syscall(SYS_execveat, request->program, "", request->argv, request->envp, AT_EMPTY_PATH);
    give_up(channel, CLX_STAGE_EXEC);
}

// Starts a child as vfork(2) does: it has the caller's memory, and the caller waits, until it executes a program or ends. A copy
// of a memory of some hundred pages, and the faults behind it, would take longer than all that the child does.
static long lend(struct clone_args *arguments, void (*body)(void *), void *argument) {
#ifdef __x86_64__
    // The child's frames may not overwrite the caller's. It makes system calls, and little else.
    static _Alignas(16) char stack[16384];
    arguments->flags |= CLONE_VM | CLONE_VFORK;
    arguments->stack = (uint64_t)(uintptr_t)stack;
    arguments->stack_size = sizeof stack;
    long result = SYS_clone3;
    register void (*function)(void *) __asm__("r12") = body;
    register void *value __asm__("r13") = argument;
    __asm__ volatile(
        "syscall\n\t"
        "testq %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "xorl %%ebp, %%ebp\n\t"
        "movq %%r13, %%rdi\n\t"
        "callq *%%r12\n\t"
        "ud2\n"
        "1:"
        : "+a"(result)
        : "D"(arguments), "S"(sizeof *arguments), "r"(function), "r"(value)
        : "rcx", "r11", "memory", "cc");
    if (result >= 0) return result;
    errno = (int)-result;
    return -1;
#else
    long pid = syscall(SYS_clone3, arguments, sizeof *arguments);
    if (pid == 0) body(argument);
    return pid;
#endif
}

int clx_launch(const struct clx_launch_request *request, int *pidfd) {
    struct clone_args arguments = {
        .flags = request->namespaces | CLONE_PIDFD | (request->clone_parent ? CLONE_PARENT : 0),
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = request->clone_parent ? 0 : SIGCHLD,
    };
    if (request->cgroup_v2 >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)request->cgroup_v2;
    }
    long pid;
    if (request->wait_for_id_map || request->not_dumpable) {
        // The parent has to go on, to write the maps; or the memory has to be another one.
        pid = syscall(SYS_clone3, &arguments, sizeof arguments);
        if (pid == 0) become((void *)request);
    } else {
        pid = lend(&arguments, become, (void *)request);
    }
    return (int)pid;
}

int clx_fork(uint64_t namespaces, int clone_parent) {
    struct clone_args arguments = {
        .flags = namespaces | (clone_parent ? CLONE_PARENT : 0),
        .exit_signal = clone_parent ? 0 : SIGCHLD,
    };
    return (int)syscall(SYS_clone3, &arguments, sizeof arguments);
}

int clx_hold_user_namespace(void) {
    struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        for (;;) pause();
    }
    return (int)pid;
}
