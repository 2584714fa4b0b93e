#include "probe.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

// Kills whichever process of a command makes the n-th system call, counted over the command and all its descendants in
// the order in which they enter the kernel. strace --inject counts for each process and each call apart, so that it
// cannot stop a runtime at *every* step; this can.

struct result {
    long calls;
    int killed;
    pid_t victim;
};

static void trace_on(pid_t pid) { ptrace(PTRACE_SYSCALL, pid, 0, 0); }

static void step(pid_t pid, int status, long wanted, struct result *result, char *inside) {
    int stop = WSTOPSIG(status), event = status >> 16;
    if (stop == (SIGTRAP | 0x80)) {
        // Stops come in pairs; the first of each is the entry.
        inside[pid] = !inside[pid];
        if (inside[pid] && ++result->calls == wanted) {
            result->killed = 1;
            result->victim = pid;
            kill(pid, SIGKILL);
        }
        trace_on(pid);
    } else if (event == PTRACE_EVENT_STOP && (stop == SIGSTOP || stop == SIGTSTP || stop == SIGTTIN || stop == SIGTTOU)) {
        ptrace(PTRACE_LISTEN, pid, 0, 0);
    } else if (event) {
        trace_on(pid);
    } else {
        ptrace(PTRACE_SYSCALL, pid, 0, stop);
    }
}

// PROGRAM's end, not that of its descendants, ends the tracing: what it left running runs on untraced.
int host_kill_at(int count, char **arguments) {
    if (count < 2) return 64;
    long wanted = atol(arguments[0]);
    struct result result = {0};
    char *inside = calloc(1 << 22, 1);
    pid_t command = fork(), ended;
    if (command == 0) {
        raise(SIGSTOP);
        execvp(arguments[1], arguments + 1);
        _exit(127);
    }
    int status;
    waitpid(command, &status, WUNTRACED);
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                   PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SEIZE, command, 0, options) != 0) return 1;
    kill(command, SIGCONT);
    int end = -1;
    while ((ended = waitpid(-1, &status, __WALL)) > 0) {
        if (WIFSTOPPED(status)) {
            step(ended, status, wanted, &result, inside);
        } else if (ended == command) {
            end = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            break;
        }
    }
    // Ending this process detaches the others, which go on.
    fprintf(stderr, "calls=%ld killed=%d victim=%d command=%d status=%d\n", result.calls, result.killed,
            result.victim != 0 && result.victim != command, command, end);
    return 0;
}
