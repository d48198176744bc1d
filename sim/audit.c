/* audit.c - do the structures of the runtime fit together?
 *
 * Called between turns only: no worker and no guest is in the middle of anything. Then
 * every slot with mail has somebody who will look, every scheduled one is on exactly one
 * list, every length is what a walk counts, and whoever sleeps has nothing to do. A lost
 * wake-up, a slot on two queues or a forgotten sender is found here when it happens and
 * not only when the program stands still, or does not.
 *
 * What an audit costs grows with the slots there are, so it is skipped until as many
 * steps have passed as a part of them; the pools, which hold far more, come seldom. */
#include "impl/audit.h"
#include "impl/engine.h"
#include "impl/run.h"

#include "../runtime/impl/mailbox.h"
#include "../runtime/impl/pool.h"
#include "../runtime/impl/timer_node.h"

#include <string.h>

enum {
  SLOTS_PER_STEP = 128,
  SPACING = 4, /* looking costs about a fifth of what is looked at */
  POOLS_EVERY = 16,
  WALK_MAX = 1 << 22,
  DEPTH_MAX = 0xffff,
};

static const char *const place_names[] = {"no list", "`ready`",   "`fresh`",
                                          "`late`",  "`arrived`", "`waiters`"};

/* What the slots add up to. */
static struct {
  uint64_t next_step, passes;
  uint64_t slots, used, live, timers, muted;
  uint32_t owned[FOAL_WORKERS_MAX];
  int64_t queued[FOAL_WORKERS_MAX];
  bool ending; /* the loops are over or about to be: who sleeps does not matter */
} sum;

static int64_t counter(foal__counter which)
{
  int64_t all = 0;
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    all += foal__load(&foal__rt.worker[i].counters[which], relaxed);
  }
  return all;
}

/* ---- the lists ---- */

static void put(const foal_actor *x, foal__sim_place place, uint32_t worker,
                const foal_actor *on)
{
  foal__sim_found *f = foal__sim_found_make(x);
  if (f->place != FOAL__SIM_NOWHERE) {
    foal__sim_fail("%s is on two lists: %s and %s", foal__sim_slot_name(x),
                   place_names[f->place], place_names[place]);
  }
  f->place = place;
  f->worker = worker;
  f->on = on;
}

static void walk_ring(const foal__ring *ring, foal__sim_place place, uint32_t worker)
{
  if (foal__ring_count(ring) > ring->capacity) {
    foal__sim_fail("a run queue of worker %u holds more than it has room for", worker);
  }
  for (uint32_t at = ring->head; at != ring->tail; at++) {
    put(ring->items[at & (ring->capacity - 1)], place, worker, NULL);
  }
}

static void walk_notified(foal__worker *w)
{
  uint32_t steps = 0;
  for (foal_actor *x = foal__load(&w->notified, relaxed); x != NULL; x = x->notify_next) {
    foal__sim_found *f = foal__sim_found_make(x);
    if (f->notified || ++steps > WALK_MAX) {
      foal__sim_fail("%s is on `notified` twice", foal__sim_slot_name(x));
    }
    f->notified = true;
    if (foal__load(&x->owner, relaxed) != w->id)
      foal_sim_mark("seen_notification_chases");
  }
}

static void walk_worker(foal__worker *w)
{
  walk_ring(&w->ready, FOAL__SIM_READY, w->id);
  walk_ring(&w->fresh, FOAL__SIM_FRESH, w->id);
  walk_ring(&w->late, FOAL__SIM_LATE, w->id);
  foal_actor *x = foal__load(&w->arrived, relaxed);
  for (; x != NULL; x = x->travel_next) put(x, FOAL__SIM_ARRIVED, w->id, NULL);
  walk_notified(w);
}

static void walk_waiters(foal__worker *home, foal_actor *x)
{
  (void)home;
  sum.slots++;
  foal_actor *waiter = foal__load(&x->waiters, relaxed);
  for (; waiter != NULL; waiter = waiter->travel_next) {
    put(waiter, FOAL__SIM_WAITING, x->home, x);
    sum.muted++;
  }
}

/* ---- one slot: its mail ---- */

static void check_message(const foal_actor *x, const foal_msg *m)
{
  if (m->behaviour_ == NULL) {
    foal__sim_fail("%s holds a message without a behaviour", foal__sim_slot_name(x));
  }
  if (m->generation_ == 0 && strcmp(m->behaviour_->actor, "foal") != 0) {
    foal__sim_fail("%s holds '%s.%s', sent to nobody", foal__sim_slot_name(x),
                   m->behaviour_->actor, m->behaviour_->name);
  }
  if (m->generation_ > x->generation) {
    foal__sim_fail("%s holds '%s.%s', sent to an actor that is not made yet",
                   foal__sim_slot_name(x), m->behaviour_->actor, m->behaviour_->name);
  }
}

