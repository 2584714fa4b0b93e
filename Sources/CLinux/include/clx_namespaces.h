#ifndef CLX_NAMESPACES_H
#define CLX_NAMESPACES_H
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int clx_setns(int descriptor, int kinds) { return (int)syscall(SYS_setns, descriptor, kinds); }
static inline int clx_unshare(int kinds) { return (int)syscall(SYS_unshare, kinds); }

// ioctl_ns(2): the CLONE_NEW* value of the namespace behind a descriptor.
static inline int clx_namespace_kind(int descriptor) { return ioctl(descriptor, NS_GET_NSTYPE); }

static const uint64_t CLX_CLONE_NEWTIME = 0x00000080;
static const uint64_t CLX_CLONE_NEWNS = 0x00020000;
static const uint64_t CLX_CLONE_NEWCGROUP = 0x02000000;
static const uint64_t CLX_CLONE_NEWUTS = 0x04000000;
static const uint64_t CLX_CLONE_NEWIPC = 0x08000000;
static const uint64_t CLX_CLONE_NEWUSER = 0x10000000;
static const uint64_t CLX_CLONE_NEWPID = 0x20000000;
static const uint64_t CLX_CLONE_NEWNET = 0x40000000;
static const uint64_t CLX_CLONE_PARENT = 0x00008000;
static const uint64_t CLX_CLONE_INTO_CGROUP = 0x200000000ull;

#endif
