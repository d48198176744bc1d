/* alloc_sim.c - the program's memory: counted, and failing when the run says so.
 *
 * New memory is never clean: it is filled with a pattern, so that who reads what he has
 * not written reads the same in every build. */
#include "../runtime/impl/alloc.h"

#include "../runtime/impl/assert.h"
#include "impl/run.h"
#include "impl/trace.h"

#include <stdlib.h>
#include <string.h>

enum { PATTERN = 0xA5, PATTERN_BYTES_MAX = 4096 };

static uint64_t count, fail_at;
static size_t live;
static bool fail_on;

void foal__sim_alloc_begin(const foal__sim_config *config)
{
  count = 0;
  live = 0;
  fail_at = config->fail_at;
  fail_on = config->fail_on;
}

uint64_t foal__sim_alloc_count(void)
{
  return count;
}

size_t foal__sim_alloc_live(void)
{
  return live;
}

static bool fails(void)
{
  count++;
  bool now = fail_at != 0 && (fail_on ? count >= fail_at : count == fail_at);
  if (!now && !foal__sim_fires(FOAL__SIM_W_memory)) return false;
  foal__sim_note_fired(FOAL__SIM_W_memory);
  foal__sim_tell_fault("memory");
  return true;
}

static void *given(void *p, size_t size)
{
  if (p == NULL) abort(); /* the machine's memory, not the simulated one */
  memset(p, PATTERN, size < PATTERN_BYTES_MAX ? size : PATTERN_BYTES_MAX);
  live++;
  return p;
}

void *foal__alloc(size_t size)
{
  foal_assert(size > 0);
  return fails() ? NULL : given(malloc(size), size);
}

void *foal__alloc_aligned(size_t align, size_t size)
{
  foal_assert(size % align == 0);
  return fails() ? NULL : given(aligned_alloc(align, size), size);
}

void foal__free(void *p)
{
  if (p == NULL) return;
  foal_assert(live > 0);
  live--;
  free(p);
}
