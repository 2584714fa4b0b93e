#ifndef CLX_KVM_H
#define CLX_KVM_H
#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

// ioctl(2) is variadic; the request numbers are function-like macros.
static inline int clx_kvm(int descriptor, unsigned long request, unsigned long argument) {
    return ioctl(descriptor, request, argument);
}
static inline int clx_kvm_with(int descriptor, unsigned long request, void *argument) {
    return ioctl(descriptor, request, argument);
}
static const unsigned long CLX_KVM_GET_API_VERSION = KVM_GET_API_VERSION;
static const unsigned long CLX_KVM_CHECK_EXTENSION = KVM_CHECK_EXTENSION;
static const unsigned long CLX_KVM_GET_VCPU_MMAP_SIZE = KVM_GET_VCPU_MMAP_SIZE;
static const unsigned long CLX_KVM_CREATE_VM = KVM_CREATE_VM;
static const unsigned long CLX_KVM_SET_USER_MEMORY_REGION = KVM_SET_USER_MEMORY_REGION;
static const unsigned long CLX_KVM_SET_TSS_ADDR = KVM_SET_TSS_ADDR;
static const unsigned long CLX_KVM_SET_IDENTITY_MAP_ADDR = KVM_SET_IDENTITY_MAP_ADDR;
static const unsigned long CLX_KVM_CREATE_IRQCHIP = KVM_CREATE_IRQCHIP;
static const unsigned long CLX_KVM_IRQFD = KVM_IRQFD;
static const unsigned long CLX_KVM_IOEVENTFD = KVM_IOEVENTFD;
static const unsigned long CLX_KVM_CREATE_VCPU = KVM_CREATE_VCPU;
static const unsigned long CLX_KVM_RUN = KVM_RUN;
static const unsigned long CLX_KVM_GET_REGS = KVM_GET_REGS;
static const unsigned long CLX_KVM_SET_REGS = KVM_SET_REGS;
static const unsigned long CLX_KVM_GET_SREGS = KVM_GET_SREGS;
static const unsigned long CLX_KVM_SET_SREGS = KVM_SET_SREGS;
static const unsigned long CLX_KVM_SET_FPU = KVM_SET_FPU;
static const unsigned long CLX_KVM_GET_LAPIC = KVM_GET_LAPIC;
static const unsigned long CLX_KVM_SET_LAPIC = KVM_SET_LAPIC;
static const unsigned long CLX_KVM_GET_TSC_KHZ = KVM_GET_TSC_KHZ;

// Structures that end in an array of any length: made here, with room for what a processor has.
enum { CLX_KVM_CPUID_ROOM = 256, CLX_KVM_MSR_ROOM = 64 };

// KVM_GET_SUPPORTED_CPUID: how many of the entries were filled; -1 with errno set on failure.
static inline int clx_kvm_supported_cpuid(int kvm, struct kvm_cpuid_entry2 *entries, unsigned room) {
    union {
        struct kvm_cpuid2 list;
        char space[sizeof(struct kvm_cpuid2) + CLX_KVM_CPUID_ROOM * sizeof(struct kvm_cpuid_entry2)];
    } request;
    memset(&request, 0, sizeof request);
    request.list.nent = room < CLX_KVM_CPUID_ROOM ? room : CLX_KVM_CPUID_ROOM;
    if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &request) != 0) return -1;
    memcpy(entries, request.list.entries, request.list.nent * sizeof *entries);
    return (int)request.list.nent;
}

// KVM_SET_CPUID2
static inline int clx_kvm_set_cpuid(int vcpu, const struct kvm_cpuid_entry2 *entries, unsigned count) {
    union {
        struct kvm_cpuid2 list;
        char space[sizeof(struct kvm_cpuid2) + CLX_KVM_CPUID_ROOM * sizeof(struct kvm_cpuid_entry2)];
    } request;
    if (count > CLX_KVM_CPUID_ROOM) { errno = E2BIG; return -1; }
    memset(&request, 0, sizeof request);
    request.list.nent = count;
    memcpy(request.list.entries, entries, count * sizeof *entries);
    return ioctl(vcpu, KVM_SET_CPUID2, &request);
}

