/* rt_own.c - scenario `own`: buffers on the way between actors that come and go.
 *
 * Each parcel is an iso full of bytes that no other parcel has, and travels to actors
 * drawn at random until its legs are used up; each notice is a val that many hold for a
 * while. Some carriers keep what they get, pass it on later, split it, or end with it in
 * their hands; parcels that are sent to one that has ended are dropped by the runtime.
 * At the end no buffer lives, and none was lost: delivered + kept + dropped = made. */
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../runtime/bufq.h"

#include <string.h>

enum { CARRIERS_MAX = 6, PARCELS_MAX = 80, LEGS_MAX = 12, BYTES_MAX = 5000, SHARES = 5 };

typedef struct label {
  uint32_t parcel, legs;
} label;

typedef struct own_carrier {
  uint32_t me;
  foal_slot kept;
  foal_val_slot notice;
} own_carrier;
FOAL_TAG(own_carrier)
FOAL_ACTOR_WITH_END(own_carrier)
FOAL_BEHAVIOUR1(own_carrier, begin, uint32_t, me)
FOAL_BEHAVIOUR1(own_carrier, pack, uint32_t, parcel)
FOAL_BEHAVIOUR_ISO1(own_carrier, parcel, label, what)
FOAL_BEHAVIOUR_VAL(own_carrier, read)

static struct {
  own_carrier_tag carriers[CARRIERS_MAX];
  uint32_t count, parcels, packed, delivered, notices_sent, notices_read, ends;
  uint32_t bytes[PARCELS_MAX]; /* how many the parcel holds; splits make it shorter */
  uint32_t start[PARCELS_MAX]; /* where they begin in its stream */
} own;

static own_carrier_tag any_carrier(void)
{
  return own.carriers[foal_sim_draw(own.count)];
}

static bool carrier_made(uint32_t i)
{
  uint32_t worker = foal_sim_draw(foal_workers());
  if (!own_carrier_spawn_on(&own.carriers[i], worker)) return false;
  own_carrier_begin(own.carriers[i], i);
  return true;
}

static void own_carrier_on_begin(own_carrier *self, uint32_t me)
{
  self->me = me;
}

static void share_notice(uint32_t parcel)
{
  foal_buf *b;
  foal_val *v, *copy;
  uint8_t bytes[64];
  foal_sim_stream(parcel + PARCELS_MAX, 0, bytes, sizeof bytes);
  if (!foal_buf_from(&b, bytes, sizeof bytes)) return;
  foal_buf_freeze(&b, &v);
  for (int i = 0; i < SHARES; i++) {
    foal_val_share(v, &copy);
    own.notices_sent++;
    own_carrier_read(any_carrier(), &copy);
  }
  foal_val_drop(&v);
}

static void own_carrier_on_pack(own_carrier *self, uint32_t parcel)
{
  foal_buf *b;
  label what = {parcel, foal_sim_size(LEGS_MAX)};
  own.bytes[parcel] = 1 + foal_sim_size(BYTES_MAX);
  (void)self;
  if (foal_sim_draw(4) == 0) share_notice(parcel);
  if (!foal_buf_new(&b, own.bytes[parcel])) return;
  foal_sim_stream(parcel, 0, foal_buf_tail(b), own.bytes[parcel]);
  foal_buf_extend(b, own.bytes[parcel]);
  own.packed++;
  own_carrier_parcel(any_carrier(), &b, what);
}

static void check_parcel(const foal_buf *b, uint32_t parcel) FOAL_READS(b);
static void check_parcel(const foal_buf *b, uint32_t parcel)
{
  FOAL_SIM_CHECK(foal_buf_len(b) == own.bytes[parcel]);
  FOAL_SIM_CHECK(
      foal_sim_stream_is(parcel, own.start[parcel], foal_buf_data(b), foal_buf_len(b)));
}

/* The head of the parcel goes lost; the rest is still what it was. */
static void shorten(foal_buf *b, uint32_t parcel) FOAL_USES(b);
static void shorten(foal_buf *b, uint32_t parcel)
{
  foal_buf *head;
  uint32_t cut = foal_sim_draw((uint32_t)foal_buf_len(b));
  if (!foal_buf_split(b, cut, &head)) return;
  own.start[parcel] += cut;
  own.bytes[parcel] -= cut;
  foal_buf_drop(&head);
}

/* Ends, perhaps with a parcel in its hands, and another one takes its place. */
static void give_up(own_carrier *self) FOAL_TURN;
static void give_up(own_carrier *self)
{
  uint32_t me = self->me;
  if (!carrier_made(me)) return;
  own.ends++;
  foal_actor_end(FOAL_ENDED);
}

static void own_carrier_on_parcel(own_carrier *self, foal_buf **b, label what)
{
  check_parcel(*b, what.parcel);
  if (what.legs == 0) {
    own.delivered++;
    foal_buf_drop(b);
    return;
  }
  what.legs--;
  switch (foal_sim_draw(8)) {
  case 0:
    if (foal_slot_full(&self->kept)) break;
    foal_slot_put(&self->kept, b);
    return;
  case 1:
    shorten(*b, what.parcel);
    break;
  case 2:
    give_up(self);
    break;
  default:
    break;
  }
  own_carrier_parcel(any_carrier(), b, what);
}

static void own_carrier_on_read(own_carrier *self, foal_val **v)
{
  own.notices_read++;
  FOAL_SIM_CHECK(foal_val_len(*v) == 64);
  foal_val_slot_put(&self->notice, v);
}

static void own_carrier_on_end(own_carrier *self)
{
  foal_slot_clear(&self->kept);
  foal_val_slot_clear(&self->notice);
}

static bool own_start(void)
{
  memset(&own, 0, sizeof own);
  own.count = 1 + foal_sim_size(CARRIERS_MAX - 1);
  for (uint32_t i = 0; i < own.count; i++) {
    if (!carrier_made(i)) return false;
  }
  own.parcels = foal_sim_size(PARCELS_MAX);
  for (uint32_t i = 0; i < own.parcels; i++) own_carrier_pack(any_carrier(), i);
  return true;
}

static void own_check(void)
{
  foal_counters c;
  foal_counters_read(&c);
  FOAL_SIM_CHECK(own.delivered <= own.packed);
  FOAL_SIM_CHECK(own.notices_read <= own.notices_sent);
  if (c.messages_dropped > 0) foal_sim_mark("own_dropped");
  if (own.delivered == own.packed && own.packed > 3) foal_sim_mark("own_all_came");
  if (own.ends > 0) foal_sim_mark("own_ended");
  if (own.ends > 0 || c.messages_lost > 0 || foal_sim_status() != 0) return;
  FOAL_SIM_CHECK(own.notices_read == own.notices_sent);
  FOAL_SIM_CHECK(c.messages_dropped == 0);
}

static const char *const own_marks[] = {"own_dropped", "own_all_came", "own_ended", NULL};
const foal_scenario rt_own = {
    .name = "own",
    .about = "isos and vals between actors that come and go",
    .start = own_start,
    .check = own_check,
    .marks = own_marks,
};
/* The same when memory is short. */
const foal_scenario rt_own_poor = {
    .name = "own_poor",
    .about = "isos and vals when allocations fail",
    .start = own_start,
    .check = own_check,
    .flags = FOAL_SIM_MEMORY,
};
