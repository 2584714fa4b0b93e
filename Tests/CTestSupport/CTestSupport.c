#define _GNU_SOURCE
#include "CTestSupport.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int cts_spawn(
    int *pid, char *const arguments[], char *const environment[], const char *directory, const int descriptors[3]) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int index = 0; index < 3; index++) posix_spawn_file_actions_adddup2(&actions, descriptors[index], index);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (directory) posix_spawn_file_actions_addchdir_np(&actions, directory);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    // The test runner may ignore or block signals; its children must not inherit that.
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    int failure = posix_spawnp(pid, arguments[0], &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

int cts_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int cts_pidfd_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int cts_wait(int pid, int block, int *code, int *signal_number) {
    int status;
    int ended = waitpid(pid, &status, block ? 0 : WNOHANG);
    if (ended != pid) return ended;
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    *signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return ended;
}