// KVM_SET_MSRS: how many of them were taken, which may be fewer than asked; -1 with errno set on failure.
static inline int clx_kvm_set_msrs(int vcpu, const struct kvm_msr_entry *entries, unsigned count) {
    union {
        struct kvm_msrs list;
        char space[sizeof(struct kvm_msrs) + CLX_KVM_MSR_ROOM * sizeof(struct kvm_msr_entry)];
    } request;
    if (count > CLX_KVM_MSR_ROOM) { errno = E2BIG; return -1; }
    memset(&request, 0, sizeof request);
    request.list.nmsrs = count;
    memcpy(request.list.entries, entries, count * sizeof *entries);
    return ioctl(vcpu, KVM_SET_MSRS, &request);
}

// The registers of a LAPIC, 32 bits each at multiples of 16.
static inline uint32_t clx_kvm_lapic_register(const struct kvm_lapic_state *state, unsigned offset) {
    uint32_t value;
    memcpy(&value, state->regs + offset, sizeof value);
    return value;
}
static inline void clx_kvm_set_lapic_register(struct kvm_lapic_state *state, unsigned offset, uint32_t value) {
    memcpy(state->regs + offset, &value, sizeof value);
}

// The registers that a vCPU and its threads share, mmap(2) of its descriptor; NULL with errno set on failure.
static inline struct kvm_run *clx_kvm_map_run(int vcpu, size_t size) {
    void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    return mapping == MAP_FAILED ? NULL : (struct kvm_run *)mapping;
}
static inline int clx_kvm_unmap_run(struct kvm_run *run, size_t size) { return munmap(run, size); }

// Written by one thread and read by the kernel on behalf of another.
static inline void clx_kvm_set_immediate_exit(struct kvm_run *run, uint8_t value) {
    __atomic_store_n(&run->immediate_exit, value, __ATOMIC_SEQ_CST);
}
static inline uint8_t clx_kvm_immediate_exit(const struct kvm_run *run) {
    return __atomic_load_n(&run->immediate_exit, __ATOMIC_SEQ_CST);
}

// The data of an exit: `size` bytes, 1, 2, 4 or 8, of the `index`th access of a string instruction, or of MMIO.
static inline uint64_t clx_kvm_port_value(const struct kvm_run *run, unsigned index) {
    uint64_t value = 0;
    unsigned size = run->io.size;
    memcpy(&value, (const uint8_t *)run + run->io.data_offset + (size_t)index * size, size > 8 ? 8 : size);
    return value;
}
static inline void clx_kvm_set_port_value(struct kvm_run *run, unsigned index, uint64_t value) {
    unsigned size = run->io.size;
    memcpy((uint8_t *)run + run->io.data_offset + (size_t)index * size, &value, size > 8 ? 8 : size);
}
static inline uint64_t clx_kvm_mmio_value(const struct kvm_run *run) {
    uint64_t value = 0;
    memcpy(&value, run->mmio.data, run->mmio.len > 8 ? 8 : run->mmio.len);
    return value;
}
static inline void clx_kvm_set_mmio_value(struct kvm_run *run, uint64_t value) {
    memcpy(run->mmio.data, &value, 8);
}

// The signal that interrupts KVM_RUN: its handler does nothing, so that the call returns EINTR.
static inline void clx_kvm_kicked(int signal_number) { (void)signal_number; }
static inline int clx_kvm_kick_signal(void) { return SIGRTMAX; }
static inline int clx_kvm_install_kick(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = clx_kvm_kicked;
    return sigaction(SIGRTMAX, &action, NULL);
}
// A thread of a vCPU takes the kick and no other signal.
static inline int clx_kvm_accept_kick_alone(void) {
    sigset_t mask;
    sigfillset(&mask);
    sigdelset(&mask, SIGRTMAX);
    sigdelset(&mask, SIGSEGV);
    sigdelset(&mask, SIGBUS);
    sigdelset(&mask, SIGFPE);
    sigdelset(&mask, SIGILL);
    sigdelset(&mask, SIGABRT);
    sigdelset(&mask, SIGTRAP);
    sigdelset(&mask, SIGSYS);
    return sigprocmask(SIG_SETMASK, &mask, NULL);
}

#endif
