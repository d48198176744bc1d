/* timer.c - a hierarchical wheel per worker: five levels of 64 slots, one millisecond
 * a tick.
 *
 * Arming and stopping touch one list. Turning jumps from occupied slot to occupied
 * slot by the bitmaps, so a long sleep costs no more than a short one. Everything here
 * belongs to one worker; there is nothing shared. */
#include "timer.h"

#include "actor.h"
#include "impl/assert.h"
#include "impl/mailbox.h"
#include "impl/pool.h"
#include "impl/timer_node.h"

enum { BITS = 6, MASK = FOAL__WHEEL_SLOTS - 1, ID_WORKER_SHIFT = 48 };

#define SPAN_MAX (UINT64_C(1) << (BITS * FOAL__WHEEL_LEVELS))

/* ---- the wheel ---- */

static void link_in(foal__wheel *wheel, foal__alarm *alarm)
{
  uint64_t due = alarm->due_ms > wheel->now_ms ? alarm->due_ms : wheel->now_ms + 1;
  uint64_t delta = due - wheel->now_ms;
  if (delta >= SPAN_MAX)
    due = wheel->now_ms + SPAN_MAX - 1; /* comes round again from there */
  int level = 0;
  while (level < FOAL__WHEEL_LEVELS - 1 && delta >= UINT64_C(1) << (BITS * (level + 1)))
    level++;
  uint32_t slot = (uint32_t)(due >> (BITS * level)) & MASK;
  foal__alarm **head = &wheel->slots[level][slot];
  alarm->next = *head;
  alarm->link = head;
  if (alarm->next != NULL) alarm->next->link = &alarm->next;
  *head = alarm;
  wheel->occupied[level] |= UINT64_C(1) << slot;
}

static void link_out(foal__wheel *wheel, foal__alarm *alarm)
{
  foal_debug_assert(alarm->link != NULL && *alarm->link == alarm);
  *alarm->link = alarm->next;
  if (alarm->next != NULL) alarm->next->link = alarm->link;
  foal__alarm **first = &wheel->slots[0][0];
  if (alarm->next == NULL && alarm->link >= first &&
      alarm->link < first + FOAL__WHEEL_LEVELS * FOAL__WHEEL_SLOTS) {
    size_t at = (size_t)(alarm->link - first);
    wheel->occupied[at / FOAL__WHEEL_SLOTS] &= ~(UINT64_C(1) << at % FOAL__WHEEL_SLOTS);
  }
  alarm->next = NULL;
  alarm->link = NULL;
}

/* The next tick after now at which a slot of this level comes up; UINT64_MAX: none
 * does. */
static uint64_t next_tick(const foal__wheel *wheel, int level)
{
  if (wheel->occupied[level] == 0) return UINT64_MAX;
  uint64_t at = wheel->now_ms >> (BITS * level);
  uint32_t shift = (uint32_t)(at + 1) & MASK;
  uint64_t bits = wheel->occupied[level];
  if (shift != 0) bits = bits >> shift | bits << (FOAL__WHEEL_SLOTS - shift);
  return (at + 1 + (uint64_t)__builtin_ctzll(bits)) << (BITS * level);
}

static uint64_t next_event(const foal__wheel *wheel)
{
  uint64_t soonest = UINT64_MAX;
  for (int level = 0; level < FOAL__WHEEL_LEVELS; level++) {
    uint64_t tick = next_tick(wheel, level);
    if (tick < soonest) soonest = tick;
  }
  return soonest;
}

uint64_t foal__wheel_wait_ms(const foal__worker *w)
{
  uint64_t at = next_event(&w->wheel);
  if (at == UINT64_MAX) return UINT64_MAX;
  uint64_t now = w->now_ns / 1000000;
  return at > now ? at - now : 0;
}

static bool send_empty(foal_tag to, const foal_behaviour *behaviour)
{
  void *args = foal__message(behaviour);
  if (args == NULL) return false;
  foal__post_control(to, args);
  return true;
}

static void expired_run(void *self, foal_msg *m);
static const foal_behaviour expired = {expired_run, NULL, "foal", "timer", false};

static bool fire(const foal__alarm *alarm)
{
  if (alarm->fired != &expired) return send_empty(alarm->to, alarm->fired);
  foal__timer *t = (foal__timer *)(uintptr_t)alarm; /* the alarm is its first member */
  foal_timer *args = foal__message(&expired);
  if (args == NULL) return false;
  *args = (foal_timer){t, t->id};
  foal__post_control(alarm->to, args);
  return true;
}

/* Empties a slot that has come up: what is due fires, the rest moves to a finer level. */
static void empty_slot(foal__worker *w, int level)
{
  foal__wheel *wheel = &w->wheel;
  uint32_t slot = (uint32_t)(wheel->now_ms >> (BITS * level)) & MASK;
  foal__alarm *list = wheel->slots[level][slot];
  wheel->slots[level][slot] = NULL;
  wheel->occupied[level] &= ~(UINT64_C(1) << slot);
  while (list != NULL) {
    foal__alarm *alarm = list;
    list = alarm->next;
    alarm->next = NULL;
    alarm->link = NULL;
    if (alarm->due_ms <= wheel->now_ms && fire(alarm)) {
      wheel->count--;
    } else {
      link_in(wheel,
              alarm); /* not yet; or no memory, which may be better in a millisecond */
    }
  }
}

