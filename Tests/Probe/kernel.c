#include "probe.h"

#include <linux/keyctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <time.h>

int probe_uts(int count, char **arguments) {
    (void)count, (void)arguments;
    struct utsname names;
    if (uname(&names) != 0) return 1;
    printf("hostname=%s\ndomainname=%s\nmachine=%s\nrelease=%s\n", names.nodename, names.domainname, names.machine,
           names.release);
    return 0;
}

int probe_namespaces(int count, char **arguments) {
    (void)count, (void)arguments;
    static const char *const kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
    for (size_t index = 0; index < sizeof kinds / sizeof *kinds; index++) {
        char link[64], target[128];
        snprintf(link, sizeof link, "/proc/self/ns/%s", kinds[index]);
        ssize_t length = readlink(link, target, sizeof target - 1);
        target[length > 0 ? length : 0] = 0;
        printf("%s=%s\n", kinds[index], target);
    }
    return 0;
}

int probe_clocks(int count, char **arguments) {
    (void)count, (void)arguments;
    struct timespec monotonic, boot;
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    printf("monotonic=%lld\nboottime=%lld\n", (long long)monotonic.tv_sec, (long long)boot.tv_sec);
    return 0;
}

int probe_keyring(int count, char **arguments) {
    (void)count, (void)arguments;
    long identifier = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0);
    char description[256] = "";
    long length = syscall(SYS_keyctl, KEYCTL_DESCRIBE, identifier, description, sizeof description - 1, 0);
    printf("keyring=%lx\ndescription=%s\n", identifier, length > 0 ? description : "?");
    return 0;
}

// The raw result of a system call: a negative number is the errno, whatever libc thinks.
int probe_syscall(int count, char **arguments) {
    long values[7] = {0};
    for (int index = 0; index < count && index < 7; index++) values[index] = strtol(arguments[index], NULL, 0);
    if (count < 1) return 64;
    long result = syscall(values[0], values[1], values[2], values[3], values[4], values[5], values[6]);
    report_result("result", result);
    printf("value=%ld\n", result);
    return 0;
}

// The same by the 32-bit entry, whose numbers are those of i386; "value" is the kernel's raw answer.
int probe_syscall_32(int count, char **arguments) {
    long values[4] = {0};
    for (int index = 0; index < count && index < 4; index++) values[index] = strtol(arguments[index], NULL, 0);
    int result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"((int)values[0]), "b"((int)values[1]), "c"((int)values[2]), "d"((int)values[3])
                     : "memory", "r8", "r9", "r10", "r11");
    printf("value=%d\n", result);
    return 0;
}

int probe_open(int count, char **arguments) {
    if (count < 2) return 64;
    int flags = strcmp(arguments[0], "rw") == 0 ? O_RDWR : strcmp(arguments[0], "w") == 0 ? O_WRONLY : O_RDONLY;
    for (int index = 1; index < count; index++) {
        int descriptor = open(arguments[index], flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        report_result(arguments[index], descriptor);
        if (descriptor >= 0) close(descriptor);
    }
    return 0;
}

int probe_write(int count, char **arguments) {
    if (count < 2) return 64;
    int descriptor = open(arguments[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        report_result("open", -1);
        return 0;
    }
    report_result("open", 0);
    report_result("write", write(descriptor, arguments[1], strlen(arguments[1])));
    return 0;
}

static void report_status(const char *path) {
    struct stat status;
    if (lstat(path, &status) != 0) {
        report_result(path, -1);
        return;
    }
    const char *kind = S_ISREG(status.st_mode)    ? "file"
                       : S_ISDIR(status.st_mode)  ? "directory"
                       : S_ISLNK(status.st_mode)  ? "link"
                       : S_ISCHR(status.st_mode)  ? "character"
                       : S_ISBLK(status.st_mode)  ? "block"
                       : S_ISFIFO(status.st_mode) ? "fifo"
                                                  : "socket";
    printf("%s=%s %04o %u %u %u:%u", path, kind, status.st_mode & 07777, status.st_uid, status.st_gid,
           major(status.st_rdev), minor(status.st_rdev));
    char target[4096];
    ssize_t length = S_ISLNK(status.st_mode) ? readlink(path, target, sizeof target - 1) : -1;
    if (length > 0) target[length] = 0, printf(" %s", target);
    printf("\n");
}

int probe_status(int count, char **arguments) {
    for (int index = 0; index < count; index++) report_status(arguments[index]);
    return 0;
}

int probe_make_node(int count, char **arguments) {
    if (count < 4) return 64;
    mode_t kind = arguments[1][0] == 'b' ? S_IFBLK : S_IFCHR;
    report_result("result", mknod(arguments[0], kind | 0600, makedev(atoi(arguments[2]), atoi(arguments[3]))));
    return 0;
}

int probe_mount(int count, char **arguments) {
    if (count < 3) return 64;
    report_result("result", mount(arguments[0], arguments[1], arguments[2], 0, NULL));
    return 0;
}
