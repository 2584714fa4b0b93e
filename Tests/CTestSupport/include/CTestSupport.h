#ifndef CTEST_SUPPORT_H
#define CTEST_SUPPORT_H

// What the tests' machinery needs and Swift cannot spell: GNU extensions, variadic calls and function-like macros.

// Spawns a program found in PATH, in a process group of its own, with default signal handling, in a directory, with
// these three standard descriptors and no others. Returns 0 and the process ID, or an errno.
int cts_spawn(
    int *pid, char *const arguments[], char *const environment[], const char *directory, const int descriptors[3]);

// A pipe whose ends are closed on exec.
int cts_pipe(int ends[2]);

int cts_pidfd_open(int pid);

// waitpid(2): 0 where the process has not ended; else *code is its exit status or *signal_number what killed it.
int cts_wait(int pid, int block, int *code, int *signal_number);

#endif
