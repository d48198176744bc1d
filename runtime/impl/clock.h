/* clock.h - seam: time. Production: clock_posix.c; a simulator links a virtual clock. */
#ifndef FOAL_IMPL_CLOCK_H
#define FOAL_IMPL_CLOCK_H

#include <stdint.h>

/* Monotonic nanoseconds. About 25 ns to read. */
uint64_t foal__clock_ns(void);

/* A cheap counter that grows evenly, to end turns by time. */
uint64_t foal__clock_cycles(void);

/* How many cycles of foal__clock_cycles one microsecond has; measured once. */
uint64_t foal__clock_cycles_per_us(void);

#endif
