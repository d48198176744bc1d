/* draw.c - numbers from the seed. One state per stream and one per switch; splitmix64,
 * written out here so that no library decides what a seed means. The states are reset by
 * foal__sim_draw_begin and touched by nothing else. */
#include "impl/draw.h"

#include "../runtime/impl/assert.h"
#include "impl/trace.h"
#include "sim.h"

#include <string.h>

enum {
  ON_OF = 3, /* a switch is on in one seed of so many */
  PLACES_MAX = 128,
  PLACE_ON_OF = 4, /* a place too, and it happens one time in so many */
};

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

static const struct {
  const char *name, *about;
  uint32_t rate_max;
} switches[FOAL__SIM_SWITCHES] = {
#define FOAL__SIM_SWITCH_ROW_(name, rate, sentence) {#name, sentence, rate},
    FOAL__SIM_SWITCHES_MAP(FOAL__SIM_SWITCH_ROW_)};

static uint64_t stream_state[FOAL__SIM_STREAMS];
static struct {
  uint64_t state;
  uint32_t rate; /* per mille; 0: off */
  bool fired;
} trouble[FOAL__SIM_SWITCHES];
static struct {
  const char *name;
  uint64_t state;
  bool on, begun; /* begun: met in this run */
} places[PLACES_MAX];
static size_t places_count;
static const foal__sim_config *current;
static uint64_t current_seed;
static size_t choices_used;
static bool calm;

