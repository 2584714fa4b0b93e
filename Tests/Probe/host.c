#include "probe.h"

#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>

static int bound_socket(const char *path, int type) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -1;
    strcpy(address.sun_path, path);
    int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    unlink(path);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) != 0) return -1;
    if (type == SOCK_STREAM && listen(descriptor, 8) != 0) return -1;
    printf("listening\n");
    fflush(stdout);
    return descriptor;
}

// One message with at most one descriptor; what else came as ancillary data would be a fault of the sender.
static ssize_t receive(int connection, char *text, size_t size, int *descriptor) {
    char control[CMSG_SPACE(4 * sizeof(int))];
    struct iovec part = {.iov_base = text, .iov_len = size - 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    text[length > 0 ? length : 0] = 0;
    *descriptor = -1;
    int descriptors = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
            descriptors += (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(descriptor, CMSG_DATA(header), sizeof(int));
        }
    printf("descriptors=%d\n", descriptors);
    fflush(stdout);
    return length;
}

static void relay(int terminal) {
    char bytes[4096];
    struct pollfd entries[] = {{.fd = 0, .events = POLLIN}, {.fd = terminal, .events = POLLIN}};
    while (poll(entries, 2, -1) >= 0) {
        if (entries[0].revents) {
            ssize_t length = read(0, bytes, sizeof bytes);
            if (length <= 0)
                entries[0].fd = -1;
            else if (write(terminal, bytes, length) < 0)
                return;
        }
        if (entries[1].revents) {
            ssize_t length = read(terminal, bytes, sizeof bytes);
            if (length <= 0 || write(1, bytes, length) < 0) return;
        }
    }
}

// The receiver of --console-socket: prints the size and name of the terminal it is sent, then relays it.
int host_console(int count, char **arguments) {
    int listener = count ? bound_socket(arguments[0], SOCK_STREAM) : -1;
    if (listener < 0) return 1;
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC), terminal;
    char name[4096];
    receive(connection, name, sizeof name, &terminal);
    struct winsize size = {0};
    int is_terminal = ioctl(terminal, TIOCGWINSZ, &size) == 0;
    printf("name=%s\nterminal=%d\nsize=%u %u\nrelay\n", name, is_terminal, size.ws_col, size.ws_row);
    fflush(stdout);
    relay(terminal);
    return 0;
}

// The receiver of --pidfd-socket.
int host_pidfd_socket(int count, char **arguments) {
    int listener = count ? bound_socket(arguments[0], SOCK_STREAM) : -1;
    if (listener < 0) return 1;
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC), descriptor;
    char name[4096], link[64], line[256];
    receive(connection, name, sizeof name, &descriptor);
    printf("name=%s\n", name);
    snprintf(link, sizeof link, "/proc/self/fdinfo/%d", descriptor);
    FILE *information = fopen(link, "r");
    while (information && fgets(line, sizeof line, information))
        if (strncmp(line, "Pid:", 4) == 0) printf("pid=%ld\n", strtol(line + 4, NULL, 10));
    return 0;
}

// The agent behind seccomp.listenerPath: prints the process state it is sent, then answers every notification.
int host_listener(int count, char **arguments) {
    int listener = count >= 2 ? bound_socket(arguments[0], SOCK_STREAM) : -1;
    if (listener < 0) return 1;
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC), notifications;
    static char state[1 << 16];
    receive(connection, state, sizeof state, &notifications);
    printf("state=%s\n", state);
    fflush(stdout);
    for (;;) {
        struct pollfd entry = {.fd = notifications, .events = POLLIN};
        poll(&entry, 1, -1);
        if (entry.revents & POLLHUP) return 0;
        struct seccomp_notif request = {0};
        struct seccomp_notif_resp response = {0};
        if (ioctl(notifications, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) continue;
        printf("notified=%d\n", request.data.nr);
        fflush(stdout);
        response.id = request.id;
        if (strcmp(arguments[1], "continue") == 0) response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        if (strcmp(arguments[1], "errno") == 0) response.error = -atoi(arguments[2]);
        if (strcmp(arguments[1], "value") == 0) response.val = atol(arguments[2]);
        ioctl(notifications, SECCOMP_IOCTL_NOTIF_SEND, &response);
    }
}

// What conmon is to a container: runs a command as its subreaper and says how each orphan ended.
int host_subreaper(int count, char **arguments) {
    if (count < 1) return 64;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t child = fork(), ended;
    if (child == 0) {
        execvp(arguments[0], arguments);
        _exit(127);
    }
    int status;
    while ((ended = wait(&status)) > 0) {
        const char *who = ended == child ? "command" : "orphan";
        if (WIFEXITED(status)) printf("%s=%d exited %d\n", who, ended, WEXITSTATUS(status));
        if (WIFSIGNALED(status)) printf("%s=%d signaled %d\n", who, ended, WTERMSIG(status));
        fflush(stdout);
    }
    return 0;
}

// The service manager's end of NOTIFY_SOCKET.
int host_notify_socket(int count, char **arguments) {
    int descriptor = count ? bound_socket(arguments[0], SOCK_DGRAM) : -1;
    if (descriptor < 0) return 1;
    char text[4096];
    for (;;) {
        ssize_t length = recv(descriptor, text, sizeof text - 1, 0);
        if (length < 0) return 1;
        text[length] = 0;
        printf("datagram=%s\n", text);
        fflush(stdout);
    }
}

// Runs a command with so many descriptors above stderr, each a pipe that holds its own number.
int host_with_descriptors(int count, char **arguments) {
    if (count < 2) return 64;
    for (int index = 0; index < atoi(arguments[0]); index++) {
        int ends[2], wanted = 3 + index;
        if (pipe2(ends, 0) != 0) return 1;
        int reading = fcntl(ends[0], F_DUPFD, 200), writing = fcntl(ends[1], F_DUPFD_CLOEXEC, 200);
        close(ends[0]), close(ends[1]);
        dprintf(writing, "descriptor %d\n", wanted);
        close(writing);
        dup2(reading, wanted);
        close(reading);
    }
    execvp(arguments[1], arguments + 1);
    return 127;
}

// The attacker of a race: exchanges two names as fast as it can, until it is killed.
int host_exchange(int count, char **arguments) {
    if (count < 2) return 64;
    printf("exchanging\n");
    fflush(stdout);
    for (;;)
        if (renameat2(AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], RENAME_EXCHANGE) != 0 && errno != ENOENT) return 1;
}
