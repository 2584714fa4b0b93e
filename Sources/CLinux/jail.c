#define _GNU_SOURCE
#include "clx_jail.h"

#include <errno.h>
#include <sys/uio.h>

static int report_descriptor = -1;
// Kept here, for asking the kernel is a call that no filter takes.
static __thread char thread_name[16];

static char *append_text(char *end, const char *text) {
    while (*text) *end++ = *text++;
    return end;
}

static char *append_number(char *end, uint64_t value, unsigned base) {
    char digits[24];
    int count = 0;
    do digits[count++] = "0123456789abcdef"[value % base]; while (value /= base);
    while (count) *end++ = digits[--count];
    return end;
}

// Only what signal-safety(7) allows, and of system calls only write(2), which every filter takes.
static void report(int signal_number, siginfo_t *info, void *context) {
    (void)signal_number;
    (void)info;
    const ucontext_t *where = context;
    const greg_t *registers = where->uc_mcontext.gregs;
    char text[320];
    char *end = append_text(text, "mvrun-vmm: thread ");
    end = append_text(end, thread_name[0] ? thread_name : "without a name");
    end = append_text(end, " made system call ");
    end = append_number(end, (uint64_t)info->si_syscall, 10);
    end = append_text(end, ", which its filter forbids; arguments");
    static const int places[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        end = append_text(end, " 0x");
        end = append_number(end, (uint64_t)registers[places[i]], 16);
    }
    end = append_text(end, " at 0x");
    end = append_number(end, (uint64_t)(uintptr_t)info->si_call_addr, 16);
    *end++ = '\n';
    if (write(report_descriptor, text, (size_t)(end - text)) < 0) end = text;
    // SIGSYS is blocked here, so that another forbidden call is the end: the kernel forces the signal's default action.
    for (;;) syscall(SYS_getppid);
}

int clx_name_thread(const char *name, int shown) {
    strncpy(thread_name, name, sizeof thread_name - 1);
    return !shown ? 0 : prctl(PR_SET_NAME, name, 0, 0, 0);
}

int clx_report_forbidden_calls(int descriptor) {
    report_descriptor = descriptor;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = report;
    action.sa_flags = SA_SIGINFO;
    return sigaction(SIGSYS, &action, NULL);
}
