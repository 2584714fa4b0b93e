// Packets that carry several descriptors, unix(7), "SCM_RIGHTS".
#ifndef CLX_RIGHTS_H
#define CLX_RIGHTS_H

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// The most descriptors of one packet.
enum { CLX_RIGHTS_LIMIT = 10 };

// Sends bytes and up to CLX_RIGHTS_LIMIT descriptors.
static inline long clx_send_rights(
    int socket_fd, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count) {
    if (descriptor_count > CLX_RIGHTS_LIMIT) return errno = EINVAL, -1;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int) * CLX_RIGHTS_LIMIT)]; } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
        .msg_controllen = CMSG_SPACE(sizeof(int) * descriptor_count)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * descriptor_count);
    memcpy(CMSG_DATA(header), descriptors, sizeof(int) * descriptor_count);
    return sendmsg(socket_fd, &message, MSG_NOSIGNAL);
}

// Receives bytes and up to CLX_RIGHTS_LIMIT descriptors, close-on-exec; *descriptor_count says how many came.
// Descriptors beyond the limit are closed by the kernel, which has no room to deliver them.
static inline long clx_receive_rights(
    int socket_fd, void *bytes, size_t count, int *descriptors, size_t *descriptor_count) {
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int) * CLX_RIGHTS_LIMIT)]; } control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    *descriptor_count = 0;
    long received = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t size = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < size; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
            if (*descriptor_count < CLX_RIGHTS_LIMIT) descriptors[(*descriptor_count)++] = descriptor;
            else close(descriptor);
        }
    }
    return received;
}

#endif
