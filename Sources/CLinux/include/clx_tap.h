#ifndef CLX_TAP_H
#define CLX_TAP_H
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

// TUNSETIFF: makes a tap device of an open /dev/net/tun, in the network namespace that it was opened in. Frames have a
// header of virtio's and nothing else before them.
static inline int clx_tap_create(int tun, const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    if (strlen(name) >= sizeof request.ifr_name) {
        errno = EINVAL;
        return -1;
    }
    strcpy(request.ifr_name, name);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    return ioctl(tun, TUNSETIFF, &request);
}

// TUNSETVNETHDRSZ: the bytes that stand before each frame.
static inline int clx_tap_set_header_size(int tap, int size) { return ioctl(tap, TUNSETVNETHDRSZ, &size); }
// TUNSETOFFLOAD: what the reader of frames does in the kernel's place.
static inline int clx_tap_set_offload(int tap, unsigned long flags) { return ioctl(tap, TUNSETOFFLOAD, flags); }
static const unsigned long CLX_TUN_F_CSUM = TUN_F_CSUM;
static const unsigned long CLX_TUN_F_TSO4 = TUN_F_TSO4;
static const unsigned long CLX_TUN_F_TSO6 = TUN_F_TSO6;
static const unsigned long CLX_TUN_F_TSO_ECN = TUN_F_TSO_ECN;

#endif
