#ifndef CLX_EVENTS_H
#define CLX_EVENTS_H
#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// eventfd(2), never waiting.
static inline int clx_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

static inline int clx_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
static inline int clx_epoll_ctl(int set, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return epoll_ctl(set, operation, descriptor, &event);
}
// Up to 64 events at once, as pairs.
static inline int clx_epoll_wait(int set, uint32_t *events, uint64_t *tokens, int capacity, int timeout_milliseconds) {
    struct epoll_event found[64];
    int count = epoll_wait(set, found, capacity < 64 ? capacity : 64, timeout_milliseconds);
    for (int i = 0; i < count; i++) {
        events[i] = found[i].events;
        tokens[i] = found[i].data.u64;
    }
    return count;
}
static const int CLX_EPOLL_ADD = EPOLL_CTL_ADD;
static const int CLX_EPOLL_MODIFY = EPOLL_CTL_MOD;
static const int CLX_EPOLL_REMOVE = EPOLL_CTL_DEL;
static const uint32_t CLX_EPOLLIN = EPOLLIN;
static const uint32_t CLX_EPOLLOUT = EPOLLOUT;
static const uint32_t CLX_EPOLLRDHUP = EPOLLRDHUP;
static const uint32_t CLX_EPOLLHUP = EPOLLHUP;
static const uint32_t CLX_EPOLLERR = EPOLLERR;
static const uint32_t CLX_EPOLLET = EPOLLET;

static inline long clx_gettid(void) { return syscall(SYS_gettid); }

// preadv(2) and pwritev(2); a negative offset stands for readv(2) and writev(2).
static inline long clx_read_vectors(int descriptor, const struct iovec *vectors, int count, int64_t offset) {
    return offset < 0 ? readv(descriptor, vectors, count) : preadv(descriptor, vectors, count, offset);
}
static inline long clx_write_vectors(int descriptor, const struct iovec *vectors, int count, int64_t offset) {
    return offset < 0 ? writev(descriptor, vectors, count) : pwritev(descriptor, vectors, count, offset);
}

// getrandom(2), which does not wait: the pool of a running host is ready.
static inline long clx_getrandom(void *bytes, unsigned long count) { return getrandom(bytes, count, GRND_NONBLOCK); }

static inline int clx_fallocate(int descriptor, int mode, int64_t offset, int64_t length) {
    return (int)syscall(SYS_fallocate, descriptor, mode, offset, length);
}
static const int CLX_FALLOC_KEEP_SIZE = 1;
static const int CLX_FALLOC_PUNCH_HOLE = 2;
static const int CLX_FALLOC_ZERO_RANGE = 16;

// A mapping that reserves no swap space: memory of a guest is paid for when it is touched. 0 with errno on failure.
// It begins at a multiple of two MiB, for KVM gives a guest huge pages only where both its addresses and the host's do.
static inline uintptr_t clx_map_guest_memory(uint64_t size) {
    const uint64_t alignment = 2 << 20;
    if (size > UINT64_MAX - alignment) {
        errno = ENOMEM;
        return 0;
    }
    char *start =
        mmap(NULL, size + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) return 0;
    uint64_t before = -(uintptr_t)start & (alignment - 1);
    // What is not given back is never touched, and costs nothing but addresses.
    if (before > 0) (void)munmap(start, before);
    if (before < alignment) (void)munmap(start + before + size, alignment - before);
    // A kernel without huge pages says no, and small ones serve as well.
    (void)madvise(start + before, size, 14 /* MADV_HUGEPAGE */);
    return (uintptr_t)(start + before);
}
static inline int clx_discard(void *start, uint64_t size) { return (int)syscall(SYS_madvise, start, size, 4 /* MADV_DONTNEED */); }

#endif
