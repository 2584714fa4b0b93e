#ifndef CLX_GUEST_H
#define CLX_GUEST_H
// What the first process of a guest asks of its kernel, and what carries bytes to and from it.
#include <linux/vm_sockets.h>
#include <stdint.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

// Connects an AF_VSOCK socket, vsock(7), for as long as it takes up to a time in seconds; of itself it gives up after two.
static inline int clx_vsock_connect(int socket_fd, unsigned context_id, unsigned port, int seconds) {
    struct timeval timeout = {.tv_sec = seconds};
    struct sockaddr_vm address;
    setsockopt(socket_fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &timeout, sizeof timeout);
    memset(&address, 0, sizeof address);
    address.svm_family = AF_VSOCK;
    address.svm_cid = context_id;
    address.svm_port = port;
    return connect(socket_fd, (struct sockaddr *)&address, sizeof address);
}

// send(2) that neither waits nor raises SIGPIPE.
static inline long clx_send_now(int socket_fd, const void *bytes, size_t count) {
    return send(socket_fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static inline int clx_shutdown(int socket_fd, int direction) { return shutdown(socket_fd, direction); }

static inline int clx_finit_module(int file, const char *parameters) {
    return (int)syscall(SYS_finit_module, file, parameters, 0);
}

// The last bytes of the kernel's log, syslog(2): SYSLOG_ACTION_READ_ALL.
static inline int clx_read_kernel_log(char *buffer, int length) { return klogctl(3, buffer, length); }

static inline int clx_reboot(int command) { return reboot(command); }

static const int CLX_AF_VSOCK = AF_VSOCK;
static const int CLX_SHUT_RD = SHUT_RD;
static const int CLX_SHUT_WR = SHUT_WR;
static const int CLX_RB_AUTOBOOT = RB_AUTOBOOT;

#endif
