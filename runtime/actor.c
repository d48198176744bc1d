/* actor.c - spawning, sending, ending, watching: the public side of a slot. */
#include "actor.h"

#include "impl/assert.h"
#include "impl/buf_head.h"
#include "impl/guest.h"
#include "impl/mailbox.h"
#include "impl/pool.h"
#include "impl/timer_node.h"
#include "log.h"
#include "sched.h"

#include <string.h>

/* ---- spawning ---- */

static bool spawn(foal_tag *out, const foal_type *type, size_t head_bytes,
                  uint32_t worker, unsigned flags)
{
  foal__worker *w = foal__self;
  foal_assert(out != NULL && type != NULL);
  foal_assert(w != NULL); /* only workers, and the main thread before foal_run */
  if (w->leaving) {
    foal_log(FOAL_LOG_INFO, "the program ends: actor '%s' was not made", type->name);
    return false;
  }
  foal_actor *x = foal__slot_take(w, head_bytes + type->size);
  if (x == NULL) {
    foal_log(FOAL_LOG_ERROR, "out of memory: actor '%s' was not made", type->name);
    return false;
  }
  x->type = type;
  x->state = (char *)x->state + head_bytes;
  x->id = ++w->next_actor_id;
  x->why = FOAL_OK;
  x->drain = 0;
  x->dear = 0;
  x->pulls = 0;
  /* Not the same for all: two actors must not change places for ever. */
  w->rng = w->rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  x->pull_at = (uint8_t)(3 + (w->rng >> 60));
  x->pull_to = FOAL__NO_WORKER;
  if ((flags & FOAL_SPAWN_PINNED_) != 0) x->flags |= FOAL__PINNED;
  foal__bump(w, FOAL__C_actors_spawned, 1);
  foal__bump(w, FOAL__C_actors_live, 1);
  *out = (foal_tag){x, x->generation};
  foal__probe_spawned(w, x);
  if ((flags & FOAL_SPAWN_ON_) != 0 && worker != w->id) {
    foal_assert(worker < foal__rt.workers);
    foal_debug_assert(!x->scheduled);
    x->scheduled = 1;
    foal__hand_over(x, worker);
  }
  return true;
}

bool foal__spawn(foal_tag *out, const foal_type *type, unsigned flags, uint32_t worker)
{
  return spawn(out, type, 0, worker, flags);
}

bool foal__spawn_headed(foal_tag *out, const foal_type *type, size_t head_bytes,
                        uint32_t worker, unsigned flags)
{
  foal_assert(head_bytes % 16 == 0);
  return spawn(out, type, head_bytes, worker, flags);
}

void *foal__fresh_state(foal_tag who)
{
  foal_actor *x = who.slot_;
  foal_assert(foal__self != NULL && x != NULL && x->generation == who.generation_);
  /* Nothing was sent to it, so this is still its first worker and no turn has begun. */
  foal_assert(!x->scheduled && x->head == NULL);
  return x->state;
}

void *foal__resting_state(foal_tag who)
{
  foal_actor *x = who.slot_;
  foal_assert(foal__self != NULL && x != NULL);
  /* Acquire: as in foal__send, before private fields are touched. */
  if (foal__load(&x->owner, acquire) != foal__self->id) return NULL;
  if (x->scheduled || foal__load(&x->inbox, relaxed) != FOAL__IDLE) return NULL;
  return x->generation == who.generation_ ? x->state : NULL;
}

void foal__set_late(foal_tag who, bool late)
{
  foal__worker *w = foal__self;
  foal_actor *x = who.slot_;
  foal_assert(w != NULL && x != NULL && x->generation == who.generation_);
  foal_assert(x == w->current || !x->scheduled); /* nobody else would see it in time */
  x->flags = (uint8_t)(late ? x->flags | FOAL__LATE : x->flags & ~FOAL__LATE);
}

/* ---- sending ---- */

