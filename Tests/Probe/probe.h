#ifndef PROBE_H
#define PROBE_H
// What a workload sees, said in lines of "key=value". The program is static, so it runs in any root file system, and
// it asks the kernel by system calls wherever it can, so that it does not depend on the mounts it is to judge.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct command {
    const char *name;
    const char *arguments;
    int (*run)(int count, char **arguments);
};

// Prints "NAME=ENAME" for the errno of a call that failed, "NAME=ok" for one that did not.
void report_result(const char *name, long result);

// Inside a container: what the process is.
int probe_identity(int count, char **arguments);
int probe_capabilities(int count, char **arguments);
int probe_limits(int count, char **arguments);
int probe_scheduling(int count, char **arguments);
int probe_environment(int count, char **arguments);
int probe_descriptors(int count, char **arguments);
int probe_terminal(int count, char **arguments);

// Inside a container: what the kernel shows and allows.
int probe_uts(int count, char **arguments);
int probe_namespaces(int count, char **arguments);
int probe_clocks(int count, char **arguments);
int probe_keyring(int count, char **arguments);
int probe_syscall(int count, char **arguments);
int probe_syscall_32(int count, char **arguments);
int probe_open(int count, char **arguments);
int probe_write(int count, char **arguments);
int probe_status(int count, char **arguments);
int probe_make_node(int count, char **arguments);
int probe_mount(int count, char **arguments);

// Inside a container: load that limits act on.
int probe_allocate(int count, char **arguments);
int probe_fork(int count, char **arguments);
int probe_spin(int count, char **arguments);
int probe_flood(int count, char **arguments);
int probe_notify(int count, char **arguments);
int probe_raise(int count, char **arguments);
int probe_signal_state(int count, char **arguments);

// On the host: the other end of what a runtime talks to.
int host_console(int count, char **arguments);
int host_listener(int count, char **arguments);
int host_subreaper(int count, char **arguments);
int host_notify_socket(int count, char **arguments);
int host_pidfd_socket(int count, char **arguments);
int host_kill_at(int count, char **arguments);
int host_with_descriptors(int count, char **arguments);
int host_exchange(int count, char **arguments);

#endif