static uint64_t mixed(uint64_t z)
{
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

static uint64_t next(uint64_t *state)
{
  *state += GOLDEN;
  return mixed(*state);
}

static uint32_t below(uint64_t random, uint32_t n)
{
  foal_assert(n > 0);
  return (uint32_t)(((random >> 32) * n) >> 32);
}

static uint64_t hash_of(const char *word)
{
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (; *word != '\0'; word++) h = (h ^ (unsigned char)*word) * UINT64_C(0x100000001b3);
  return h;
}

static bool is_off(const char *name)
{
  for (uint32_t i = 0; i < current->off; i++) {
    if (strcmp(current->off_name[i], name) == 0) return true;
  }
  return false;
}

void foal__sim_draw_begin(const foal__sim_config *config, uint64_t allowed)
{
  foal_assert(config != NULL && config->scale >= 1 && config->scale <= 100);
  _Static_assert(FOAL__SIM_SWITCHES <= 64, "a bit each");
  current = config;
  current_seed = mixed(config->seed + GOLDEN);
  calm = false;
  choices_used = 0;
  for (size_t i = 0; i < places_count; i++) places[i].begun = false;
  for (int i = 0; i < FOAL__SIM_STREAMS; i++) {
    stream_state[i] =
        mixed(current_seed ^ (uint64_t)(i + 1) * UINT64_C(0xA0761D6478BD642F));
  }
  for (int i = 0; i < FOAL__SIM_SWITCHES; i++) {
    trouble[i].state = mixed(current_seed ^ hash_of(switches[i].name));
    bool on = below(next(&trouble[i].state), ON_OF) == 0;
    uint32_t rate = 1 + below(next(&trouble[i].state), switches[i].rate_max);
    bool may = (allowed >> i & 1) != 0 && !is_off(switches[i].name);
    trouble[i].rate = on && may ? rate : 0;
    trouble[i].fired = false;
  }
}

void foal__sim_draw_calm(void)
{
  calm = true;
}

bool foal__sim_draw_is_calm(void)
{
  return calm;
}

/* Fuzzers choose instead of the seed, as long as they have something to say. */
static bool chosen(foal__sim_stream stream, uint64_t *out)
{
  if (stream != FOAL__SIM_S_order && stream != FOAL__SIM_S_net &&
      stream != FOAL__SIM_S_user)
    return false;
  if (choices_used >= current->choices_len) return false;
  *out = mixed(current->choices[choices_used++] + GOLDEN);
  return true;
}

uint64_t foal__sim_draw64(foal__sim_stream stream)
{
  uint64_t random;
  foal_assert(current != NULL && (unsigned)stream < FOAL__SIM_STREAMS);
  if (current->choices_len > 0 && chosen(stream, &random)) return random;
  return next(&stream_state[stream]);
}

uint32_t foal__sim_draw(foal__sim_stream stream, uint32_t n)
{
  return below(foal__sim_draw64(stream), n);
}

bool foal__sim_often(foal__sim_stream stream, uint32_t per_mille)
{
  return foal__sim_draw(stream, 1000) < per_mille;
}

uint32_t foal__sim_some(foal__sim_stream stream, uint32_t max)
{
  uint64_t random = foal__sim_draw64(stream);
  uint32_t cap = max;
  /* Halved up to seven times: a size around 1 is as likely as one around max. */
  for (uint32_t halvings = (uint32_t)(random & 7); halvings > 0 && cap > 1; halvings--)
    cap = (cap + 1) / 2;
  return 1 + below(random, cap);
}

bool foal__sim_on(foal__sim_switch which)
{
  return trouble[which].rate != 0;
}

bool foal__sim_fires(foal__sim_switch which)
{
  if (trouble[which].rate == 0 || calm) return false;
  bool fires = below(next(&trouble[which].state), 1000) < trouble[which].rate;
  trouble[which].fired |= fires;
  return fires;
}

void foal__sim_note_fired(foal__sim_switch which)
{
  trouble[which].fired = true;
}

bool foal__sim_fired(foal__sim_switch which)
{
  return trouble[which].fired;
}

uint32_t foal__sim_how(foal__sim_switch which, uint32_t n)
{
  return below(next(&trouble[which].state), n);
}

const char *foal__sim_switch_name(foal__sim_switch which)
{
  return switches[which].name;
}

const char *foal__sim_switch_about(foal__sim_switch which)
{
  return switches[which].about;
}

/* A place begins anew with each run, whenever it is met first: the run may have the seed
 * of the one before. */
static size_t place_of(const char *name)
{
  size_t i = 0;
  while (i < places_count && strcmp(places[i].name, name) != 0) i++;
  foal_assert(i < PLACES_MAX);
  if (i == places_count) {
    places[i].name = name;
    places[i].begun = false;
    places_count++;
  }
  if (!places[i].begun) {
    places[i].begun = true;
    places[i].state = mixed(current_seed ^ hash_of(name));
    places[i].on = below(next(&places[i].state), PLACE_ON_OF) == 0;
  }
  return i;
}

bool foal_sim_chance(const char *place)
{
  size_t i = place_of(place);
  if (calm || !places[i].on || is_off(place)) return false;
  if (below(next(&places[i].state), PLACE_ON_OF) != 0) return false;
  foal__sim_tell_fault(place);
  return true;
}

size_t foal__sim_places(const char *out[], size_t max)
{
  size_t n = places_count < max ? places_count : max;
  for (size_t i = 0; i < n; i++) out[i] = places[i].name;
  return n;
}

uint32_t foal_sim_draw(uint32_t n)
{
  return foal__sim_draw(FOAL__SIM_S_user, n);
}

uint32_t foal_sim_size(uint32_t max)
{
  uint32_t drawn = foal__sim_some(FOAL__SIM_S_user, max);
  uint32_t scaled = (uint32_t)((uint64_t)drawn * current->scale / 100);
  return scaled > 0 ? scaled : 1;
}

bool foal_sim_calm(void)
{
  return calm;
}

/* ---- streams of bytes that can be checked anywhere ---- */

static uint64_t word_at(uint64_t stream, uint64_t index)
{
  return mixed(stream * UINT64_C(0xD6E8FEB86659FD93) + index * GOLDEN + 1);
}

void foal_sim_stream(uint64_t stream, uint64_t at, void *out, size_t len)
{
  unsigned char *to = out;
  while (len > 0) {
    uint64_t word = word_at(stream, at / 8);
    size_t skip = at % 8, n = 8 - skip < len ? 8 - skip : len;
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(word >> (8 * i));
    memcpy(to, bytes + skip, n);
    to += n;
    at += n;
    len -= n;
  }
}

bool foal_sim_stream_is(uint64_t stream, uint64_t at, const void *bytes, size_t len)
{
  const unsigned char *from = bytes;
  unsigned char expected[512];
  while (len > 0) {
    size_t n = len < sizeof expected ? len : sizeof expected;
    foal_sim_stream(stream, at, expected, n);
    if (memcmp(expected, from, n) != 0) return false;
    from += n;
    at += n;
    len -= n;
  }
  return true;
}
