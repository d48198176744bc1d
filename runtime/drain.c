/* drain.c - a graceful end: everybody who asked is told, then the clock runs.
 *
 * The behaviours that mean "finish" are few (one per library actor type), so a slot
 * remembers only a number. The table belongs to the runtime, grows by compare-and-swap
 * and never shrinks. */
#include "impl/assert.h"
#include "impl/lifetime.h"
#include "impl/mailbox.h"
#include "impl/pool.h"

static uint8_t number_of(const foal_behaviour *drain)
{
  for (uint8_t i = 0; i < FOAL__DRAINS_MAX; i++) {
    const foal_behaviour *there = foal__load(&foal__rt.drains[i], acquire);
    if (there == NULL) {
      /* Acq_rel: whoever sees the entry sees the table up to it. */
      if (foal__cas_strong(&foal__rt.drains[i], &there, drain, acq_rel))
        return (uint8_t)(i + 1);
    }
    if (there == drain) return (uint8_t)(i + 1);
  }
  foal__abort(__FILE__, __LINE__, "few kinds of actors drain");
}

/* Tells the actor in this slot, if it asked; once. */
static void tell(foal_actor *x)
{
  if (x->type == NULL || x->drain == 0) return;
  const foal_behaviour *drain = foal__load(&foal__rt.drains[x->drain - 1], acquire);
  x->drain = 0;
  void *args = foal__message(drain);
  if (args != NULL) foal__post_control((foal_tag){x, x->generation}, args);
}

void foal__on_drain(foal_tag who, const foal_behaviour *drain)
{
  foal__worker *w = foal__self;
  foal_actor *x = who.slot_;
  foal_assert(w != NULL && x != NULL && drain != NULL);
  foal_assert(foal__load(&x->owner, relaxed) == w->id);
  if (x->generation != who.generation_) return;
  x->drain = number_of(drain);
  /* Whoever asks before `look` arrives is told by it, whoever asks later sees this. */
  if (foal_draining()) tell(x);
}

/* A look into a slot that another worker owns, by its owner: a message to nobody,
 * whose drop is the look. */
static void look_drop(foal_msg *m)
{
  foal_actor *x = foal__self->current;
  (void)m;
  if (x != NULL) tell(x); /* NULL: the mail of an ended program */
}
static const foal_behaviour look = {NULL, look_drop, "foal", "drain", false};

static void look_into(foal__worker *w, foal_actor *x)
{
  /* Acquire: as in foal__send. */
  if (foal__load(&x->owner, acquire) == w->id) {
    tell(x);
    return;
  }
  void *args = foal__message(&look);
  if (args != NULL) foal__post_control((foal_tag){x, 0}, args);
}

void foal__drain_begin(foal__worker *w)
{
  w->drain_seen = true;
  foal__slots_each(w, look_into);
  if (w->id == 0) foal__rt.drain_by_ns = w->now_ns + foal__rt.drain_ns;
}
