/* counters.c - what the runtime has done and what is alive. Each worker writes its
 * own, with relaxed stores, so that reading them from anywhere is no race. */
#include "impl/assert.h"
#include "impl/buf_head.h"
#include "impl/guest.h"
#include "impl/lifetime.h"
#include "sched.h"

#include <string.h>

static _Atomic(int64_t) kept[FOAL__COUNTERS]; /* of the last runtime */

static void sum_up(int64_t *sums)
{
  memset(sums, 0, sizeof *sums * FOAL__COUNTERS);
  for (uint32_t i = 0; i < foal__rt.workers && foal__rt.worker != NULL; i++) {
    for (int c = 0; c < FOAL__COUNTERS; c++) {
      sums[c] += foal__load(&foal__rt.worker[i].counters[c], relaxed);
    }
  }
}

void foal__counters_keep(void)
{
  int64_t sums[FOAL__COUNTERS];
  sum_up(sums);
  /* Buffers may outlive the runtime: whoever drops them later counts elsewhere. */
  foal__bufs_live_move(sums[FOAL__C_bufs_live]);
  sums[FOAL__C_bufs_live] = 0;
  for (int c = 0; c < FOAL__COUNTERS; c++) foal__store(&kept[c], sums[c], relaxed);
}

static void look_up(int64_t *sums)
{
  bool guest = foal__self == NULL && foal__guest_enter();
  if (foal__self != NULL || guest) {
    sum_up(sums);
  } else {
    for (int c = 0; c < FOAL__COUNTERS; c++) sums[c] = foal__load(&kept[c], relaxed);
  }
  if (guest) foal__guest_leave();
}

#define STORE_(name, sentence) out->name = sums[FOAL__C_##name];

void foal_counters_read(foal_counters *out)
{
  int64_t sums[FOAL__COUNTERS];
  foal_assert(out != NULL);
  look_up(sums);
  FOAL_COUNTERS_MAP(STORE_)
  out->bufs_live += foal__bufs_live_elsewhere();
}

void foal__count(foal__counter which, int64_t by)
{
  foal_assert(foal__self != NULL && which < FOAL__COUNTERS);
  foal__bump(foal__self, which, by);
}
