/* counters.c - what the runtime has done and what is alive. Each worker writes its own, with
 * relaxed stores, so that reading them from anywhere is no race.                            */
#include "impl/assert.h"
#include "impl/buf_head.h"
#include "impl/lifetime.h"
#include "sched.h"

#include <string.h>

static foal_counters kept;

#define STORE_(name, sentence) out->name = sums[FOAL__C_##name];

static void sum_up(foal_counters *out)
{
  int64_t sums[FOAL__COUNTERS] = {0};
  for (uint32_t i = 0; i < foal__rt.workers && foal__rt.worker != NULL; i++) {
    for (int c = 0; c < FOAL__COUNTERS; c++) {
      sums[c] += foal__load(&foal__rt.worker[i].counters[c], relaxed);
    }
  }
  FOAL_COUNTERS_MAP(STORE_)
}

void foal__counters_keep(void)
{
  sum_up(&kept);
}

void foal_counters_read(foal_counters *out)
{
  foal_assert(out != NULL);
  if (foal__rt.started) {
    sum_up(out);
  } else {
    *out = kept;
  }
  out->bufs_live += foal__bufs_live_elsewhere();
}

void foal__count(foal__counter which, int64_t by)
{
  foal_assert(foal__self != NULL && which < FOAL__COUNTERS);
  foal__bump(foal__self, which, by);
}
