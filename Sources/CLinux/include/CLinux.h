// What Swift cannot spell, part by part. Every function here is a thin `static inline` over one system call, returns what
// the system call returns (-1 with errno set on failure), and is named clx_ plus the call's name.
#ifndef CLINUX_H
#define CLINUX_H

#include "clx_arguments.h"
#include "clx_capabilities.h"
#include "clx_files.h"
#include "clx_mounts.h"
#include "clx_namespaces.h"
#include "clx_processes.h"
#include "clx_rights.h"
#include "clx_identity.h"
#include "clx_scheduling.h"
#include "clx_seccomp.h"
#include "clx_sockets.h"
#include "clx_terminals.h"
#include "clx_launch.h"
#include "clx_bpf.h"
#include "clx_network.h"
#include "clx_internet.h"
#include "clx_kvm.h"
#include "clx_timers.h"
#include "clx_fileserver.h"
#include "clx_guest.h"
#include "clx_atomics.h"
#include "clx_events.h"
#include "clx_tap.h"
#include "clx_jail.h"

#endif
