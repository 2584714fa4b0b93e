#ifndef CLX_IDENTITY_H
#define CLX_IDENTITY_H
#include <grp.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

// The raw calls: mvrun is single-threaded wherever it changes its ids, so glibc's broadcast to threads is not wanted.
static inline int clx_setresuid(unsigned real, unsigned effective, unsigned saved) {
    return (int)syscall(SYS_setresuid, real, effective, saved);
}
static inline int clx_setresgid(unsigned real, unsigned effective, unsigned saved) {
    return (int)syscall(SYS_setresgid, real, effective, saved);
}
static inline int clx_setgroups(int count, const uint32_t *groups) { return (int)syscall(SYS_setgroups, count, groups); }
static inline int clx_sethostname(const char *name, unsigned long length) {
    return (int)syscall(SYS_sethostname, name, length);
}
static inline int clx_setdomainname(const char *name, unsigned long length) {
    return (int)syscall(SYS_setdomainname, name, length);
}
static inline int clx_personality(unsigned long value) { return (int)syscall(SYS_personality, value); }

#endif
