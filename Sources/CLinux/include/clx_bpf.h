#ifndef CLX_BPF_H
#define CLX_BPF_H
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int CLX_RLIMIT_MEMLOCK = RLIMIT_MEMLOCK;

// bpf(2), BPF_PROG_LOAD; expected is the kind of attachment where the type of program has several, else 0. A log buffer gets
// the verifier's words.
static inline int clx_bpf_load_program(
    uint32_t type, uint32_t expected, const void *instructions, uint32_t count, char *log, uint32_t log_size) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = type;
    attributes.expected_attach_type = expected;
    attributes.insns = (uint64_t)(uintptr_t)instructions;
    attributes.insn_cnt = count;
    // The kernel asks for a licence only where a program calls helpers that are GPL only. Ours calls none.
    attributes.license = (uint64_t)(uintptr_t)"Apache-2.0";
    if (log_size > 0) {
        attributes.log_level = 1;
        attributes.log_buf = (uint64_t)(uintptr_t)log;
        attributes.log_size = log_size;
    }
    return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
}

static const uint32_t CLX_BPF_DEVICE_PROGRAM = BPF_PROG_TYPE_CGROUP_DEVICE;
static const uint32_t CLX_BPF_ADDRESS_PROGRAM = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
static const uint32_t CLX_BPF_DEVICE = BPF_CGROUP_DEVICE;
static const uint32_t CLX_BPF_CONNECT4 = BPF_CGROUP_INET4_CONNECT;
static const uint32_t CLX_BPF_SENDMSG4 = BPF_CGROUP_UDP4_SENDMSG;
static const uint32_t CLX_BPF_RECVMSG4 = BPF_CGROUP_UDP4_RECVMSG;
static const uint32_t CLX_BPF_GET_NETNS_COOKIE = BPF_FUNC_get_netns_cookie;
static const uint32_t CLX_BPF_CONNECT6 = BPF_CGROUP_INET6_CONNECT;
static const uint32_t CLX_BPF_RECVMSG6 = BPF_CGROUP_UDP6_RECVMSG;

// bpf(2), BPF_PROG_ATTACH to a cgroup; replaced is an attached program to take the place of, or -1.
static inline int clx_bpf_attach_program(int cgroup, int program, uint32_t kind, int replaced) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = kind;
    attributes.attach_flags = BPF_F_ALLOW_MULTI;
    if (replaced >= 0) {
        attributes.attach_flags |= BPF_F_REPLACE;
        attributes.replace_bpf_fd = (uint32_t)replaced;
    }
    return (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes);
}

// bpf(2), BPF_PROG_QUERY: the ids of the programs attached to a cgroup itself; returns how many there are.
static inline int clx_bpf_query_device_programs(int cgroup, uint32_t *ids, uint32_t capacity) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.query.target_fd = (uint32_t)cgroup;
    attributes.query.attach_type = BPF_CGROUP_DEVICE;
    attributes.query.prog_ids = (uint64_t)(uintptr_t)ids;
    attributes.query.prog_cnt = capacity;
    if (syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof attributes) != 0) return -1;
    return (int)attributes.query.prog_cnt;
}

// bpf(2), BPF_PROG_GET_FD_BY_ID.
static inline int clx_bpf_open_program(uint32_t id) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_id = id;
    return (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attributes, sizeof attributes);
}

#endif
