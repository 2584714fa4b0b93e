#ifndef CLX_ARGUMENTS_H
#define CLX_ARGUMENTS_H

// The program's argument vector as the kernel gave it, without what Swift's CommandLine does to find it: that reads and
// parses /proc/self/maps.
int clx_argument_count(void);
const char *clx_argument(int index);

#endif
