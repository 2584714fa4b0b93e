/* launch COMMAND...: runs a command between two marks of counter.c; its status is the command's. */
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mark.h"

extern char **environ;

int main(int count, char **arguments)
{
    pid_t child;
    int status = 0;
    MARK(1);
    if (count < 2 || posix_spawnp(&child, arguments[1], NULL, NULL, arguments + 1, environ) != 0) {
        fprintf(stderr, "launch: cannot start %s\n", count < 2 ? "nothing" : arguments[1]);
        return 125;
    }
    if (waitpid(child, &status, 0) != child)
        return 125;
    MARK(3);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
