/* The first process of the guests that `make bench-vm` boots, and the program of its containers: both mark that they are
 * there. The first process loads the modules of the initramfs before, as mvrun's does, and says on the console that it is
 * there; then it does what its environment, which is the kernel's command line, says.
 *
 *   show=1        says what the command line and the release are
 *   skip=NAMES    loads all modules but these files, as in skip=overlay.ko,af_packet.ko
 *   hold=SECONDS  waits, so that the host can look at the monitor
 *   share=TAG     mounts a virtio-fs share and runs its /bin/bench, or program=PATH
 *                 with argument=WORD
 *
 * Then it resets the machine. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mark.h"

static void say(const char *text)
{
    if (write(1, text, strlen(text)) < 0)
        _exit(1);
}

static void load_modules(const char *skipped)
{
    char name[128], path[160];
    FILE *order = fopen("/modules/order", "r");
    while (order && fgets(name, sizeof name, order)) {
        name[strcspn(name, "\n")] = 0;
        if (skipped && strstr(skipped, name))
            continue;
        snprintf(path, sizeof path, "/modules/%s", name);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0 || syscall(SYS_finit_module, file, "", 0) != 0)
            say("bench: a module was not loaded\n");
        close(file);
    }
}

static void run_in_share(const char *tag)
{
    mkdir("/share", 0755);
    if (mount(tag, "/share", "virtiofs", 0, NULL) != 0) {
        say("bench: the share was not mounted\n");
        return;
    }
    /* As in a container: without devices the program's /dev/null would be a file of the share, and /dev/zero nothing. */
    if (mount("devtmpfs", "/share/dev", "devtmpfs", 0, NULL) != 0 || mount("proc", "/share/proc", "proc", 0, NULL) != 0)
        say("bench: the program's file systems were not mounted\n");
    pid_t child = fork();
    if (child == 0) {
        const char *program = getenv("program"), *argument = getenv("argument");
        if (chroot("/share") == 0 && chdir("/") == 0)
            execl(program ? program : "/bin/bench", program ? program : "bench", argument, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    waitpid(child, &status, 0);
    if (status != 0)
        say("bench: the program failed\n");
}

static void show_words(void)
{
    char words[4096] = "";
    mkdir("/proc", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    int file = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, words, sizeof words - 1) < 0)
        return;
    say("bench: words ");
    say(words);
    /* Seconds since the start, and of these, idle ones: nobody counts their instructions. */
    char times[64] = "";
    file = open("/proc/uptime", O_RDONLY | O_CLOEXEC);
    if (read(file, times, sizeof times - 1) > 0) {
        say("bench: times ");
        say(times);
    }
    struct utsname name;
    if (uname(&name) == 0) {
        say("bench: release ");
        say(name.release);
        say("\n");
    }
}

int main(void)
{
    const char *hold = getenv("hold"), *share = getenv("share");
    if (getpid() != 1 || access("/modules", F_OK) != 0) {
        MARK(2);
        return 0;
    }
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    load_modules(getenv("skip"));
    if (getenv("show"))
        show_words();
    if (!share)
        MARK(2);
    say("bench: here\n");
    if (share)
        run_in_share(share);
    if (hold)
        sleep((unsigned)atoi(hold));
    reboot(RB_AUTOBOOT);
    return 1;
}
