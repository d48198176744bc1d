/* load_echo.c - messages that must come back as they were sent.
 *
 * What a connection sends is one endless repetition of a pattern whose length is prime,
 * so that no message looks like another one and a lost, doubled or swapped byte cannot
 * hide; every byte that returns is compared. Each message is a TLS record of its own.
 * The next one leaves when one has come back whole. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

enum { PERIOD = 65521, SIZE_MAX_BYTES = 65536 };

/* Its beginning once more behind it, so that every message is one piece. */
static unsigned char pattern[PERIOD + SIZE_MAX_BYTES];

void load_echo_set_up(void)
{
  uint64_t x = 88172645463325252u;
  uint32_t in_flight = load_opt.in_flight;
  if (load_opt.size == 0 || load_opt.size > SIZE_MAX_BYTES || in_flight == 0)
    load_die("size or number of messages");
  for (size_t i = 0; i < sizeof pattern; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    pattern[i] = i < PERIOD ? (unsigned char)x : pattern[i - PERIOD];
  }
  for (uint32_t i = 0; i < load_opt.connections; i++) {
    load_echo *echo = &load_conns[i].echo;
    echo->asked_ns = calloc(in_flight, sizeof *echo->asked_ns);
    if (echo->asked_ns == NULL) load_die("memory");
    echo->sent_at = echo->got_at = i * 7919u % PERIOD;
  }
}

void load_echo_ask(load_conn *c, uint64_t at_ns)
{
  load_echo *echo = &c->echo;
  echo->asked_ns[(echo->first + echo->count++) % load_opt.in_flight] = at_ns;
  c->asked = echo->count == load_opt.in_flight;
  const unsigned char *message = pattern + echo->sent_at;
  echo->sent_at = (echo->sent_at + load_opt.size) % PERIOD;
  load_conn_write(c, message, load_opt.size);
}

static bool is_same(load_echo *echo, const unsigned char *bytes, size_t len)
{
  while (len > 0) {
    size_t n = len < SIZE_MAX_BYTES ? len : SIZE_MAX_BYTES;
    if (memcmp(pattern + echo->got_at, bytes, n) != 0) return false;
    echo->got_at = (echo->got_at + n) % PERIOD;
    bytes += n;
    len -= n;
  }
  return true;
}

bool load_echo_feed(load_conn *c, const unsigned char *bytes, size_t len)
{
  load_echo *echo = &c->echo;
  if (!is_same(echo, bytes, len)) {
    load_count.bad_answers++;
    load_conn_fail(c, "not what was sent");
    return false;
  }
  if (load_measuring) load_count.bytes += len;
  load_now_ns = load_clock_ns();
  echo->part += len;
  while (echo->part >= load_opt.size) {
    if (echo->count == 0) {
      load_conn_fail(c, "more than was sent");
      return false;
    }
    echo->part -= load_opt.size;
    load_answer_count(c, echo->asked_ns[echo->first]);
    echo->first = (echo->first + 1) % load_opt.in_flight;
    echo->count--;
    c->asked = false;
    load_next(c);
    if (c->state == LOAD_CLOSED) return false;
  }
  return true;
}
