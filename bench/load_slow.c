/* load_slow.c - clients that send a byte a second of a request that never ends, next to
 * those that are measured. Each byte is a TLS record of its own; they take turns, so
 * that the server hears one of them every 1 s / slow. */
#include "load.h"

static uint64_t next_ns;
static uint32_t turn;

static void drip(load_conn *c, uint32_t round)
{
  static const char head[] = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
  if (c->state != LOAD_KEPT) return;
  load_conn_write(c, round < sizeof head - 1 ? &head[round] : "z", 1);
  if (c->state == LOAD_KEPT) load_conn_flush(c);
}

void load_slow_drip(void)
{
  if (load_opt.slow == 0) return;
  if (next_ns == 0) next_ns = load_now_ns;
  while (next_ns <= load_now_ns) {
    drip(&load_conns[load_opt.connections + turn % load_opt.slow], turn / load_opt.slow);
    turn++;
    next_ns += UINT64_C(1000000000) / load_opt.slow;
  }
}
