/* turn.c - one turn of one actor: a batch of messages, bounded by count and by time.
 *
 * A batch ends after batch_messages (or as many as were waiting, up to LONG_BATCH: a
 * consumer that lags must catch up), after batch_us, when the worker's backlog has
 * outgrown the cache, when the actor's receiver is overloaded (mute), or when the
 * actor ended. The clock is read after 2, 3, 6, 12 ... messages, more seldom while they
 * are quick, so a turn of one message or two never reads it; with sockets or timers on
 * this worker, after the first one too.
 *
 * Muting. The depth of a mailbox travels in the word the sender swings, so the
 * overload is known with the push itself. The muted sender registers with the receiver
 * and then sends it an empty control message: whatever happens in between, the
 * receiver has a turn after the registration, and every turn ends with a look at the
 * waiters, but for those of one message with nothing left behind it: they cannot be the
 * ones that bring a mailbox down to mailbox_low. That replaces the usual
 * register-then-recheck by the guarantee messages already give.
 *
 * An actor that somebody waits for does not sleep: it looks at its own waiters after
 * it has registered, and when there are any it wakes all that wait where it waits,
 * itself included. So of a circle of full mailboxes the last one to register opens it
 * again. Both the lost wake-up and the closed circle are what tests/model/mute.pml
 * looks for. */
#include "mailbox.h"
#include "pool.h"

enum {
  LONG_BATCH = 4096,
  SHORT_TURN = 2, /* messages without a look at the clock; one where others wait for it */
  STEP = 2,       /* the next look is after so many times the messages */
  HASTY_STEP = 8, /* as long as they have taken less than */
  HASTE = 64,     /* a 64th of the time there is */
};

/* Makes the receiver look at its waiters at the end of a turn. */
static void look_run(void *self, foal_msg *m)
{
  (void)self;
  foal__message_done(m);
}
static const foal_behaviour look = {look_run, NULL, "foal", "look", false};

static void mute(foal__worker *w, foal_actor *x)
{
  foal_actor *on = w->mute_on;
  foal_msg *m = foal__msg_take(w);
  foal_debug_assert(on != NULL && on != x);
  if (m ==
      NULL) { /* no memory for the look: better an overfull mailbox than a lost actor */
    foal__enqueue(w, x);
    return;
  }
  m->behaviour_ = &look;
  m->generation_ = 0; /* nobody's: the slot gets its turn, the message is dropped */
  foal__bump(w, FOAL__C_mutes, 1);
  x->flags |= FOAL__MUTED;
  if (w->measured == x) w->measured = NULL;
  foal_actor *top = foal__load(&on->waiters, relaxed);
  do {
    x->travel_next = top;
    /* Pairs with the acquire exchange in foal__wake_waiters. From here on x belongs to
     * its waker. */
  } while (!foal__cas(&on->waiters, &top, x, seq_cst));
  foal__send_control(w, on, m);
  /* Seq_cst, both: of two that register with each other one sees the other. The slot
   * is not ours any more, but its memory stays and this word is for everybody. */
  if (foal__load(&x->waiters, seq_cst) != NULL) foal__wake_waiters(w, on);
}

static void run_flush(foal__worker *w, foal_actor *x)
{
  void (*flush)(void *) = w->flush;
  w->flush = NULL;
  flush(x->state);
  foal_debug_assert(w->flush == NULL);
}

/* The behaviour that has just run asked for the end of its actor. */
static void end_now(foal__worker *w, foal_actor *x)
{
  if (w->flush != NULL) run_flush(w, x);
  foal__end(w, x, (foal_err)x->why);
  w->yield &= ~(uint32_t)FOAL__YIELD_END;
}

/* Takes the first message off the local FIFO. */
static inline void dequeue(foal_actor *x, foal_msg *m)
{
  foal_msg *next = m->next_;
  x->head = next;
  x->end = next != NULL ? x->end : &x->head; /* often nobody can predict it: no branch */
  x->queued--;
}