/* Out of line, so that the usual way saves no register. */
__attribute__((noinline)) static void *message_seldom(foal__worker *w,
                                                      const foal_behaviour *behaviour)
{
  foal_msg *m = w != NULL ? foal__msg_take(w) : foal__loose_message();
  if (m == NULL) {
    if (w != NULL) foal__bump(w, FOAL__C_messages_lost, 1);
    foal_log(FOAL_LOG_ERROR, "out of memory: message '%s.%s' is lost", behaviour->actor,
             behaviour->name);
    return NULL;
  }
  m->behaviour_ = behaviour;
  return m + 1;
}

FOAL__INLINED void *foal__message(const foal_behaviour *behaviour)
{
  foal__worker *w = foal__self;
  if (__builtin_expect(w == NULL || w->pool.messages == NULL, 0))
    return message_seldom(w, behaviour);
  foal_msg *m = foal__msg_take(w);
  m->behaviour_ = behaviour;
  return m + 1;
}

FOAL__INLINED void foal__message_done(foal_msg *m)
{
  foal_debug_assert(m->class_ == FOAL__MSG_CLASS);
  foal__msg_give(foal__self, m);
}

/* To nobody, or from a thread that is no worker. */
__attribute__((noinline)) static void post_seldom(foal_tag to, foal_msg *m)
{
  foal__worker *w = foal__self;
  bool guest = w == NULL && foal__guest_enter();
  if (to.slot_ != NULL && guest) {
    /* Messages of workers may pile up on this one, for which nobody has been notified
     * yet: until then it is not over, even if the thread has no hold of its own. */
    foal_hold();
    foal__send_control(w, to.slot_, m);
    foal_release();
  } else {
    if (w != NULL) foal__bump(w, FOAL__C_messages_dropped, 1);
    foal__msg_drop(w, m);
  }
  if (guest) foal__guest_leave();
}

static inline void post(foal_tag to, foal_msg *m)
{
  foal__worker *w = foal__self;
  m->generation_ = to.generation_;
  if (__builtin_expect(w != NULL && to.slot_ != NULL, 1)) {
    foal__send(w, to.slot_, m);
  } else {
    post_seldom(to, m);
  }
}

FOAL__INLINED void foal__post_args(foal_tag to, void *args)
{
  post(to, (foal_msg *)args - 1);
}

void foal__post_control(foal_tag to, void *args)
{
  foal_msg *m = (foal_msg *)args - 1;
  m->generation_ = to.generation_;
  if (foal__self != NULL && to.slot_ != NULL) {
    foal__send_control(foal__self, to.slot_, m);
  } else {
    post_seldom(to, m);
  }
}

FOAL_TRUSTED void foal__post_buf(foal_tag to, const foal_behaviour *behaviour,
                                 foal_buf **b)
{
  foal_assert(b != NULL && *b != NULL);
  foal_buf *sent = *b;
  *b = NULL;
  foal__buf_depart(sent);
  sent->msg.behaviour_ = behaviour;
  post(to, &sent->msg);
}

/* ---- tags ---- */

bool foal_tag_is_nobody(foal_tag tag)
{
  return tag.slot_ == NULL;
}

bool foal_tag_equal(foal_tag a, foal_tag b)
{
  return a.slot_ == b.slot_ && a.generation_ == b.generation_;
}

foal_tag foal__self_tag(const void *self)
{
  foal__worker *w = foal__self;
  foal_assert(w != NULL && w->current != NULL);
  foal_assert(w->current->state == self); /* only an actor itself knows its own tag */
  return (foal_tag){w->current, w->current->generation};
}

void *foal__self_state(void)
{
  foal__worker *w = foal__self;
  foal_assert(w != NULL && w->current != NULL);
  return w->current->state;
}

foal_err foal__ending_why(void)
{
  foal__worker *w = foal__self;
  foal_assert(w != NULL && w->current != NULL);
  return (foal_err)w->current->why;
}

void foal__at_turn_end(void (*flush)(void *self))
{
  foal__worker *w = foal__self;
  foal_assert(w != NULL && w->current != NULL);
  foal_assert(w->flush == NULL || w->flush == flush);
  w->flush = flush;
  w->yield |= FOAL__TURN_FLUSH;
}

