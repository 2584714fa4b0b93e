#ifndef CLX_TIMERS_H
#define CLX_TIMERS_H
#include <string.h>
#include <sys/timerfd.h>

// timerfd_create(2), never waiting, of the clock that only goes forward; and its one expiry.
static inline int clx_timerfd(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); }
static inline int clx_timerfd_set(int descriptor, long milliseconds) {
    struct itimerspec when;
    memset(&when, 0, sizeof when);
    when.it_value.tv_sec = milliseconds / 1000;
    when.it_value.tv_nsec = milliseconds % 1000 * 1000000;
    return timerfd_settime(descriptor, 0, &when, NULL);
}

#endif