void foal__wheel_turn(foal__worker *w, uint64_t now_ms)
{
  foal__wheel *wheel = &w->wheel;
  while (wheel->now_ms < now_ms) {
    uint64_t at = next_event(wheel);
    if (at > now_ms) {
      wheel->now_ms = now_ms;
      return;
    }
    foal_debug_assert(at > wheel->now_ms);
    wheel->now_ms = at;
    for (int level = FOAL__WHEEL_LEVELS - 1; level >= 0; level--) {
      /* A slot of a level comes up when all finer digits are zero. */
      if ((at & ((UINT64_C(1) << (BITS * level)) - 1)) == 0) empty_slot(w, level);
    }
  }
}

/* ---- alarms ---- */

void foal__alarm_set(foal__alarm *alarm, foal_tag to, const foal_behaviour *fired,
                     uint64_t delay_ms)
{
  foal__worker *w = foal__self;
  foal_assert(w != NULL && alarm != NULL && fired != NULL);
  if (alarm->link != NULL) {
    link_out(&w->wheel, alarm);
    w->wheel.count--;
  }
  if (delay_ms > FOAL_TIMER_MS_MAX) delay_ms = FOAL_TIMER_MS_MAX;
  /* Rounded up by the part of a millisecond that has passed: never early. */
  alarm->due_ms = w->now_ns / 1000000 + delay_ms + 1;
  alarm->to = to;
  alarm->fired = fired;
  link_in(&w->wheel, alarm);
  if (w->wheel.count++ > 0) return;
  w->busy = true; /* at once, not when the loop is polled next */
  w->look_mask = 0;
}

void foal__alarm_stop(foal__alarm *alarm)
{
  foal_assert(alarm != NULL);
  if (alarm->link == NULL) return;
  link_out(&foal__self->wheel, alarm);
  foal__self->wheel.count--;
}

/* ---- timers of the public API ---- */

static void unlist(foal__timer *t)
{
  foal_debug_assert(t->link != NULL);
  *t->link = t->next;
  if (t->next != NULL) t->next->link = t->link;
  t->link = NULL;
  t->next = NULL;
}

static void finish(foal__worker *w, foal__timer *t)
{
  foal__alarm_stop(&t->alarm);
  unlist(t);
  t->id = 0;
  foal__timer_give(w, t);
  foal__bump(w, FOAL__C_timers_live, -1);
  foal_release();
}

/* The wheel sends `expired` with the number, not the user's behaviour: between the
 * expiry and the turn the actor may still cancel. */
static void expired_run(void *self, foal_msg *m)
{
  foal__worker *w = foal__self;
  foal_timer fired = *(foal_timer *)foal__args(m);
  foal__timer *t = fired.node_;
  if (t->id != fired.id_) {
    foal__message_done(m);
    return;
  }
  const foal_behaviour *behaviour = t->behaviour;
  finish(w, t);
  w->behaviour = behaviour;
  foal__message_done(m); /* without arguments nothing is copied out of it */
  behaviour->run(self, m);
}

foal_timer foal__timer_arm(const void *self, const foal_behaviour *fired,
                           uint64_t delay_ms)
{
  foal__worker *w = foal__self;
  foal_tag to = foal__self_tag(self);
  foal_actor *x = w->current;
  foal__timer *t = foal__timer_take(w);
  if (t == NULL) {
    (void)send_empty(to, fired);
    return (foal_timer){NULL, 0};
  }
  w->now_ns = foal__clock_ns(); /* a long turn must not make it early */
  foal_hold();
  foal__bump(w, FOAL__C_timers_live, 1);
  t->id = (uint64_t)w->id << ID_WORKER_SHIFT | ++w->next_timer_id;
  t->behaviour = fired;
  t->next = x->timers;
  t->link = &x->timers;
  if (t->next != NULL) t->next->link = &t->next;
  x->timers = t;
  foal__alarm_set(&t->alarm, to, &expired, delay_ms);
  return (foal_timer){t, t->id};
}

bool foal_timer_cancel(foal_timer timer)
{
  foal__worker *w = foal__self;
  foal__timer *t = timer.node_;
  foal_assert(w != NULL && w->current != NULL);
  if (t == NULL) return false;
  /* Numbers name their worker and are used once, nodes are type-stable: a stale handle
   * is safe to look at here and never matches. */
  if (timer.id_ >> ID_WORKER_SHIFT != w->id || t->id != timer.id_) return false;
  foal_assert(foal_tag_equal(t->alarm.to, foal__self_tag(w->current->state)));
  finish(w, t);
  return true;
}

void foal__timers_cancel(foal__worker *w, foal_actor *x)
{
  while (x->timers != NULL) finish(w, x->timers);
}
