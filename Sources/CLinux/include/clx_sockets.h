#ifndef CLX_SOCKETS_H
#define CLX_SOCKETS_H
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

// Sends bytes and, unless `descriptor` is -1, one descriptor (SCM_RIGHTS, unix(7)).
static inline long clx_send_descriptor(int socket_fd, const void *bytes, size_t count, int descriptor) {
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    return sendmsg(socket_fd, &message, MSG_NOSIGNAL);
}

// Receives bytes and at most one descriptor, close-on-exec; *descriptor is -1 where none came.
static inline long clx_receive_descriptor(int socket_fd, void *bytes, size_t count, int *descriptor) {
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    *descriptor = -1;
    long received = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
            memcpy(descriptor, CMSG_DATA(header), sizeof(int));
    return received;
}

static inline int clx_socketpair(int type, int descriptors[2]) { return socketpair(AF_UNIX, type, 0, descriptors); }

// Binds or connects a unix stream socket to a path of less than 108 bytes; ENAMETOOLONG otherwise.
static inline int clx_unix_address(struct sockaddr_un *address, const char *path) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) { errno = ENAMETOOLONG; return -1; }
    strcpy(address->sun_path, path);
    return 0;
}
static inline int clx_unix_bind(int socket_fd, const char *path) {
    struct sockaddr_un address;
    if (clx_unix_address(&address, path) != 0) return -1;
    return bind(socket_fd, (struct sockaddr *)&address, sizeof address);
}
static inline int clx_unix_connect(int socket_fd, const char *path) {
    struct sockaddr_un address;
    if (clx_unix_address(&address, path) != 0) return -1;
    return connect(socket_fd, (struct sockaddr *)&address, sizeof address);
}
static inline int clx_socket(int domain, int type) { return socket(domain, type, 0); }
static inline int clx_accept(int socket_fd) { return (int)syscall(SYS_accept4, socket_fd, NULL, NULL, SOCK_CLOEXEC); }
static inline int clx_poll(struct pollfd *entries, unsigned long count, int timeout_milliseconds) {
    return poll(entries, count, timeout_milliseconds);
}
static const int CLX_SOCK_STREAM = SOCK_STREAM;
static const int CLX_SOCK_SEQPACKET = SOCK_SEQPACKET;
static const int CLX_SOCK_DGRAM = SOCK_DGRAM;
static const int CLX_SOCK_CLOEXEC = SOCK_CLOEXEC;

#endif