/* The node belongs to another worker, who may use it again at once. */
__attribute__((noinline)) static void run_guest(foal__worker *w, foal_actor *x,
                                                foal_msg *m)
{
  alignas(foal_msg) char copy[FOAL_MSG_BYTES];
  const foal_behaviour *b = m->behaviour_;
  memcpy(copy, m, sizeof copy);
  foal__node_return(w, m);
  b->run(x->state, (foal_msg *)(void *)copy);
}

/* The node is free before the behaviour runs, so that its first message takes it. */
static inline void run(foal__worker *w, foal_actor *x, foal_msg *m)
{
  const foal_behaviour *b = m->behaviour_;
  w->behaviour = b;
  foal__probe_run(w, x, m);
  if (b->copies) {
    if (__builtin_expect(foal__mark(m) != w->mark, 0)) {
      run_guest(w, x, m);
      return;
    }
    foal__msg_keep(w, m);
  }
  b->run(x->state, m);
}

/* As dequeue, for one of many: run_batch writes where the queue begins and how long it
 * is when it looks at the clock or stops. What a message costs is above all what it
 * stores. */
static inline foal_msg *dequeue_early(foal_actor *x, foal_msg *m)
{
  foal_msg *next = m->next_;
  if (__builtin_expect(next == NULL, 0)) {
    x->head = NULL;
    x->end = &x->head;
  }
  return next;
}

/* Returns the next message, if there is one. */
static inline foal_msg *run_one(foal__worker *w, foal_actor *x, foal_msg *m)
{
  foal_msg *next = dequeue_early(x, m);
  if (__builtin_expect(m->generation_ != x->generation, 0)) {
    if (m->generation_ != 0) foal__bump(w, FOAL__C_messages_dropped, 1);
    /* Counted with its batch, but no behaviour runs. */
    foal__bump(w, FOAL__C_messages, -1);
    w->entered--;
    foal__msg_drop(w, m);
  } else {
    run(w, x, m);
  }
  /* Only behind the last one can there be new ones in front. Not read from the slot, the
   * next one does not have to wait until this one is written there. */
  return __builtin_expect(next != NULL, 1) ? next : x->head;
}

/* Whether the turn must end after the behaviour that has just run. */
static inline bool yields(foal__worker *w, foal_actor *x)
{
  if (__builtin_expect((w->yield & FOAL__YIELDS) == 0, 1)) return false;
  if ((w->yield & FOAL__YIELD_END) != 0) end_now(w, x);
  return (w->yield & FOAL__YIELDS) != 0;
}

/* Whether what this worker has to do no longer fits the cache; `handled`: so many of all
 * that ever came in. Only who has just sent something must stop for it. */
static inline bool swells(const foal__worker *w, int64_t handled)
{
  return w->entered - handled >= FOAL__BACKLOG;
}

/* Runs messages until the local FIFO is empty or the batch is over; returns how many. */
static uint32_t run_batch(foal__worker *w, foal_actor *x, uint32_t count, uint32_t limit)
{
  foal_msg *m = x->head;
  if (m == NULL || count >= limit) return count;
  int64_t handled = foal__load(&w->counters[FOAL__C_messages], relaxed);
  int64_t entered = w->entered;
  uint64_t began = foal__clock_cycles();
  /* On a busy worker the clock was read just before the turn. */
  if (count > 0 && w->busy && began - w->looked > foal__rt.batch_cycles) return count;
  uint32_t until = count + 1;
  for (;;) {
    uint32_t before = count;
    bool stop;
    do {
      m = run_one(w, x, m);
      count++;
      stop = yields(w, x) || (w->entered > entered && swells(w, handled + count));
      entered = w->entered;
    } while (!stop && m != NULL && count < until);
    if (m != NULL) x->head = m;
    x->queued -= count - before;
    if (stop || m == NULL || count >= limit) return count;
    uint64_t cycles = foal__clock_cycles() - began;
    if (cycles > foal__rt.batch_cycles) return count;
    until = count * (cycles < foal__rt.batch_cycles / HASTE ? HASTY_STEP : STEP);
    if (until > limit) until = limit;
  }
}

/* Nothing is left in the local FIFO: may the slot go idle? false: there is more in the
 * inbox. */
