/* fake_wire.c - two fake socks joined, and a script by time; see fake_wire.h.
 *
 * An actor's timer beats while moments are left, so that time passes in short steps; then
 * it ends. Everything runs on the one worker's thread. */
#include "fake_wire.h"

enum { BEAT_MS = 5, BETWEEN_MS = BEAT_MS + 2 };

static const moment *script;
static unsigned script_len;
static uint64_t began_ms;
static bool joined, held[2], told[2];
static size_t carried[2];

/* ---- time ---- */

typedef struct beat {
  int unused;
} beat;
FOAL_TAG(beat)
FOAL_ACTOR(beat)
FOAL_TIMER(beat, go)

static unsigned passed;

static void beat_on_go(beat *self)
{
  if (passed == script_len) {
    foal_actor_end(FOAL_ENDED);
  } else {
    (void)beat_go_after(self, BEAT_MS);
  }
}

uint64_t wire_now_ms(void)
{
  return fake_now_ms() - began_ms;
}

bool wire_about(uint64_t now_ms, uint64_t expected_ms)
{
  if (now_ms >= expected_ms && now_ms <= expected_ms + BETWEEN_MS) return true;
  fprintf(stderr, "it is %llu ms, not %llu\n", (unsigned long long)now_ms,
          (unsigned long long)expected_ms);
  return false;
}

static bool next_moment(unsigned n)
{
  passed = n;
  if (n == script_len || wire_now_ms() < script[n].at_ms) return false;
  script[n].happens();
  return true;
}

/* ---- the wire ---- */

/* What the sock n has written, and its end, to the other one. */
static bool carry(unsigned n)
{
  foal__sock *from = fake(n), *to = fake(1 - n);
  if (to->closing || held[n]) return false;
  size_t len = from->out_len - carried[n];
  if (len > 0) {
    fake_bytes(1 - n, from->out + carried[n], len);
    carried[n] += len;
    return true;
  }
  if (told[n] || !(from->finished || from->closing)) return false;
  told[n] = true;
  fake_end(1 - n, from->reset ? FOAL_RESET : FOAL_CLEAN);
  return true;
}

static bool carry_both(void)
{
  if (!joined || fake_count() < 2) return false;
  bool there = carry(0), back = carry(1);
  return there || back;
}

void wire_join(void)
{
  joined = true;
  fake_connected(0, FOAL_OK);
  fake_arrive();
}

void wire_hold(unsigned from, bool hold)
{
  held[from] = hold;
}

void wire_play(const moment *moments, unsigned count)
{
  beat_tag tag;
  script = moments;
  script_len = count;
  began_ms = fake_now_ms();
  fake_react = carry_both;
  fake_step = next_moment;
  must(beat_spawn(&tag));
  beat_go(tag);
  kit_run();
}