static void check_queue(const foal_actor *x)
{
  uint32_t count = 0;
  foal_msg *const *end = &x->head;
  for (const foal_msg *m = x->head; m != NULL && count <= x->queued; m = m->next_) {
    check_message(x, m);
    end = &m->next_;
    count++;
  }
  if (count != x->queued) {
    foal__sim_fail("%s holds %u messages or more, and `queued` says %u",
                   foal__sim_slot_name(x), count, x->queued);
  }
  if (end != x->end) {
    foal__sim_fail("the end of the queue of %s is not behind its last message",
                   foal__sim_slot_name(x));
  }
}

static void check_inbox(const foal_actor *x, uintptr_t word)
{
  uint32_t count = 0, depth = foal__inbox_depth(word);
  const foal_msg *m = foal__inbox_chain(word);
  for (; m != NULL && count < DEPTH_MAX; m = m->next_) {
    check_message(x, m);
    count++;
  }
  if (count > depth) {
    foal__sim_fail("the inbox of %s holds %u messages, its depth says %u",
                   foal__sim_slot_name(x), count, depth);
  }
}

/* Somebody looks at the inbox: exactly one promise while the word is not IDLE. */
static void check_promise(const foal_actor *x, uintptr_t word, bool told)
{
  if (word == FOAL__IDLE) {
    if (told) foal__sim_fail("%s is notified of nothing", foal__sim_slot_name(x));
    if (x->notified) {
      foal__sim_fail("%s took a notification and went idle with it",
                     foal__sim_slot_name(x));
    }
    return;
  }
  if (told == (x->notified != 0)) {
    foal__sim_fail(told ? "%s has two notifications of one departure from IDLE"
                        : "%s is not idle and nobody was told",
                   foal__sim_slot_name(x));
  }
  if (!told && !x->scheduled) {
    foal__sim_fail("%s took its notification and gets no turn%s", foal__sim_slot_name(x),
                   foal__inbox_has_mail(word) ? ": it has mail" : "");
  }
}

/* ---- one slot: its place ---- */

static void check_place(const foal_actor *x, const foal__sim_found *f)
{
  foal__sim_place place = f != NULL ? f->place : FOAL__SIM_NOWHERE;
  uint32_t owner = foal__load(&x->owner, relaxed);
  if ((place != FOAL__SIM_NOWHERE) != (x->scheduled != 0)) {
    foal__sim_fail("%s is on %s, and `scheduled` says %u", foal__sim_slot_name(x),
                   place_names[place], x->scheduled);
  }
  bool muted = (x->flags & FOAL__MUTED) != 0;
  if (place == FOAL__SIM_WAITING ? !muted : muted && place != FOAL__SIM_ARRIVED) {
    foal__sim_fail("%s is on %s, and its flags say that it is%s muted",
                   foal__sim_slot_name(x), place_names[place], muted ? "" : " not");
  }
  bool local = place == FOAL__SIM_READY || place == FOAL__SIM_FRESH ||
               place == FOAL__SIM_LATE || place == FOAL__SIM_ARRIVED;
  if (local && f->worker != owner) {
    foal__sim_fail("%s belongs to worker %u and is on %s of worker %u",
                   foal__sim_slot_name(x), owner, place_names[place], f->worker);
  }
  if (muted && place == FOAL__SIM_ARRIVED) foal_sim_mark("seen_woken_from_afar");
  if (x->carried != 0 && place != FOAL__SIM_ARRIVED) {
    foal__sim_fail("%s carries %u messages and does not travel", foal__sim_slot_name(x),
                   x->carried);
  }
  /* Those made here and given away are counted here; guests from their arrival on. */
  sum.owned[x->home]++;
  bool counted = place != FOAL__SIM_ARRIVED || muted;
  if (owner != x->home && counted) sum.owned[owner]++;
}

/* Whoever waits is looked at: the receiver has a turn to come. */
static void check_waiters(const foal_actor *x, bool told)
{
  if (foal__load(&x->waiters, relaxed) == NULL) return;
  if (!x->scheduled && !told && !sum.ending) {
    foal__sim_fail("somebody waits for %s, which gets no turn", foal__sim_slot_name(x));
  }
}

/* No circle of muted actors. */
static void check_circle(const foal_actor *x, const foal__sim_found *f)
{
  for (uint64_t steps = 0; f != NULL && f->place == FOAL__SIM_WAITING; steps++) {
    if (steps > sum.muted) {
      foal__sim_fail("%s is in a circle of actors that wait for each other",
                     foal__sim_slot_name(x));
    }
    f = foal__sim_found_look(f->on);
  }
}

/* ---- one slot: who lives there ---- */

