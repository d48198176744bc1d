/* clock_posix.c - production clock: CLOCK_MONOTONIC and the processor's cycle counter. */
#include "clock.h"

#include "assert.h"

#include <time.h>

enum { CALIBRATE_NS = 200000 };

uint64_t foal__clock_ns(void)
{
  struct timespec t;
  int rc = clock_gettime(CLOCK_MONOTONIC, &t);
  foal_assert(rc == 0);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t foal__clock_cycles(void)
{
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return foal__clock_ns();
#endif
}

uint64_t foal__clock_cycles_per_us(void)
{
  uint64_t ns = foal__clock_ns();
  uint64_t cycles = foal__clock_cycles();
  uint64_t passed;
  do {
    passed = foal__clock_ns() - ns;
  } while (passed < CALIBRATE_NS);
  uint64_t per_us = (foal__clock_cycles() - cycles) * 1000 / passed;
  return per_us > 0 ? per_us : 1;
}
