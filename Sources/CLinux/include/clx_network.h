#ifndef CLX_NETWORK_H
#define CLX_NETWORK_H
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

// netdevice(7): sets IFF_UP on the loopback device of the network namespace this process is in.
static inline int clx_loopback_up(void) {
    int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_fd < 0) return -1;
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
    int result = ioctl(socket_fd, SIOCSIFFLAGS, &request);
    close(socket_fd);
    return result;
}

#endif
