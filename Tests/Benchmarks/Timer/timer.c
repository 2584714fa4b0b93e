// Runs commands one after another and says what they cost all together.
//
// usage: mvrun-bench-timer RESULT COMMAND... [; COMMAND...]...
//
// A program of its own and a small one, because the peak memory that wait4(2) reports for a process counts the moments
// before its exec, when it still was its parent (exec_mmap in fs/exec.c): measured from the Swift program, every runtime
// would seem to need what that one does.
//
// It is also the subreaper of what the commands leave behind, as an engine's monitor is: a container's process that was
// made by `create` ends here, and the command "@wait" waits for that. RESULT gets one line: wall time in nanoseconds, processor
// time of user and system in microseconds, peak memory in KiB.
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int64_t microseconds(struct timeval time) { return time.tv_sec * 1000000LL + time.tv_usec; }

// Waits for one child, whichever it is when `child` is -1; the shell's form of its status.
static int wait_for(pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return 255;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(char **command) {
    pid_t child;
    int code = posix_spawnp(&child, command[0], NULL, NULL, command, environ);
    if (code != 0) {
        fprintf(stderr, "%s: %s\n", command[0], strerror(code));
        return 127;
    }
    return wait_for(child);
}

// Runs every command of a list whose commands end in NULL; the status of the first that fails.
static int run_all(char **argument, char **end) {
    while (argument < end) {
        int is_wait = strcmp(argument[0], "@wait") == 0;
        int status = is_wait ? (wait_for(-1), 0) : run(argument);
        if (status != 0) {
            fprintf(stderr, "%s ended with status %d\n", argument[0], status);
            return status;
        }
        while (*argument != NULL) argument++;
        argument++;
    }
    return 0;
}

int main(int count, char **arguments) {
    if (count < 3) return 64;
    int result = open(arguments[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (result < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        perror(arguments[1]);
        return 125;
    }
    for (int i = 2; i < count; i++)
        if (strcmp(arguments[i], ";") == 0) arguments[i] = NULL;

    int64_t start = nanoseconds();
    int status = run_all(arguments + 2, arguments + count);
    int64_t wall = nanoseconds() - start;

    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    dprintf(result, "%lld %lld %lld %ld\n", (long long)wall, (long long)microseconds(usage.ru_utime),
            (long long)microseconds(usage.ru_stime), usage.ru_maxrss);
    return status;
}
