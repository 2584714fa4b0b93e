#ifndef CLX_SCHEDULING_H
#define CLX_SCHEDULING_H
#include <linux/sched/types.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int clx_ioprio_set(int which, int who, int priority) {
    return (int)syscall(SYS_ioprio_set, which, who, priority);
}
// sched_setattr(2) for the calling thread.
static inline int clx_sched_setattr(
    unsigned policy, uint64_t flags, int nice_value, unsigned priority, uint64_t runtime, uint64_t deadline, uint64_t period
) {
    struct sched_attr attributes = {
        .size = sizeof attributes, .sched_policy = policy, .sched_flags = flags, .sched_nice = nice_value,
        .sched_priority = priority, .sched_runtime = runtime, .sched_deadline = deadline, .sched_period = period};
    return (int)syscall(SYS_sched_setattr, 0, &attributes, 0);
}
static inline int clx_sched_setaffinity(int pid, size_t bytes, const uint8_t *mask) {
    return (int)syscall(SYS_sched_setaffinity, pid, bytes, mask);
}
static inline int clx_set_mempolicy(int mode, const unsigned long *nodes, unsigned long bits) {
    return (int)syscall(SYS_set_mempolicy, mode, nodes, bits);
}
static inline int clx_seccomp(unsigned operation, unsigned flags, void *argument) {
    return (int)syscall(SYS_seccomp, operation, flags, argument);
}
// Installs a classic BPF program of `count` instructions of 8 bytes each as a seccomp filter.
static inline int clx_seccomp_install(unsigned flags, uint16_t count, const void *instructions) {
    struct { uint16_t count; const void *instructions; } program = {count, instructions};
    return (int)syscall(SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, flags, &program);
}
static inline int clx_bpf(int command, void *attributes, unsigned size) {
    return (int)syscall(SYS_bpf, command, attributes, size);
}

#endif
