/* clock_sim.c - virtual time in place of the monotonic clock, the cycle counter and
 * time(2).
 *
 * Looking at a clock lets a little time pass, so that loops that wait for it end. time()
 * is defined here for the whole program, libcrypto and libssl included: it stands in the
 * object that the runtime needs anyway, so a static link always takes it. Outside a run
 * it is the real time. */
#include "../runtime/impl/clock.h"

#include "impl/engine.h"
#include "impl/run.h"
#include "impl/trace.h"

#include <time.h>

enum {
  CYCLES_PER_US = 1000,
  LOOK_NS = 400,
  SLOW_NS = 400000,
  JUMP_S = 2 * 86400,
};

/* 2030-01-01: between the dates of any certificate made today for a few years. */
static const int64_t wall_s = 1893456000;
static int64_t jumped_s;
static bool in_run;

void foal__sim_clock_begin(bool running)
{
  jumped_s = 0;
  in_run = running;
}

uint64_t foal__clock_ns(void)
{
  foal__sim_pass(1 + foal__sim_draw(FOAL__SIM_S_time, LOOK_NS));
  return foal__sim_now_ns();
}

uint64_t foal__clock_cycles(void)
{
  if (foal__sim_fires(FOAL__SIM_W_slow_turns))
    foal__sim_pass(1 + foal__sim_how(FOAL__SIM_W_slow_turns, SLOW_NS));
  return foal__clock_ns();
}

uint64_t foal__clock_cycles_per_us(void)
{
  return CYCLES_PER_US;
}

/* Visible, or the shared libcrypto goes on using the one of libc. */
__attribute__((visibility("default"))) time_t time(time_t *out)
{
  int64_t now;
  if (in_run) {
    if (foal__sim_fires(FOAL__SIM_W_clock)) {
      foal__sim_tell_fault("clock");
      jumped_s += (int64_t)foal__sim_how(FOAL__SIM_W_clock, 2 * JUMP_S) - JUMP_S;
    }
    now = wall_s + jumped_s + (int64_t)(foal__sim_now_ns() / 1000000000);
  } else {
    struct timespec real;
    (void)clock_gettime(CLOCK_REALTIME, &real);
    now = real.tv_sec;
  }
  if (out != NULL) *out = (time_t)now;
  return (time_t)now;
}
