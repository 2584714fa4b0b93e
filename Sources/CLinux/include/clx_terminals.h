#ifndef CLX_TERMINALS_H
#define CLX_TERMINALS_H
#include <stdint.h>
#include <sys/ioctl.h>
#include <termios.h>

static inline int clx_unlock_pt(int master) { int zero = 0; return ioctl(master, TIOCSPTLCK, &zero); }
// ioctl_tty(2) TIOCGPTPEER: the peer of a pseudoterminal master, opened without any path.
static inline int clx_pt_peer(int master, int flags) { return ioctl(master, TIOCGPTPEER, flags); }
static inline int clx_pt_number(int master, unsigned *number) { return ioctl(master, TIOCGPTN, number); }
static inline int clx_set_controlling_terminal(int terminal) { return ioctl(terminal, TIOCSCTTY, 0); }
static inline int clx_get_window_size(int terminal, uint16_t *rows, uint16_t *columns) {
    struct winsize size;
    if (ioctl(terminal, TIOCGWINSZ, &size) != 0) return -1;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}
static inline int clx_set_window_size(int terminal, uint16_t rows, uint16_t columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(terminal, TIOCSWINSZ, &size);
}

#endif
