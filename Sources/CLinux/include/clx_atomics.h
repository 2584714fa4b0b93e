#ifndef CLX_ATOMICS_H
#define CLX_ATOMICS_H
#include <stdint.h>

// Memory that a guest changes while we look. Every access is done exactly once and with its full width where the address
// is aligned: a value that was checked is then the value that is used.
typedef uint16_t __attribute__((aligned(1), may_alias)) clx_any_uint16;
typedef uint32_t __attribute__((aligned(1), may_alias)) clx_any_uint32;
typedef uint64_t __attribute__((aligned(1), may_alias)) clx_any_uint64;

static inline uint8_t clx_load8(const void *place) { return *(const volatile uint8_t *)place; }
static inline uint16_t clx_load16(const void *place) { return *(const volatile clx_any_uint16 *)place; }
static inline uint32_t clx_load32(const void *place) { return *(const volatile clx_any_uint32 *)place; }
static inline uint64_t clx_load64(const void *place) { return *(const volatile clx_any_uint64 *)place; }
static inline void clx_store8(void *place, uint8_t value) { *(volatile uint8_t *)place = value; }
static inline void clx_store16(void *place, uint16_t value) { *(volatile clx_any_uint16 *)place = value; }
static inline void clx_store32(void *place, uint32_t value) { *(volatile clx_any_uint32 *)place = value; }
static inline void clx_store64(void *place, uint64_t value) { *(volatile clx_any_uint64 *)place = value; }

// Of an aligned place: what follows is not done before; what precedes is done before.
static inline uint16_t clx_load_acquire16(const void *place) {
    return __atomic_load_n((const uint16_t *)place, __ATOMIC_ACQUIRE);
}
static inline uint32_t clx_load_acquire32(const void *place) {
    return __atomic_load_n((const uint32_t *)place, __ATOMIC_ACQUIRE);
}
static inline void clx_store_release16(void *place, uint16_t value) {
    __atomic_store_n((uint16_t *)place, value, __ATOMIC_RELEASE);
}
static inline void clx_store_release32(void *place, uint32_t value) {
    __atomic_store_n((uint32_t *)place, value, __ATOMIC_RELEASE);
}

// Of an aligned place that others change as well.
static inline void clx_or32(void *place, uint32_t bits) { __atomic_fetch_or((uint32_t *)place, bits, __ATOMIC_ACQ_REL); }
static inline void clx_and32(void *place, uint32_t bits) { __atomic_fetch_and((uint32_t *)place, bits, __ATOMIC_ACQ_REL); }
static inline void clx_add32(void *place, uint32_t value) {
    __atomic_fetch_add((uint32_t *)place, value, __ATOMIC_ACQ_REL);
}

// Stores before it are seen before loads after it are done.
static inline void clx_full_barrier(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

#endif