static void check_timers(const foal_actor *x)
{
  const foal__timer *t = x->timers;
  for (uint32_t steps = 0; t != NULL; t = t->next) {
    sum.timers++;
    if (++steps > WALK_MAX || t->id == 0 || *t->link != t || t->alarm.to.slot_ != x ||
        t->alarm.to.generation_ != x->generation) {
      foal__sim_fail("%s has a timer that is not its own", foal__sim_slot_name(x));
    }
  }
}

static void check_live(const foal_actor *x)
{
  sum.live++;
  if ((x->flags & (FOAL__IN_POOL | FOAL__RETIRED)) != 0 || x->state == NULL) {
    foal__sim_fail("%s lives in a slot that counts as free", foal__sim_slot_name(x));
  }
  if ((x->flags & FOAL__ENDING) != 0 && !sum.ending) {
    foal__sim_fail("%s has ended itself and lives on", foal__sim_slot_name(x));
  }
}

static void check_dead(const foal_actor *x)
{
  if (x->state != NULL || x->watchers != NULL || x->timers != NULL) {
    foal__sim_fail("%s left something behind", foal__sim_slot_name(x));
  }
  bool kept = x->scheduled || (x->flags & (FOAL__IN_POOL | FOAL__RETIRED)) != 0;
  if (!kept && !sum.ending) {
    foal__sim_fail("%s is empty and never used again", foal__sim_slot_name(x));
  }
  if ((x->flags & FOAL__IN_POOL) != 0 && foal__load(&x->owner, relaxed) != x->home) {
    foal__sim_fail("%s is free and not at home", foal__sim_slot_name(x));
  }
}

/* Most slots are carved and not in use: nothing of them can be wrong but this. */
static bool unused(const foal_actor *x, uintptr_t word)
{
  return x->type == NULL && x->flags == FOAL__IN_POOL && word == FOAL__IDLE &&
         !x->scheduled && x->head == NULL && x->state == NULL && x->timers == NULL &&
         x->watchers == NULL && foal__load(&x->waiters, relaxed) == NULL &&
         x->notified == 0 && foal__load(&x->owner, relaxed) == x->home;
}

static void check_slot(foal__worker *home, foal_actor *x)
{
  uintptr_t word = foal__load(&x->inbox, relaxed);
  const foal__sim_found *f = foal__sim_found_look(x);
  bool told = f != NULL && f->notified;
  if (x->home != home->id || x->generation == 0) {
    foal__sim_fail("a slot of worker %u is overwritten", home->id);
  }
  if (f == NULL && unused(x, word)) {
    sum.owned[home->id]++;
    return;
  }
  if (foal__load(&x->owner, relaxed) >= foal__rt.workers) {
    foal__sim_fail("%s belongs to no worker", foal__sim_slot_name(x));
  }
  sum.used++;
  check_queue(x);
  check_inbox(x, word);
  check_promise(x, word, told);
  check_place(x, f);
  check_waiters(x, told);
  check_circle(x, f);
  if (x->head != NULL && !x->scheduled && !sum.ending) {
    foal__sim_fail("%s has mail and gets no turn", foal__sim_slot_name(x));
  }
  check_timers(x);
  if (x->type != NULL) {
    check_live(x);
  } else {
    check_dead(x);
  }
  sum.queued[foal__load(&x->owner, relaxed)] += x->queued - x->carried;
}

/* ---- one worker ---- */

static void check_parked(foal__worker *w)
{
  if (foal__load(&w->parked, relaxed) == 0 || sum.ending) return;
  const char *why = NULL;
  if (foal__load(&w->notified, relaxed) != NULL) why = "notified slots";
  if (foal__load(&w->arrived, relaxed) != NULL) why = "slots that came";
  if (foal__ring_count(&w->ready) > 0 || foal__ring_count(&w->fresh) > 0 ||
      foal__ring_count(&w->late) > 0)
    why = "slots to run";
  if (foal__load(&foal__rt.draining, relaxed) != 0 && !w->drain_seen) why = "to drain";
  if (why != NULL) foal__sim_fail("worker %u sleeps and has %s", w->id, why);
}

static void check_wheel(foal__worker *w)
{
  const foal__wheel *wheel = &w->wheel;
  size_t count = 0;
  bool short_of_memory = foal__load(&w->counters[FOAL__C_messages_lost], relaxed) > 0;
  for (int level = 0; level < FOAL__WHEEL_LEVELS; level++) {
    for (int slot = 0; slot < FOAL__WHEEL_SLOTS; slot++) {
      const foal__alarm *alarm = wheel->slots[level][slot];
      if ((alarm != NULL) != (((wheel->occupied[level] >> slot) & 1) != 0)) {
        foal__sim_fail("the wheel of worker %u does not know what it holds", w->id);
      }
      for (; alarm != NULL; alarm = alarm->next, count++) {
        if (alarm->due_ms > wheel->now_ms || short_of_memory) continue;
        foal__sim_fail("a timer of worker %u is %llu ms late", w->id,
                       (unsigned long long)(wheel->now_ms - alarm->due_ms));
      }
    }
  }
  if (count != wheel->count) {
    foal__sim_fail("the wheel of worker %u holds %zu timers and counts %zu", w->id, count,
                   wheel->count);
  }
}

