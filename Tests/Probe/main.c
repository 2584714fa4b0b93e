#include "probe.h"

static const struct command commands[] = {
    {"identity", "", probe_identity},
    {"capabilities", "", probe_capabilities},
    {"limits", "", probe_limits},
    {"scheduling", "", probe_scheduling},
    {"environment", "[ARGUMENT...]", probe_environment},
    {"descriptors", "", probe_descriptors},
    {"terminal", "", probe_terminal},
    {"uts", "", probe_uts},
    {"namespaces", "", probe_namespaces},
    {"clocks", "", probe_clocks},
    {"keyring", "", probe_keyring},
    {"syscall", "NUMBER [ARGUMENT...]", probe_syscall},
    {"syscall-32", "NUMBER [ARGUMENT...]", probe_syscall_32},
    {"open", "r|w|rw PATH...", probe_open},
    {"write", "PATH TEXT", probe_write},
    {"status", "PATH...", probe_status},
    {"make-node", "PATH c|b MAJOR MINOR", probe_make_node},
    {"mount", "SOURCE TARGET TYPE", probe_mount},
    {"allocate", "MEBIBYTES", probe_allocate},
    {"fork", "COUNT", probe_fork},
    {"spin", "MILLISECONDS", probe_spin},
    {"flood", "vsock|udp ADDRESS", probe_flood},
    {"notify", "TEXT", probe_notify},
    {"raise", "SIGNAL", probe_raise},
    {"signal-state", "", probe_signal_state},
    {"host-console", "SOCKET", host_console},
    {"host-listener", "SOCKET errno NUMBER|value NUMBER|continue", host_listener},
    {"host-subreaper", "COMMAND...", host_subreaper},
    {"host-notify-socket", "SOCKET", host_notify_socket},
    {"host-pidfd-socket", "SOCKET", host_pidfd_socket},
    {"host-kill-at", "CALL COMMAND...", host_kill_at},
    {"host-exchange", "PATH PATH", host_exchange},
    {"host-with-descriptors", "COUNT COMMAND...", host_with_descriptors},
};

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count >= 2)
        for (size_t index = 0; index < sizeof commands / sizeof *commands; index++)
            if (strcmp(arguments[1], commands[index].name) == 0)
                return commands[index].run(count - 2, arguments + 2);
    for (size_t index = 0; index < sizeof commands / sizeof *commands; index++)
        fprintf(stderr, "probe %s %s\n", commands[index].name, commands[index].arguments);
    return 64;
}

void report_result(const char *name, long result) {
    int code = errno;
    if (result >= 0)
        printf("%s=ok\n", name);
    else
        printf("%s=%s\n", name, strerrorname_np(code) ? strerrorname_np(code) : "unknown");
}
