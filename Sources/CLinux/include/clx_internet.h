// Sockets of IPv4, ip(7); addresses are their four bytes in network order, ports numbers.
#ifndef CLX_INTERNET_H
#define CLX_INTERNET_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

static inline struct sockaddr_in clx_internet_address(const uint8_t address[4], uint16_t port) {
    struct sockaddr_in result;
    memset(&result, 0, sizeof result);
    result.sin_family = AF_INET;
    result.sin_port = htons(port);
    memcpy(&result.sin_addr, address, 4);
    return result;
}

static inline int clx_internet_bind(int socket_fd, const uint8_t address[4], uint16_t port) {
    struct sockaddr_in name = clx_internet_address(address, port);
    return bind(socket_fd, (struct sockaddr *)&name, sizeof name);
}

static inline int clx_internet_connect(int socket_fd, const uint8_t address[4], uint16_t port) {
    struct sockaddr_in name = clx_internet_address(address, port);
    return connect(socket_fd, (struct sockaddr *)&name, sizeof name);
}

// The port that a socket is bound to, or -1: getsockname(2).
static inline int clx_internet_port(int socket_fd) {
    struct sockaddr_in name;
    socklen_t size = sizeof name;
    if (getsockname(socket_fd, (struct sockaddr *)&name, &size) != 0) return -1;
    return ntohs(name.sin_port);
}

// What tells the socket's network namespace from others, or 0: SO_NETNS_COOKIE, Linux 5.14.
static inline uint64_t clx_internet_namespace(int socket_fd) {
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    return getsockopt(socket_fd, SOL_SOCKET, 71, &cookie, &size) == 0 ? cookie : 0;
}

// Receives a datagram, and whose it is.
static inline long clx_internet_receive(
    int socket_fd, void *bytes, size_t count, uint8_t address[4], uint16_t *port) {
    struct sockaddr_in name;
    socklen_t size = sizeof name;
    memset(&name, 0, sizeof name);
    long received = recvfrom(socket_fd, bytes, count, MSG_DONTWAIT, (struct sockaddr *)&name, &size);
    if (received < 0) return received;
    memcpy(address, &name.sin_addr, 4);
    *port = ntohs(name.sin_port);
    return received;
}

// Sends a datagram to somebody.
static inline long clx_internet_send(
    int socket_fd, const void *bytes, size_t count, const uint8_t address[4], uint16_t port) {
    struct sockaddr_in name = clx_internet_address(address, port);
    return sendto(socket_fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&name, sizeof name);
}

#endif
