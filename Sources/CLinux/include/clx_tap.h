#ifndef CLX_TAP_H
#define CLX_TAP_H
#include <linux/if_tun.h>
#include <sys/ioctl.h>

// TUNSETVNETHDRSZ: the bytes that stand before each frame.
static inline int clx_tap_set_header_size(int tap, int size) { return ioctl(tap, TUNSETVNETHDRSZ, &size); }
// TUNSETOFFLOAD: what the reader of frames does in the kernel's place.
static inline int clx_tap_set_offload(int tap, unsigned long flags) { return ioctl(tap, TUNSETOFFLOAD, flags); }
static const unsigned long CLX_TUN_F_CSUM = TUN_F_CSUM;
static const unsigned long CLX_TUN_F_TSO4 = TUN_F_TSO4;
static const unsigned long CLX_TUN_F_TSO6 = TUN_F_TSO6;
static const unsigned long CLX_TUN_F_TSO_ECN = TUN_F_TSO_ECN;

#endif
