#include "probe.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

extern char **environ;

int probe_identity(int count, char **arguments) {
    (void)count, (void)arguments;
    uid_t uid[3];
    gid_t gid[3], groups[1024];
    getresuid(&uid[0], &uid[1], &uid[2]);
    getresgid(&gid[0], &gid[1], &gid[2]);
    printf("uid=%u %u %u\ngid=%u %u %u\ngroups=", uid[0], uid[1], uid[2], gid[0], gid[1], gid[2]);
    int total = getgroups(1024, groups);
    for (int index = 0; index < total; index++) printf(index ? " %u" : "%u", groups[index]);
    mode_t mask = umask(0);
    umask(mask);
    char directory[4096];
    printf("\numask=%04o\ncwd=%s\npid=%d\n", mask, getcwd(directory, sizeof directory) ? directory : "?", getpid());
    return 0;
}

int probe_capabilities(int count, char **arguments) {
    (void)count, (void)arguments;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0) return 1;
    uint64_t bounding = 0, ambient = 0;
    for (int capability = 0; capability < 64; capability++) {
        if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1) bounding |= 1ULL << capability;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) == 1) ambient |= 1ULL << capability;
    }
    printf("effective=%llx\n", (unsigned long long)data[0].effective | (unsigned long long)data[1].effective << 32);
    printf("permitted=%llx\n", (unsigned long long)data[0].permitted | (unsigned long long)data[1].permitted << 32);
    printf("inheritable=%llx\n",
           (unsigned long long)data[0].inheritable | (unsigned long long)data[1].inheritable << 32);
    printf("bounding=%llx\nambient=%llx\n", (unsigned long long)bounding, (unsigned long long)ambient);
    printf("noNewPrivileges=%d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    printf("securebits=%d\n", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
    printf("keepcaps=%d\n", prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
    printf("dumpable=%d\n", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    printf("seccomp=%d\n", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
    return 0;
}

int probe_limits(int count, char **arguments) {
    (void)count, (void)arguments;
    static const char *const names[] = {"CPU",     "FSIZE",      "DATA",     "STACK", "CORE",   "RSS",  "NPROC",  "NOFILE",
                                        "MEMLOCK", "AS",         "LOCKS",    "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO",
                                        "RTTIME"};
    for (int resource = 0; resource < 16; resource++) {
        struct rlimit limit;
        if (getrlimit(resource, &limit) != 0) continue;
        printf("RLIMIT_%s=%lld %lld\n", names[resource], (long long)limit.rlim_cur, (long long)limit.rlim_max);
    }
    return 0;
}

struct scheduling_attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

static void report_file(const char *key, const char *path) {
    char text[256] = "?";
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        ssize_t length = read(descriptor, text, sizeof text - 1);
        if (length >= 0) text[length] = 0;
        text[strcspn(text, "\n")] = 0;
        close(descriptor);
    }
    printf("%s=%s\n", key, text);
}

int probe_scheduling(int count, char **arguments) {
    (void)count, (void)arguments;
    struct scheduling_attributes attributes = {.size = sizeof attributes};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) == 0) {
        printf("policy=%u\nflags=%llu\nnice=%d\npriority=%u\n", attributes.policy,
               (unsigned long long)attributes.flags, attributes.nice, attributes.priority);
        printf("runtime=%llu\ndeadline=%llu\nperiod=%llu\n", (unsigned long long)attributes.runtime,
               (unsigned long long)attributes.deadline, (unsigned long long)attributes.period);
    }
    long priority = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);
    printf("ioClass=%ld\nioPriority=%ld\n", IOPRIO_PRIO_CLASS(priority), IOPRIO_PRIO_DATA(priority));
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    printf("affinity=");
    for (int cpu = 0, first = 1; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set)) printf(first ? "%d" : " %d", cpu), first = 0;
    printf("\npersonality=%x\n", personality(0xffffffff));
    int mode = -1;
    unsigned long nodes[16] = {0};
    if (syscall(SYS_get_mempolicy, &mode, nodes, sizeof nodes * 8, NULL, 0) == 0)
        printf("memoryPolicy=%d\nmemoryNodes=%lx\n", mode, nodes[0]);
    report_file("oomScoreAdj", "/proc/self/oom_score_adj");
    return 0;
}

int probe_environment(int count, char **arguments) {
    for (int index = 0; index < count; index++) printf("argument%d=%s\n", index, arguments[index]);
    for (char **entry = environ; *entry; entry++) printf("%s\n", *entry);
    return 0;
}

int probe_descriptors(int count, char **arguments) {
    (void)count, (void)arguments;
    for (int descriptor = 0; descriptor < 1024; descriptor++) {
        struct stat status;
        if (fstat(descriptor, &status) != 0) continue;
        char link[64], target[4096];
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        ssize_t length = readlink(link, target, sizeof target - 1);
        target[length > 0 ? length : 0] = 0;
        printf("%d=%s\n", descriptor, length > 0 ? target : "?");
    }
    return 0;
}

int probe_terminal(int count, char **arguments) {
    (void)count, (void)arguments;
    printf("isatty=%d %d %d\n", isatty(0), isatty(1), isatty(2));
    struct winsize size = {0};
    if (ioctl(0, TIOCGWINSZ, &size) == 0) printf("size=%u %u\n", size.ws_col, size.ws_row);
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    report_result("controlling", terminal);
    printf("session=%d\npid=%d\n", getsid(0), getpid());
    struct stat status;
    if (fstat(0, &status) == 0) printf("owner=%u %u\nmode=%o\n", status.st_uid, status.st_gid, status.st_mode & 07777);
    char name[256];
    printf("name=%s\n", ttyname_r(0, name, sizeof name) == 0 ? name : "?");
    struct stat console;
    int same = stat("/dev/console", &console) == 0 && S_ISCHR(console.st_mode) && console.st_rdev == status.st_rdev;
    printf("console=%d\n", same);
    return 0;
}
