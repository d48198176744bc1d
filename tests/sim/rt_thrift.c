/* rt_thrift.c - scenarios of what a program may use.
 *
 * `thrift`: two actors on two workers do the same thing over and over, with few things in
 * use at any time: isos or messages across workers, timers that are cancelled or fire,
 * buffers made in bursts. What was given back is used again, so the number of pieces of
 * memory stands still. `crowd`: more actors than a run queue begins with, all with mail
 * at once; each is heard, twice. */
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../runtime/timer.h"
#include "../../sim/impl/run.h"

#include <string.h>

enum {
  ROUNDS = 400,
  WARM = 50, /* rounds after which little grows any more */
  NOTES = 12,
  ARMS = 6,
  BURST = 40,
  BURST_EVERY = 20,
  BYTES = 60000,  /* of the largest class: the fewest of them are kept */
  BUFS_MORE = 80, /* what is kept, and what waits in outboxes, is not always the same */
  SLABS_MORE = 4,
};

typedef enum thrift_kind { ISOS, NOTES_ONLY, TIMERS, BURSTS, KINDS } thrift_kind;

FOAL_TAG(thrift_sink)

typedef struct thrift_source {
  uint32_t rounds, open;
  foal_timer timers[ARMS];
} thrift_source;
FOAL_TAG(thrift_source)
FOAL_ACTOR(thrift_source)
FOAL_BEHAVIOUR0(thrift_source, round)
FOAL_BEHAVIOUR0(thrift_source, back)
FOAL_TIMER(thrift_source, tick)

typedef struct thrift_sink {
  char unused;
} thrift_sink;
FOAL_ACTOR(thrift_sink)
FOAL_BEHAVIOUR_ISO(thrift_sink, parcel)
FOAL_BEHAVIOUR1(thrift_sink, note, uint32_t, number)

static struct {
  thrift_source_tag source;
  thrift_sink_tag sink;
  thrift_kind kind;
  uint32_t rounds, capacity;
  size_t pieces;
} thrift;

/* Nothing is on its way: all there is has been given back, or is kept. */
static void look_at_memory(const thrift_source *self)
{
  size_t pieces = foal__sim_alloc_live();
  bool bufs = thrift.kind == ISOS || thrift.kind == BURSTS;
  size_t more = bufs ? BUFS_MORE : SLABS_MORE;
  if (self->rounds == WARM) thrift.pieces = pieces;
  if (self->rounds > WARM && pieces > thrift.pieces + more) {
    foal_sim_fail("%zu pieces of memory, %zu earlier: what is given back is not used",
                  pieces, thrift.pieces);
  }
}

static void send_parcels(thrift_source *self, uint32_t count)
{
  for (; count > 0; count--) {
    foal_buf *b;
    if (!foal_buf_new(&b, thrift.capacity)) continue;
    self->open++;
    thrift_sink_parcel(thrift.sink, &b);
  }
}

static void arm_some(thrift_source *self) FOAL_TURN;
static void arm_some(thrift_source *self)
{
  uint32_t fires = foal_sim_draw(ARMS);
  for (uint32_t i = 0; i < ARMS; i++)
    self->timers[i] = thrift_source_tick_after(self, i == fires ? 0 : 1000);
  for (uint32_t i = 0; i < ARMS; i++) {
    if (i != fires) FOAL_SIM_CHECK(foal_timer_cancel(self->timers[i]));
  }
  self->open++;
}

static void thrift_source_on_round(thrift_source *self)
{
  look_at_memory(self);
  if (self->rounds++ == thrift.rounds) return;
  switch (thrift.kind) {
  case ISOS:
    send_parcels(self, 1 + foal_sim_draw(2));
    break;
  case BURSTS:
    send_parcels(self, self->rounds % BURST_EVERY == 0 ? BURST : 1);
    break;
  case TIMERS:
    arm_some(self);
    break;
  case NOTES_ONLY:
  case KINDS:
    for (uint32_t i = 0; i < NOTES; i++) thrift_sink_note(thrift.sink, i);
    self->open++;
    break;
  }
}

static void went_on(thrift_source *self) FOAL_TURN;
static void went_on(thrift_source *self)
{
  if (--self->open == 0) thrift_source_round(thrift_source_self(self));
}

