#ifndef CLX_FILES_H
#define CLX_FILES_H
// No _GNU_SOURCE here: the Glibc module is built without it, and declarations that differ between the two clash. What it
// would have declared stands below by value.
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// openat2(2)
static inline int clx_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

static inline int clx_openat(int directory, const char *path, int flags, unsigned mode) {
    return openat(directory, path, flags, (mode_t)mode);
}

// close_range(2): glibc declares it only under _GNU_SOURCE, which the Glibc module lacks.
static inline int clx_close_range(unsigned first, unsigned last, unsigned flags) {
    return (int)syscall(SYS_close_range, first, last, flags);
}

// fcntl(2) is variadic.
static inline int clx_fcntl(int descriptor, int command, long argument) {
    return fcntl(descriptor, command, argument);
}

static inline int clx_pipe(int ends[2]) { return (int)syscall(SYS_pipe2, ends, O_CLOEXEC); }

static inline int clx_memfd_create(const char *name, unsigned flags) {
    return (int)syscall(SYS_memfd_create, name, flags);
}

static inline int clx_renameat2(int from, const char *old_path, int to, const char *new_path, unsigned flags) {
    return (int)syscall(SYS_renameat2, from, old_path, to, new_path, flags);
}

static inline int clx_fstatat(int directory, const char *path, struct stat *status, int flags) {
    return fstatat(directory, path, status, flags);
}

static inline uint64_t clx_makedev(unsigned major_number, unsigned minor_number) {
    return makedev(major_number, minor_number);
}
static inline unsigned clx_major(uint64_t device) { return major(device); }
static inline unsigned clx_minor(uint64_t device) { return minor(device); }

// statfs(2): the file system's type number; -1 with errno set on failure.
static inline long clx_file_system_type(int descriptor) {
    struct statfs status;
    if (fstatfs(descriptor, &status) != 0) return -1;
    return (long)status.f_type;
}

static const int CLX_O_PATH = 010000000;
static const int CLX_O_TMPFILE = 020000000 | O_DIRECTORY;
static const int CLX_AT_EMPTY_PATH = 0x1000;
static const int CLX_AT_FDCWD = AT_FDCWD;
static const int CLX_AT_RECURSIVE = 0x8000;
static const int CLX_F_ADD_SEALS = 1033;
static const int CLX_SEALS_ALL = 1 | 2 | 4 | 8;
static const unsigned CLX_MFD_CLOEXEC = 1;
static const unsigned CLX_MFD_ALLOW_SEALING = 2;
static const unsigned CLX_CLOSE_RANGE_CLOEXEC = 4;
static const unsigned CLX_RENAME_NOREPLACE = 1;
static const uint64_t CLX_RESOLVE_NO_XDEV = RESOLVE_NO_XDEV;
static const uint64_t CLX_RESOLVE_NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS;
static const uint64_t CLX_RESOLVE_NO_SYMLINKS = RESOLVE_NO_SYMLINKS;
static const uint64_t CLX_RESOLVE_BENEATH = RESOLVE_BENEATH;
static const uint64_t CLX_RESOLVE_IN_ROOT = RESOLVE_IN_ROOT;

#endif
