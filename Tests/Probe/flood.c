#include "probe.h"

#include <arpa/inet.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { held = 512, junk_size = 1400 };

static const char junk[junk_size];

static unsigned long long sent;

static void say_that_it_runs(void) {
    if (++sent == 1000) printf("flooding=ok\n");
}

// Connections to every port in turn, the ones that the monitor listens on among them, each with bytes that mean nothing.
static int flood_sockets(void) {
    int open[held];
    for (unsigned index = 0; index < held; index++) open[index] = -1;
    for (unsigned turn = 0;; turn++) {
        struct sockaddr_vm to = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = 1020 + turn % 16};
        int *place = &open[turn % held];
        if (*place >= 0) close(*place);
        *place = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (*place < 0) {
            report_result("socket", -1);
            return 1;
        }
        connect(*place, (struct sockaddr *)&to, sizeof to);
        send(open[(turn + held / 2) % held], junk, sizeof junk, MSG_NOSIGNAL);
        say_that_it_runs();
    }
}

static int flood_datagrams(const char *address) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    int socket_ = socket(AF_INET, SOCK_DGRAM, 0);
    if (socket_ < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1) {
        report_result("socket", -1);
        return 1;
    }
    for (;;) {
        sendto(socket_, junk, sizeof junk, 0, (struct sockaddr *)&to, sizeof to);
        say_that_it_runs();
    }
}

int probe_flood(int count, char **arguments) {
    if (count == 1 && strcmp(arguments[0], "vsock") == 0) return flood_sockets();
    if (count == 2 && strcmp(arguments[0], "udp") == 0) return flood_datagrams(arguments[1]);
    return 64;
}
