#ifndef CLX_FILESERVER_H
#define CLX_FILESERVER_H
// What a server of files for others calls: everything relative to descriptors, per-thread credentials, names as bytes.
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// The result of statx(2), laid out as the kernel lays it out.
struct clx_statx_time { int64_t seconds; uint32_t nanoseconds; int32_t reserved; };
struct clx_statx {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t links, user, group;
    uint16_t mode, spare0;
    uint64_t inode, size, blocks, attributes_mask;
    struct clx_statx_time access, birth, change, modification;
    uint32_t represented_major, represented_minor, device_major, device_minor;
    uint64_t mount, spare[13];
};

static inline int clx_statx(int directory, const char *name, int flags, unsigned mask, struct clx_statx *result) {
    return (int)syscall(SYS_statx, directory, name, flags, mask, result);
}
static const unsigned CLX_STATX_SERVED = 0x07ff /* basic */ | 0x0800 /* birth */ | 0x1000 /* mount id */;

static inline long clx_getdents(int directory, void *buffer, unsigned long size) {
    return syscall(SYS_getdents64, directory, buffer, size);
}
static inline int clx_linkat(int from, const char *name, int to, const char *new_name, int flags) {
    return (int)syscall(SYS_linkat, from, name, to, new_name, flags);
}
static inline int clx_renameat_flags(int from, const char *name, int to, const char *new_name, unsigned flags) {
    return (int)syscall(SYS_renameat2, from, name, to, new_name, flags);
}
static inline long clx_copy_file_range(int in, int64_t *in_offset, int out, int64_t *out_offset, unsigned long count) {
    return syscall(SYS_copy_file_range, in, in_offset, out, out_offset, count, 0);
}
static inline int clx_fallocate_mode(int file, int mode, int64_t offset, int64_t length) {
    return (int)syscall(SYS_fallocate, file, mode, offset, length);
}
static inline int clx_syncfs(int file) { return (int)syscall(SYS_syncfs, file); }
static inline int clx_utimens(int directory, const char *name, const struct timespec times[2], int flags) {
    return (int)syscall(SYS_utimensat, directory, name, times, flags);
}
static inline int clx_fchmodat(int directory, const char *name, unsigned mode) {
    return (int)syscall(SYS_fchmodat, directory, name, mode);
}
static inline int clx_truncate(const char *path, int64_t size) { return (int)syscall(SYS_truncate, path, size); }
static inline int clx_ftruncate(int file, int64_t size) { return (int)syscall(SYS_ftruncate, file, size); }

static inline long clx_getxattr(const char *path, const char *name, void *value, unsigned long size) {
    return syscall(SYS_getxattr, path, name, value, size);
}
static inline long clx_listxattr(const char *path, char *list, unsigned long size) {
    return syscall(SYS_listxattr, path, list, size);
}
static inline int clx_setxattr(const char *path, const char *name, const void *value, unsigned long size, int flags) {
    return (int)syscall(SYS_setxattr, path, name, value, size, flags);
}
static inline int clx_removexattr(const char *path, const char *name) {
    return (int)syscall(SYS_removexattr, path, name);
}

// The thread's own ids for the checks of file systems: setfsuid(2) and setfsgid(2) return the one before and never fail.
static inline unsigned clx_setfsuid(unsigned id) { return (unsigned)syscall(SYS_setfsuid, id); }
static inline unsigned clx_setfsgid(unsigned id) { return (unsigned)syscall(SYS_setfsgid, id); }

// The thread's capabilities 0 to 31, capget(2) and capset(2) in their third version.
struct clx_capability_header { uint32_t version; int pid; };
struct clx_capability_sets { uint32_t effective, permitted, inheritable; };
static inline int clx_thread_capabilities(uint32_t *effective, uint32_t *permitted) {
    struct clx_capability_header header = {0x20080522, 0};
    struct clx_capability_sets sets[2];
    if (syscall(SYS_capget, &header, sets) != 0) return -1;
    *effective = sets[0].effective;
    *permitted = sets[0].permitted;
    return 0;
}
static inline int clx_set_thread_effective(uint32_t effective) {
    struct clx_capability_header header = {0x20080522, 0};
    struct clx_capability_sets sets[2];
    if (syscall(SYS_capget, &header, sets) != 0) return -1;
    sets[0].effective = effective;
    return (int)syscall(SYS_capset, &header, sets);
}
static const uint32_t CLX_CAP_BIT_DAC_OVERRIDE = 1u << 1;
static const uint32_t CLX_CAP_BIT_FSETID = 1u << 4;
static const uint32_t CLX_CAP_BIT_SETGID = 1u << 6;
static const uint32_t CLX_CAP_BIT_SETUID = 1u << 7;

// A thread's own working directory and umask, unshare(2).
static inline int clx_unshare_directory(void) { return (int)syscall(SYS_unshare, 0x200 /* CLONE_FS */); }

// A POSIX lock that belongs to an open file description, fcntl(2), F_OFD_*.
static inline int clx_description_lock(int file, int command, short *type, int64_t *start, int64_t *length) {
    struct flock lock = {.l_type = *type, .l_whence = SEEK_SET, .l_start = *start, .l_len = *length, .l_pid = 0};
    if (fcntl(file, command, &lock) != 0) return -1;
    *type = lock.l_type;
    *start = lock.l_start;
    *length = lock.l_len;
    return 0;
}
static const int CLX_F_OFD_GETLK = 36;
static const int CLX_F_OFD_SETLK = 37;

static inline int clx_seek_kind(int whence, int64_t offset, int file, int64_t *result) {
    *result = lseek(file, offset, whence);
    return *result < 0 ? -1 : 0;
}

#endif