static void thrift_source_on_back(thrift_source *self)
{
  went_on(self);
}

static void thrift_source_on_tick(thrift_source *self)
{
  went_on(self);
}

static void thrift_sink_on_parcel(thrift_sink *self, foal_buf **b)
{
  (void)self;
  foal_buf_drop(b);
  thrift_source_back(thrift.source);
}

static void thrift_sink_on_note(thrift_sink *self, uint32_t number)
{
  (void)self;
  if (number == NOTES - 1) thrift_source_back(thrift.source);
}

static bool thrift_start(void)
{
  memset(&thrift, 0, sizeof thrift);
  thrift.kind = foal_sim_draw(KINDS);
  thrift.rounds = foal_sim_size(ROUNDS);
  thrift.capacity = thrift.kind == BURSTS ? BYTES : 1 + foal_sim_draw(BYTES);
  uint32_t to = foal_workers() - 1;
  FOAL_SIM_CHECK(thrift_source_spawn_pinned(&thrift.source, 0));
  FOAL_SIM_CHECK(thrift_sink_spawn_pinned(&thrift.sink, to));
  thrift_source_round(thrift.source);
  return true;
}

const foal_scenario rt_thrift = {
    .name = "thrift",
    .about = "the same over and over, without more memory",
    .start = thrift_start,
    .options = {.workers = 2},
};

/* ---- crowd ---- */

enum { CROWD_MIN = 1100, CROWD_MORE = 1500, CROWD_FEW = 400 };

typedef struct crowd_one {
  uint32_t number, heard;
} crowd_one;
FOAL_TAG(crowd_one)
FOAL_ACTOR(crowd_one)
FOAL_BEHAVIOUR2(crowd_one, call, uint32_t, number, uint32_t, times)

typedef struct crowd_maker {
  uint32_t waves;
} crowd_maker;
FOAL_TAG(crowd_maker)
FOAL_ACTOR(crowd_maker)
FOAL_BEHAVIOUR0(crowd_maker, wave)

static struct {
  crowd_one_tag all[CROWD_MIN + CROWD_MORE];
  crowd_maker_tag maker;
  uint32_t count, few, made, calls, heard;
} crowd;

static void crowd_one_on_call(crowd_one *self, uint32_t number, uint32_t times)
{
  FOAL_SIM_CHECK(self->heard == times && (times == 0 || self->number == number));
  self->number = number;
  self->heard++;
  crowd.heard++;
}

static void call(uint32_t number, uint32_t times)
{
  crowd.calls++;
  crowd_one_call(crowd.all[number], number, times);
}

static void make_up_to(uint32_t count)
{
  for (; crowd.made < count; crowd.made++) {
    FOAL_SIM_CHECK(crowd_one_spawn(&crowd.all[crowd.made]));
    call(crowd.made, 0);
  }
}

static void call_again(uint32_t from)
{
  for (uint32_t i = from; i < crowd.made; i++) call(i, 1);
}

/* A few; these again, and all the others while they wait; then those again. */
static void crowd_maker_on_wave(crowd_maker *self)
{
  switch (self->waves++) {
  case 0:
    crowd.few = 1 + foal_sim_draw(CROWD_FEW);
    make_up_to(crowd.few);
    break;
  case 1:
    call_again(0);
    make_up_to(crowd.count);
    break;
  default:
    call_again(crowd.few);
    return;
  }
  crowd_maker_wave(crowd.maker);
}

static bool crowd_start(void)
{
  memset(&crowd, 0, sizeof crowd);
  crowd.count = CROWD_MIN + foal_sim_size(CROWD_MORE);
  FOAL_SIM_CHECK(crowd_maker_spawn_pinned(&crowd.maker, foal_workers() - 1));
  crowd_maker_wave(crowd.maker);
  return true;
}

static void crowd_check(void)
{
  foal_counters c;
  foal_counters_read(&c);
  FOAL_SIM_CHECK(crowd.made == crowd.count && c.messages_dropped == 0);
  FOAL_SIM_CHECK(crowd.heard == crowd.calls);
}

const foal_scenario rt_crowd = {
    .name = "crowd",
    .about = "more actors at once than a run queue begins with",
    .start = crowd_start,
    .check = crowd_check,
};
