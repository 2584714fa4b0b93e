// libseccomp, which compiles seccomp profiles into classic BPF.
#ifndef CSECCOMP_SHIM_H
#define CSECCOMP_SHIM_H
#include <seccomp.h>

// __NR_SCMP_ERROR: no architecture has a system call of that name.
static const int CSECCOMP_UNKNOWN_SYSCALL = __NR_SCMP_ERROR;
#endif
