#ifndef CLX_MOUNTS_H
#define CLX_MOUNTS_H
#include <linux/mount.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

// mount(2), declared here because <sys/mount.h> and <linux/mount.h> of glibc 2.36 cannot both be included.
static inline int clx_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    return (int)syscall(SYS_mount, source, target, type, flags, data);
}
static inline int clx_umount2(const char *target, int flags) { return (int)syscall(SYS_umount2, target, flags); }
static inline int clx_pivot_root(const char *new_root, const char *put_old) {
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}
static inline int clx_open_tree(int directory, const char *path, unsigned flags) {
    return (int)syscall(SYS_open_tree, directory, path, flags);
}
// open_tree_attr(2), open_tree and mount_setattr in one, Linux 6.15; declared here because the headers of Debian 12 do not have it.
static inline int clx_open_tree_attr(int directory, const char *path, unsigned flags, uint64_t set) {
    struct mount_attr attributes = {.attr_set = set};
    return (int)syscall(467, directory, path, flags, &attributes, sizeof attributes);
}
static inline int clx_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags) {
    return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}
static inline int clx_mount_setattr(
    int directory, const char *path, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation, uint64_t user_namespace
) {
    struct mount_attr attributes = {
        .attr_set = set, .attr_clr = clear, .propagation = propagation, .userns_fd = user_namespace};
    return (int)syscall(SYS_mount_setattr, directory, path, flags, &attributes, sizeof attributes);
}
static inline int clx_fsopen(const char *type, unsigned flags) { return (int)syscall(SYS_fsopen, type, flags); }
static inline int clx_fsconfig(int context, unsigned command, const char *key, const void *value, int auxiliary) {
    return (int)syscall(SYS_fsconfig, context, command, key, value, auxiliary);
}
static inline int clx_fsmount(int context, unsigned flags, unsigned attributes) {
    return (int)syscall(SYS_fsmount, context, flags, attributes);
}

static const unsigned CLX_OPEN_TREE_CLONE = OPEN_TREE_CLONE;
static const unsigned CLX_OPEN_TREE_CLOEXEC = OPEN_TREE_CLOEXEC;
static const unsigned CLX_MOVE_MOUNT_F_EMPTY_PATH = MOVE_MOUNT_F_EMPTY_PATH;
static const unsigned CLX_MOVE_MOUNT_T_EMPTY_PATH = MOVE_MOUNT_T_EMPTY_PATH;
static const unsigned CLX_FSOPEN_CLOEXEC = FSOPEN_CLOEXEC;
static const unsigned CLX_FSMOUNT_CLOEXEC = FSMOUNT_CLOEXEC;
static const unsigned CLX_FSCONFIG_SET_FLAG = FSCONFIG_SET_FLAG;
static const unsigned CLX_FSCONFIG_SET_STRING = FSCONFIG_SET_STRING;
static const unsigned CLX_FSCONFIG_CMD_CREATE = FSCONFIG_CMD_CREATE;

static const uint64_t CLX_MOUNT_ATTR_RDONLY = MOUNT_ATTR_RDONLY;
static const uint64_t CLX_MOUNT_ATTR_NOSUID = MOUNT_ATTR_NOSUID;
static const uint64_t CLX_MOUNT_ATTR_NODEV = MOUNT_ATTR_NODEV;
static const uint64_t CLX_MOUNT_ATTR_NOEXEC = MOUNT_ATTR_NOEXEC;
static const uint64_t CLX_MOUNT_ATTR_ATIME_MASK = MOUNT_ATTR__ATIME;
static const uint64_t CLX_MOUNT_ATTR_RELATIME = MOUNT_ATTR_RELATIME;
static const uint64_t CLX_MOUNT_ATTR_NOATIME = MOUNT_ATTR_NOATIME;
static const uint64_t CLX_MOUNT_ATTR_STRICTATIME = MOUNT_ATTR_STRICTATIME;
static const uint64_t CLX_MOUNT_ATTR_NODIRATIME = MOUNT_ATTR_NODIRATIME;
static const uint64_t CLX_MOUNT_ATTR_NOSYMFOLLOW = 0x00200000;
static const uint64_t CLX_MOUNT_ATTR_IDMAP = MOUNT_ATTR_IDMAP;

// The flags of mount(2), by value: their names clash between the two headers.
static const unsigned long CLX_MS_RDONLY = 1;
static const unsigned long CLX_MS_NOSUID = 2;
static const unsigned long CLX_MS_NODEV = 4;
static const unsigned long CLX_MS_NOEXEC = 8;
static const unsigned long CLX_MS_SYNCHRONOUS = 16;
static const unsigned long CLX_MS_REMOUNT = 32;
static const unsigned long CLX_MS_MANDLOCK = 64;
static const unsigned long CLX_MS_DIRSYNC = 128;
static const unsigned long CLX_MS_NOSYMFOLLOW = 256;
static const unsigned long CLX_MS_NOATIME = 1024;
static const unsigned long CLX_MS_NODIRATIME = 2048;
static const unsigned long CLX_MS_BIND = 4096;
static const unsigned long CLX_MS_MOVE = 8192;
static const unsigned long CLX_MS_REC = 16384;
static const unsigned long CLX_MS_SILENT = 32768;
static const unsigned long CLX_MS_UNBINDABLE = 1ul << 17;
static const unsigned long CLX_MS_PRIVATE = 1ul << 18;
static const unsigned long CLX_MS_SLAVE = 1ul << 19;
static const unsigned long CLX_MS_SHARED = 1ul << 20;
static const unsigned long CLX_MS_RELATIME = 1ul << 21;
static const unsigned long CLX_MS_I_VERSION = 1ul << 23;
static const unsigned long CLX_MS_STRICTATIME = 1ul << 24;
static const unsigned long CLX_MS_LAZYTIME = 1ul << 25;
static const int CLX_MNT_DETACH = 2;

#endif
