/* probes.c - what the simulator does between two turns, and what it sees of messages.
 *
 * Between turns a worker is the same as any other waiting for the processor: here others
 * may come first, its runnable actors may change places, and the next batch may be cut
 * to any length. All of that is allowed to a real machine, or to another version of the
 * scheduler; no program may depend on it. */
#include "impl/probes.h"

#include "../runtime/impl/core.h"
#include "../runtime/impl/mailbox.h"
#include "impl/run.h"
#include "impl/trace.h"

#include <signal.h>
#include <stdio.h>

enum { SHORT_BATCH_MAX = 8 };

static uint32_t batch;

void foal__sim_probes_begin(void)
{
  batch = foal__rt.batch;
}

/* Any of the runnable ones may be the next: it changes places with the one at `at`. */
static void shuffle(foal__ring *ring, uint32_t at)
{
  uint32_t n = foal__ring_count(ring), mask = ring->capacity - 1;
  if (n < 2 || !foal__sim_fires(FOAL__SIM_W_any_order)) return;
  uint32_t i = ring->head + foal__sim_draw(FOAL__SIM_S_order, n);
  foal_actor **a = &ring->items[at & mask], **b = &ring->items[i & mask];
  foal_actor *x = *a;
  *a = *b;
  *b = x;
}

void foal__sim_probe_idle(foal__worker *w)
{
  foal__sim_audit();
  if (foal__sim_may_stop() && foal__sim_fires(FOAL__SIM_W_signal)) {
    foal__sim_tell_fault("signal");
    (void)foal__sim_signal(SIGTERM);
  }
  foal__sim_yield();
  shuffle(&w->ready, w->ready.head);
  shuffle(&w->fresh, w->fresh.tail - 1);
  shuffle(&w->late, w->late.head);
  foal__rt.batch = batch;
  if (foal__sim_fires(FOAL__SIM_W_short_batch))
    foal__rt.batch = 1 + foal__sim_draw(FOAL__SIM_S_order, SHORT_BATCH_MAX);
}

static foal__sim_who who_is(const foal_actor *x)
{
  return (foal__sim_who){x->type != NULL ? x->type->name : NULL, x->id,
                         foal__self != NULL ? foal__self->id : UINT32_MAX};
}

void foal__sim_probe_sent(foal__worker *w, foal_actor *x, foal_msg *m)
{
  (void)w;
  foal__sim_entry entry = {.kind = FOAL__SIM_SENT, .what = m->behaviour_->name};
  /* Of a slot that another worker owns nothing but its address may be read. */
  if (m->generation_ != x->generation) {
    (void)snprintf(entry.text, sizeof entry.text, "to one that has ended");
  } else {
    entry.whom = who_is(x);
  }
  foal__sim_tell(&entry);
}

void foal__sim_probe_run(foal__worker *w, foal_actor *x, foal_msg *m)
{
  foal__sim_hash((uint64_t)x->id << 8 ^ w->id ^ (uint64_t)x->home << 40);
  if (!foal__sim_telling) return;
  foal__sim_entry entry = {
      .kind = FOAL__SIM_RAN, .who = who_is(x), .what = m->behaviour_->name};
  foal__sim_tell(&entry);
}

void foal__sim_probe_spawned(foal__worker *w, foal_actor *x)
{
  if (!foal__sim_telling) return;
  foal__sim_entry entry = {.kind = FOAL__SIM_SPAWNED, .who = who_is(x)};
  entry.who.worker = w->id;
  foal__sim_tell(&entry);
}

void foal__sim_probe_ended(foal__worker *w, foal_actor *x, int why)
{
  (void)w;
  if (!foal__sim_telling) return;
  foal__sim_entry entry = {.kind = FOAL__SIM_ENDED, .who = who_is(x)};
  (void)snprintf(entry.text, sizeof entry.text, "%s", foal_err_text((foal_err)why));
  foal__sim_tell(&entry);
}
