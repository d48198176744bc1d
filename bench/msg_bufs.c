/* msg_bufs.c - benchmarks that move buffers.
 *
 *   iso-1k, iso-64k              one buffer goes back and forth between two actors
 *   iso-fresh-1k, iso-fresh-64k  a producer makes buffers, a consumer drops them; at
 *                                most 16 are on their way: what the pools are for
 *
 * The bytes are not touched: this is the price of handing over, whatever the size.
 * Apart: the two sides are pinned to different workers, so each buffer crosses and comes
 * home. */
#include "messages.h"

enum { KIB = 1024, WINDOW = 16 };

/* ---- hand-over ---- */

typedef struct catcher catcher;
FOAL_TAG(catcher)

struct catcher {
  catcher_tag other;
  judge_tag judge;
  uint64_t left;
};

FOAL_ACTOR(catcher)
FOAL_BEHAVIOUR3(catcher, meet, catcher_tag, other, judge_tag, judge, uint64_t, left)
FOAL_BEHAVIOUR_ISO(catcher, take)

static void catcher_on_meet(catcher *self, catcher_tag other, judge_tag judge,
                            uint64_t left)
{
  *self = (catcher){other, judge, left};
}

static void catcher_on_take(catcher *self, foal_buf **b)
{
  if (self->left-- > 0) {
    catcher_take(self->other, b);
    return;
  }
  foal_buf_drop(b);
  judge_finished(self->judge, msg_now_ns(), 0);
  foal_actor_tell_end(self->other.any, FOAL_ENDED);
  foal_actor_end(FOAL_ENDED);
}

FOAL_TURN static bool throw_it(const msg_round *round, size_t bytes)
{
  catcher_tag a, b;
  foal_buf *buf;
  if (round->apart) {
    if (!catcher_spawn_pinned(&a, 0) || !catcher_spawn_pinned(&b, 1)) return false;
  } else if (!catcher_spawn(&a) || !catcher_spawn(&b)) {
    return false;
  }
  if (!foal_buf_new(&buf, bytes)) return false;
  foal_buf_extend(buf, bytes);
  catcher_meet(a, b, round->judge, round->ops / 2);
  catcher_meet(b, a, round->judge, round->ops / 2);
  msg_start_clock();
  catcher_take(a, &buf);
  return true;
}

static uint64_t even(uint64_t ops)
{
  return ops & ~(uint64_t)1;
}

/* ---- fresh ones ---- */

FOAL_TAG(source)
FOAL_SEND0(source, more)

typedef struct sink {
  source_tag from;
  uint64_t taken;
} sink;

FOAL_TAG(sink)
FOAL_ACTOR(sink)
FOAL_BEHAVIOUR1(sink, set, source_tag, from)
FOAL_BEHAVIOUR_ISO(sink, take)

static void sink_on_set(sink *self, source_tag from)
{
  self->from = from;
}

static void sink_on_take(sink *self, foal_buf **b)
{
  foal_buf_drop(b);
  if (++self->taken % WINDOW == 0) source_more(self->from);
}

typedef struct source {
  sink_tag to;
  judge_tag judge;
  uint64_t left;
  size_t bytes;
} source;

FOAL_ACTOR(source)
FOAL_BEHAVIOUR3(source, set, sink_tag, to, judge_tag, judge, uint64_t, count)
FOAL_BEHAVIOUR1(source, size, uint64_t, bytes)
FOAL_HANDLE0(source, more)

static void source_on_set(source *self, sink_tag to, judge_tag judge, uint64_t count)
{
  *self = (source){to, judge, count, 0};
}

static void source_on_size(source *self, uint64_t bytes)
{
  self->bytes = bytes;
}

static void source_on_more(source *self)
{
  if (self->left == 0) {
    judge_finished(self->judge, msg_now_ns(), 0);
    foal_actor_tell_end(self->to.any, FOAL_ENDED);
    foal_actor_end(FOAL_ENDED);
    return;
  }
  for (int i = 0; i < WINDOW; i++) {
    foal_buf *b;
    if (!foal_buf_new(&b, self->bytes)) msg_fail("no memory for a buffer");
    sink_take(self->to, &b);
  }
  self->left -= WINDOW;
}

FOAL_TURN static bool pour(const msg_round *round, size_t bytes)
{
  source_tag from;
  sink_tag to;
  if (!(round->apart ? source_spawn_pinned(&from, 0) : source_spawn(&from))) return false;
  if (!(round->apart ? sink_spawn_pinned(&to, 1) : sink_spawn(&to))) return false;
  source_set(from, to, round->judge, round->ops);
  source_size(from, bytes);
  sink_set(to, from);
  msg_start_clock();
  source_more(from);
  return true;
}

static uint64_t windows(uint64_t ops)
{
  return ops < WINDOW ? WINDOW : ops - ops % WINDOW;
}

/* ---- sizes ---- */

FOAL_TURN static bool iso_1k(const msg_round *round)
{
  return throw_it(round, KIB);
}

FOAL_TURN static bool iso_64k(const msg_round *round)
{
  return throw_it(round, 64 * KIB);
}

FOAL_TURN static bool fresh_1k(const msg_round *round)
{
  return pour(round, KIB);
}

FOAL_TURN static bool fresh_64k(const msg_round *round)
{
  return pour(round, 64 * KIB);
}

const msg_bench msg_bufs[] = {
    {.name = "iso-1k",
     .unit = "buffer",
     .begin = iso_1k,
     .round_ops = even,
     .ops_first = 10000,
     .places = "1,2,apart"},
    {.name = "iso-64k",
     .unit = "buffer",
     .begin = iso_64k,
     .round_ops = even,
     .ops_first = 10000,
     .places = "1,2,apart"},
    {.name = "iso-fresh-1k",
     .unit = "buffer",
     .begin = fresh_1k,
     .round_ops = windows,
     .ops_first = 10000,
     .places = "1,2,apart"},
    {.name = "iso-fresh-64k",
     .unit = "buffer",
     .begin = fresh_64k,
     .round_ops = windows,
     .ops_first = 10000,
     .places = "1,2,apart"},
    {0},
};
