/* load_hold.c - connections that are opened and kept, and one that pauses before each
 * request. */
#include "load.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

void load_hold(void)
{
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  uint64_t began_ns = load_clock_ns();
  load_open_all();
  printf("held=%llu failed=%llu seconds=%.3f\n", (unsigned long long)load_count.settled,
         (unsigned long long)load_count.failed,
         (double)(load_clock_ns() - began_ns) / 1e9);
  fflush(stdout);
  while (poll(&input, 1, 100) == 0) load_conn_poll(0);
  load_conn_poll(0);
  printf("lost=%llu\n", (unsigned long long)load_count.lost);
}

static void ask_and_wait(load_conn *c)
{
  load_now_ns = load_clock_ns();
  load_http_ask(c, load_now_ns);
  load_conn_flush(c);
  while (c->asked && c->state == LOAD_OPEN) load_conn_poll(1000);
  if (c->state != LOAD_OPEN) load_die("the server closed the connection");
}

void load_pauses(void)
{
  load_conn *c = &load_conns[0];
  struct timespec pause = {load_opt.pause_ms / 1000, load_opt.pause_ms % 1000 * 1000000};
  load_opt.connections = 1;
  load_open_all();
  while (c->asked && c->state == LOAD_OPEN) load_conn_poll(1000);
  load_measuring = true;
  for (uint32_t i = 0; i < load_opt.pauses; i++) {
    nanosleep(&pause, NULL);
    ask_and_wait(c);
  }
  printf("pauses=%u pause_ms=%u p50_us=%.1f max_us=%.1f", load_opt.pauses,
         load_opt.pause_ms, load_times_us(&load_latency, 50),
         load_times_us(&load_latency, 100));
  load_times_clear(&load_latency);
  for (uint32_t i = 0; i < load_opt.pauses * 10; i++) ask_and_wait(c);
  printf(" busy_p50_us=%.1f bad=%llu\n", load_times_us(&load_latency, 50),
         (unsigned long long)load_count.bad_answers);
}
