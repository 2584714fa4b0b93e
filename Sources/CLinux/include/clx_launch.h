#ifndef CLX_LAUNCH_H
#define CLX_LAUNCH_H
#include <stdint.h>

// What the child of clx_launch does between clone3(2) and execveat(2). All descriptors are the parent's and stay its own.
struct clx_launch_request {
    uint64_t namespaces;         // CLONE_NEW* flags for clone3
    int cgroup_v2;               // CLONE_INTO_CGROUP target directory, or -1
    const int *cgroup_v1_tasks;  // open `tasks` files of v1 cgroups; the child writes "0" into each
    int cgroup_v1_count;
    int program;                 // the program, for execveat
    char *const *argv;
    char *const *envp;
    const int *inherited;        // descriptors that the program keeps, under the numbers they have
    int inherited_count;         // at least 1: the first is the channel to the parent, a SOCK_SEQPACKET socket
    int wait_for_id_map;         // 1: read one packet from the channel and become uid and gid 0 before the exec
    int not_dumpable;            // 1: prctl(PR_SET_DUMPABLE, 0) before anything else
    int clone_parent;            // 1: the child becomes a sibling of the caller
    const int *standard_streams; // three descriptors above 2 that become 0, 1 and 2; NULL keeps those of the caller
};

// Where a failed child stopped: it sends this as one packet on the channel: {'!', stage, errno as 4 bytes}.
enum clx_launch_stage { CLX_STAGE_CGROUP = 1, CLX_STAGE_ID_MAP = 2, CLX_STAGE_IDENTITY = 3, CLX_STAGE_DESCRIPTOR = 4, CLX_STAGE_EXEC = 5 };

// Starts a child by clone3(2) and executes a program in it. Returns the child's pid, or -1 with errno. *pidfd receives a pidfd
// of the child. The caller has one thread, and waits until the exec, unless the child waits for maps.
int clx_launch(const struct clx_launch_request *request, int *pidfd);

// A plain fork by clone3: returns twice as fork(2) does. Only for a single-threaded process.
int clx_fork(uint64_t namespaces, int clone_parent);

// Starts a child in a new user namespace that only sleeps, and dies with its parent. Returns its pid, or -1 with errno.
int clx_hold_user_namespace(void);

#endif
