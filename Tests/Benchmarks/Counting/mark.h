/* How a program marks a place for counter.c: a no-operation of eight bytes, with the mark's number and three letters in it. */
#define MARK_HEAD { 0x0f, 0x1f, 0x84, 0x00 }
#define MARK_TAIL { 'm', 'v', 'r' }

/* NUMBER is a literal from 1 to 127. */
#define MARK(number) __asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00, " #number ", 'm', 'v', 'r'")
