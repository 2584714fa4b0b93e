#ifndef CLX_PROCESSES_H
#define CLX_PROCESSES_H
#include <errno.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline int clx_pidfd_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
static inline int clx_pidfd_send_signal(int descriptor, int signal_number) {
    return (int)syscall(SYS_pidfd_send_signal, descriptor, signal_number, NULL, 0);
}

// waitid(2) for one child: its pid (0: WNOHANG and not yet), with the status as waitpid(2) encodes it.
static inline int clx_waitpid(int pid, int *status, int options) { return (int)waitpid(pid, status, options); }
static inline int clx_status_exited(int status) { return WIFEXITED(status); }
static inline int clx_status_code(int status) { return WEXITSTATUS(status); }
static inline int clx_status_signal(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }

static inline int clx_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return prctl(option, a, b, c, d);
}
static const int CLX_PR_SET_PDEATHSIG = PR_SET_PDEATHSIG;
static const int CLX_PR_SET_DUMPABLE = PR_SET_DUMPABLE;
static const int CLX_PR_SET_KEEPCAPS = PR_SET_KEEPCAPS;
static const int CLX_PR_CAPBSET_READ = PR_CAPBSET_READ;
static const int CLX_PR_CAPBSET_DROP = PR_CAPBSET_DROP;
static const int CLX_PR_SET_NO_NEW_PRIVS = PR_SET_NO_NEW_PRIVS;
static const int CLX_PR_SET_CHILD_SUBREAPER = PR_SET_CHILD_SUBREAPER;
static const int CLX_PR_CAP_AMBIENT = PR_CAP_AMBIENT;
static const int CLX_PR_CAP_AMBIENT_RAISE = PR_CAP_AMBIENT_RAISE;
static const int CLX_PR_CAP_AMBIENT_CLEAR_ALL = PR_CAP_AMBIENT_CLEAR_ALL;

static inline int clx_prlimit(int pid, int resource, const uint64_t *soft_hard, uint64_t *old_soft_hard) {
    return (int)syscall(SYS_prlimit64, pid, resource, soft_hard, old_soft_hard);
}

static inline long clx_keyctl_join_session(const char *name) { return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name); }

// execveat(2) of an open file.
static inline int clx_fexec(int descriptor, char *const argv[], char *const envp[]) {
    return (int)syscall(SYS_execveat, descriptor, "", argv, envp, 0x1000 /* AT_EMPTY_PATH */);
}

// signalfd(2), never waiting; and one signal of it.
static inline int clx_signalfd(const sigset_t *mask) { return signalfd(-1, mask, SFD_CLOEXEC | SFD_NONBLOCK); }
static inline int clx_read_signal(int descriptor, int *signal_number) {
    struct signalfd_siginfo info;
    ssize_t count = read(descriptor, &info, sizeof info);
    if (count < 0) return -1;
    *signal_number = (int)info.ssi_signo;
    return 0;
}

static inline int clx_sigrtmin(void) { return SIGRTMIN; }
static inline int clx_sigrtmax(void) { return SIGRTMAX; }

#endif