/* ---- ending ---- */

void foal_actor_end(foal_err why)
{
  foal__worker *w = foal__self;
  foal_assert(w != NULL && w->current != NULL);
  foal_assert((unsigned)why < FOAL_ERR_COUNT);
  if ((w->current->flags & FOAL__ENDING) != 0) return;
  w->current->flags |= FOAL__ENDING;
  w->current->why = (uint8_t)why;
  w->yield |= FOAL__YIELD_END;
}

FOAL_TRUSTED static void end_run(void *self, foal_msg *m)
{
  foal_err why = *(foal_err *)foal__args(m);
  (void)self;
  foal__message_done(m);
  foal_actor_end(why);
}
static const foal_behaviour end_behaviour = {end_run, NULL, "foal", "end", false};

void foal_actor_tell_end(foal_tag who, foal_err why)
{
  foal_assert((unsigned)why < FOAL_ERR_COUNT);
  foal_err *args = foal__message(&end_behaviour);
  if (args == NULL) return;
  *args = why;
  foal__post_control(who, args);
}

static void tell_down(foal_tag watcher, const foal_behaviour *down, foal_tag who,
                      foal_err why)
{
  struct {
    foal_tag who;
    foal_err why;
  } *args =
      foal__message(down); /* laid out as FOAL_BEHAVIOUR2(T, down, ...) lays it out */
  if (args == NULL) return;
  args->who = who;
  args->why = why;
  foal__post_control(watcher, args);
}

void foal__end(foal__worker *w, foal_actor *x, foal_err why)
{
  foal_tag who = {x, x->generation};
  const foal_type *type = x->type;
  foal_assert(type != NULL && foal__load(&x->owner, relaxed) == w->id);
  foal__probe_ended(w, x, why);
  if (type->end != NULL) type->end(x->state);
  w->flush = NULL;
  foal__timers_cancel(w, x);
  while (x->watchers != NULL) {
    foal__watcher *node = x->watchers;
    x->watchers = node->next;
    tell_down(node->who, node->down, who, why);
    foal__message_done((foal_msg *)(void *)node - 1);
  }
  if ((x->flags & FOAL__OWN_STATE) != 0) foal__state_free(x);
  x->flags &= (uint8_t) ~(FOAL__ENDING | FOAL__OWN_STATE | FOAL__PINNED | FOAL__LATE);
  x->type = NULL;
  x->state = NULL;
  /* A tag that was valid a moment ago is stale from here on, for ever: a slot that has
   * used up its numbers is not reused. */
  if (++x->generation == UINT32_MAX) x->flags |= FOAL__RETIRED;
  foal__bump(w, FOAL__C_actors_live, -1);
}

/* ---- watching ---- */

typedef struct watch_args {
  foal_tag who, watcher;
  const foal_behaviour *down;
} watch_args;
FOAL_FITS_(watch_args, FOAL_ARGS_BYTES_MAX);
_Static_assert(sizeof(foal__watcher) <= FOAL_ARGS_BYTES_MAX,
               "a watcher lives in a message");

static void watch_run(void *self, foal_msg *m)
{
  (void)self;
  watch_args args = *(watch_args *)foal__args(m);
  foal__watcher *node = foal__args(m); /* the message becomes the entry */
  foal_actor *x = foal__self->current;
  *node = (foal__watcher){x->watchers, args.watcher, args.down};
  x->watchers = node;
}

static void watch_drop(foal_msg *m)
{
  watch_args args = *(watch_args *)foal__args(m);
  tell_down(args.watcher, args.down, args.who, FOAL_GONE);
}
static const foal_behaviour watch_behaviour = {watch_run, watch_drop, "foal", "watch",
                                               false};

void foal__watch(foal_tag who, foal_tag watcher, const foal_behaviour *down)
{
  watch_args *args = foal__message(&watch_behaviour);
  foal_assert(down != NULL);
  if (args == NULL) return;
  *args = (watch_args){who, watcher, down};
  foal__post_control(who, args);
}
