#ifndef CLX_SECCOMP_H
#define CLX_SECCOMP_H
#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Whether this kernel knows the flags of SECCOMP_SET_MODE_FILTER: they are checked before the program, which is NULL here.
static inline int clx_seccomp_knows_flags(unsigned flags) {
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL) == -1 && errno == EFAULT;
}
// Whether this kernel knows an action, as SECCOMP_GET_ACTION_AVAIL says.
static inline int clx_seccomp_knows_action(uint32_t action) {
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

// A blocked system call, as seccomp_unotify(2) reports it.
struct clx_seccomp_notification {
    uint64_t id;
    uint32_t pid;  // the thread, as this process's pid namespace numbers it; 0 where it does not
    uint32_t arch;
    int32_t nr;
    uint64_t instruction_pointer;
    uint64_t arguments[6];
};

// SECCOMP_IOCTL_NOTIF_RECV. The kernel writes its own size of the structure, which a newer one may have enlarged.
static inline int clx_seccomp_receive(int listener, struct clx_seccomp_notification *result) {
    union { struct seccomp_notif notification; char room[1024]; } buffer;
    memset(&buffer, 0, sizeof buffer);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &buffer.notification) != 0) return -1;
    const struct seccomp_data *data = &buffer.notification.data;
    result->id = buffer.notification.id;
    result->pid = buffer.notification.pid;
    result->arch = data->arch;
    result->nr = data->nr;
    result->instruction_pointer = data->instruction_pointer;
    for (int i = 0; i < 6; i++) result->arguments[i] = data->args[i];
    return 0;
}

// SECCOMP_IOCTL_NOTIF_SEND: `error` is a negative errno, or 0.
static inline int clx_seccomp_respond(int listener, uint64_t id, int error, unsigned flags) {
    union { struct seccomp_notif_resp response; char room[1024]; } buffer;
    memset(&buffer, 0, sizeof buffer);
    buffer.response.id = id;
    buffer.response.error = error;
    buffer.response.flags = flags;
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &buffer.response);
}

// SECCOMP_IOCTL_NOTIF_ID_VALID: whether the caller still waits, so that what was read under its pid is about it.
static inline int clx_seccomp_still_waits(int listener, uint64_t id) {
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

// What marks the one write(2) that hands a listener over: see clx_seccomp_hand_over.
static const uint64_t CLX_SECCOMP_HANDOVER_MARK = 0x6d7672756e736563ull;

// write(2) with a mark in registers that the call ignores and a filter can see. The thread that has just installed a
// filter must report its listener's number under that very filter; one that notifies of write(2) exempts this write, or
// nobody would ever answer it.
static inline long clx_seccomp_hand_over(int channel, const void *bytes, size_t count) {
    return syscall(SYS_write, channel, bytes, count, CLX_SECCOMP_HANDOVER_MARK, CLX_SECCOMP_HANDOVER_MARK,
                   CLX_SECCOMP_HANDOVER_MARK);
}

// pidfd_getfd(2): a copy of another process's descriptor, close-on-exec.
static inline int clx_pidfd_getfd(int pidfd, int descriptor) {
    return (int)syscall(SYS_pidfd_getfd, pidfd, descriptor, 0);
}

static const unsigned CLX_SECCOMP_FLAG_TSYNC = SECCOMP_FILTER_FLAG_TSYNC;
static const unsigned CLX_SECCOMP_FLAG_LOG = SECCOMP_FILTER_FLAG_LOG;
static const unsigned CLX_SECCOMP_FLAG_SPEC_ALLOW = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
static const unsigned CLX_SECCOMP_FLAG_NEW_LISTENER = SECCOMP_FILTER_FLAG_NEW_LISTENER;
static const unsigned CLX_SECCOMP_FLAG_TSYNC_ESRCH = SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
static const unsigned CLX_SECCOMP_FLAG_WAIT_KILLABLE_RECV = 32;
static const unsigned CLX_SECCOMP_CONTINUE = 1;
static const int CLX_NR_WRITE = SYS_write;

#endif
