#include "probe.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

int probe_allocate(int count, char **arguments) {
    size_t size = (size_t)(count ? atol(arguments[0]) : 1) << 20;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        report_result("allocated", -1);
        return 1;
    }
    for (size_t offset = 0; offset < size; offset += 4096) memory[offset] = 1;
    printf("allocated=ok\n");
    return 0;
}

int probe_fork(int count, char **arguments) {
    int wanted = count ? atoi(arguments[0]) : 1, forked = 0, failure = 0;
    for (; forked < wanted; forked++) {
        pid_t child = fork();
        if (child == 0) {
            pause();
            _exit(0);
        }
        if (child < 0) {
            failure = errno;
            break;
        }
    }
    printf("forked=%d\nfailure=%s\n", forked, failure ? strerrorname_np(failure) : "none");
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    while (wait(NULL) > 0) continue;
    return 0;
}

static long long milliseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

// How much CPU time a busy loop of so many milliseconds of wall time was given, in per cent of one CPU.
int probe_spin(int count, char **arguments) {
    long long length = count ? atol(arguments[0]) : 1000, start = milliseconds(CLOCK_MONOTONIC), now = start;
    while (now - start < length) now = milliseconds(CLOCK_MONOTONIC);
    printf("percent=%lld\n", milliseconds(CLOCK_PROCESS_CPUTIME_ID) * 100 / (now - start));
    return 0;
}

// sd_notify(3) without its library: one datagram to the socket that NOTIFY_SOCKET names.
int probe_notify(int count, char **arguments) {
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || count < 1 || strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        printf("result=no socket\n");
        return 0;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);
    report_result("result", sendto(descriptor, arguments[0], strlen(arguments[0]), 0, (struct sockaddr *)&address,
                                   sizeof address));
    return 0;
}

int probe_raise(int count, char **arguments) {
    int number = count ? atoi(arguments[0]) : SIGKILL;
    signal(number, SIG_DFL);
    // The first process of a pid namespace gets no signal it does not handle, its children do.
    pid_t child = getpid() == 1 ? fork() : 0;
    if (child == 0) {
        kill(getpid(), number);
        pause();
    }
    int status;
    waitpid(child, &status, 0);
    printf("signal=%d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return 0;
}

// Signals that are blocked or ignored are inherited through execve(2), so a runtime has to undo what it did.
int probe_signal_state(int count, char **arguments) {
    (void)count, (void)arguments;
    sigset_t blocked;
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    int blocks = 0, ignores = 0;
    for (int number = 1; number < 65; number++) {
        struct sigaction action;
        if (sigismember(&blocked, number) == 1) blocks++;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN) ignores++;
    }
    printf("blocked=%d\nignored=%d\n", blocks, ignores);
    return 0;
}