static bool rest(foal__worker *w, foal_actor *x)
{
  uintptr_t word = foal__load(&x->inbox, relaxed);
  if (foal__inbox_has_mail(word)) {
    foal__inbox_take(w, x);
    return false;
  }
  if (word == FOAL__IDLE) return true;
  /* Without the notification it is still to come, and brings a turn; the depth that an
   * earlier overload may have left is forgotten. */
  uintptr_t to = x->notified ? FOAL__IDLE : 0;
  if (word == to) return true;
  /* Acq_rel: the next sender that sees IDLE comes after this turn; pairs with its
   * push. */
  if (!foal__cas_strong(&x->inbox, &word, to, acq_rel)) return rest(w, x);
  x->notified = 0;
  return true;
}

static void settle(foal__worker *w, foal_actor *x)
{
  x->scheduled = 0;
  if (x->type != NULL) return;
  if (x->home == w->id) {
    foal__slot_give(w, x);
  } else {
    x->scheduled = 1; /* nobody lives here any more: the slot goes home */
    foal__hand_over(x, x->home);
  }
}

static bool may_mute(const foal__worker *w, const foal_actor *x)
{
  /* The second look, in mute(), is the one that counts; this one saves the way there. */
  return (w->yield & FOAL__YIELD_MUTE) != 0 && x->type != NULL &&
         foal__load(&x->waiters, relaxed) == NULL;
}

/* What becomes of the slot after its batch. */
static void dispose(foal__worker *w, foal_actor *x)
{
  if (may_mute(w, x)) {
    if (!foal__follow(w, x, w->mute_on)) mute(w, x);
  } else if (x->head != NULL) {
    foal__enqueue(w, x);
  } else if (foal__pull(w, x)) {
    return;
  } else if (rest(w, x)) {
    settle(w, x);
  } else {
    foal__enqueue(w, x);
  }
}

/* The rest of a turn that found so many messages waiting and has run `count`. */
__attribute__((noinline)) static void turn_on(foal__worker *w, foal_actor *x,
                                              uint32_t waiting, uint32_t count)
{
  uint32_t limit = foal__rt.batch;
  if (waiting > limit) limit = waiting < LONG_BATCH ? waiting : LONG_BATCH;
  if ((w->yield & FOAL__YIELD_END) != 0) end_now(w, x);
  if ((w->yield & FOAL__YIELDS) == 0) count = run_batch(w, x, count, limit);
  if (w->flush != NULL) {
    run_flush(w, x);
    if ((w->yield & FOAL__YIELD_END) != 0) foal__end(w, x, (foal_err)x->why);
  }
  w->current = NULL;
  w->behaviour = NULL;
  foal__bump(w, FOAL__C_messages, count);
  if (foal__load(&x->waiters, relaxed) != NULL) foal__unmute(w, x);
  dispose(w, x);
}

/* The end of a turn that did nothing out of the ordinary: the slot rests. After a turn
 * of one message nobody can be waiting: a `look` is not one of these, and whoever was
 * not woken when it came has seen more than mailbox_low left, which is at least one. */
static inline bool settles(foal__worker *w, foal_actor *x, uint32_t count)
{
  if (count > 1 && foal__load(&x->waiters, relaxed) != NULL) return false;
  if (foal__load(&x->inbox, relaxed) != FOAL__IDLE) return false;
  foal_debug_assert(x->type != NULL && w->flush == NULL);
  x->scheduled = 0;
  w->current = NULL;
  w->behaviour = NULL;
  return true;
}

/* Most turns are of one message or two: what run_one does, without what others need. */
FOAL__INLINED void foal__turn(foal__worker *w, foal_actor *x)
{
  foal_msg *m = x->head;
  uint32_t waiting = x->queued, count = 0;
  foal_debug_assert(x->scheduled && w->current == NULL);
  w->current = x;
  w->yield = 0;
  while (m != NULL && m->generation_ == x->generation) {
    dequeue(x, m);
    run(w, x, m);
    count++;
    if (__builtin_expect(w->yield != 0, 0)) break;
    m = x->head;
    if (m == NULL && settles(w, x, count)) {
      foal__bump(w, FOAL__C_messages, count);
      return;
    }
    if (count >= (w->busy ? 1 : SHORT_TURN) || foal__rt.batch <= count) break;
  }
  turn_on(w, x, waiting, count);
}