static void check_worker(foal__worker *w)
{
  check_parked(w);
  if (w->wheel.count > 0) check_wheel(w);
  if (sum.owned[w->id] != w->owned || (w->owned > 0 && w->ready.capacity < w->owned)) {
    foal__sim_fail("worker %u owns %u slots, counts %u, and has room for %u", w->id,
                   sum.owned[w->id], w->owned, w->ready.capacity);
  }
  /* Going idle forgets what muted actors hold, and what was sent to one that travels
   * here: then it is less than the sum. */
  int64_t backlog = foal__backlog(w), forgotten = sum.queued[w->id] - backlog;
  bool exact = counter(FOAL__C_mutes) == 0 && foal__rt.workers == 1;
  if (sum.ending || forgotten == 0 || (forgotten > 0 && !exact)) return;
  foal__sim_fail("worker %u has %lld messages, its backlog says %lld", w->id,
                 (long long)sum.queued[w->id], (long long)backlog);
}

/* ---- all together ---- */

static void check_alive(void)
{
  if (sum.ending) return;
  uint64_t alive = foal__load(&foal__rt.alive, relaxed);
  uint64_t awake = 0;
  int64_t releases = 0;
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    foal__worker *w = &foal__rt.worker[i];
    awake += foal__load(&w->parked, relaxed) == 0;
    releases += w->releases;
  }
  if ((uint32_t)alive != awake) {
    foal__sim_fail("%llu workers are awake, `alive` says %u", (unsigned long long)awake,
                   (uint32_t)alive);
  }
  int64_t owed = releases + counter(FOAL__C_timers_live) + counter(FOAL__C_works_live);
  if ((int64_t)(alive >> 32) < owed) {
    foal__sim_fail("%lld things keep the program alive, `alive` says %llu",
                   (long long)owed, (unsigned long long)(alive >> 32));
  }
}

static void check_counters(void)
{
  if ((int64_t)sum.live != counter(FOAL__C_actors_live)) {
    foal__sim_fail("%llu actors live, the counter says %lld",
                   (unsigned long long)sum.live, (long long)counter(FOAL__C_actors_live));
  }
  if ((int64_t)sum.timers != counter(FOAL__C_timers_live)) {
    foal__sim_fail("%llu timers are armed, the counter says %lld",
                   (unsigned long long)sum.timers,
                   (long long)counter(FOAL__C_timers_live));
  }
}

static void audit(void)
{
  uint64_t passes = sum.passes, next_step = sum.next_step;
  memset(&sum, 0, sizeof sum);
  sum.next_step = next_step;
  sum.passes = passes + 1;
  sum.ending = foal__load(&foal__rt.stopping, relaxed) != 0;
  foal__sim_found_begin();
  for (uint32_t i = 0; i < foal__rt.workers; i++) walk_worker(&foal__rt.worker[i]);
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    foal__slots_each(&foal__rt.worker[i], walk_waiters);
  }
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    foal__slots_each(&foal__rt.worker[i], check_slot);
  }
  for (uint32_t i = 0; i < foal__rt.workers; i++) check_worker(&foal__rt.worker[i]);
  check_alive();
  check_counters();
}

void foal__sim_audit_now(void)
{
  if (foal__rt.worker == NULL || !foal__rt.started || foal__sim_midway() > 0) return;
  audit();
  sum.next_step =
      foal__sim_steps() + SPACING * ((uint64_t)sum.slots / SLOTS_PER_STEP + sum.used);
  if (sum.passes % POOLS_EVERY == 0) foal__sim_audit_pools();
}

void foal__sim_audit(void)
{
  if (foal__sim_steps() >= sum.next_step) foal__sim_audit_now();
}

static void gone(const char *what, int64_t left)
{
  if (left != 0) foal__sim_fail("%lld %s are left over", (long long)left, what);
}

void foal__sim_audit_end(void)
{
  foal_counters c;
  sum.next_step = 0; /* the next run begins with another count of steps */
  sum.passes = 0;
  foal_counters_read(&c);
  gone("actors", c.actors_live);
  gone("buffers", c.bufs_live);
  gone("timers", c.timers_live);
  gone("handles", c.handles_live);
  gone("pieces of work", c.works_live);
}
