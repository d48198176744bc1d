/* load_rate.c - who asks when, and the window in which it counts.
 *
 * Closed loop: a connection asks again when it has its answer, or, with --active, passes
 * its turn on to the next connection that waits for nothing. Open loop (--rate): turn k
 * is due at a fixed time and belongs to connection k modulo their number; latency counts
 * from when it was due, so that a server that stalls pays for all it kept waiting. The
 * open loop polls without sleeping: a late client must not look like a late server. */
#include "load.h"

enum { CATCH_UP_MS = 10 };

typedef struct cpu_times {
  double servers, self, machine;
} cpu_times;

static load_times all;      /* latencies, of all windows so far */
static load_times lateness; /* open loop: how late this program itself was */

static bool open_loop;   /* it has begun */
static uint64_t due_ns;  /* when turn 0 was due */
static uint64_t turns;   /* of the open loop that have come */
static uint32_t passing; /* whose turn it is with --active */

static void ask(load_conn *c, uint64_t at_ns)
{
  if (load_opt.mode == LOAD_ECHO) {
    load_echo_ask(c, at_ns);
  } else {
    load_http_ask(c, at_ns);
  }
}

/* ---- closed loop ---- */

static bool is_idle(const load_conn *c)
{
  return c->state == LOAD_OPEN && !c->asked;
}

static void pass_on(void)
{
  for (uint32_t i = 0; i < load_opt.connections; i++) {
    load_conn *c = &load_conns[passing++ % load_opt.connections];
    if (!is_idle(c)) continue;
    ask(c, load_now_ns);
    load_conn_flush(c);
    return;
  }
}

void load_first(load_conn *c)
{
  bool waits =
      load_opt.rate > 0 || (load_opt.active > 0 && c - load_conns >= load_opt.active);
  uint32_t count = load_opt.mode == LOAD_ECHO ? load_opt.in_flight : 1;
  for (uint32_t i = 0; !waits && i < count && c->state == LOAD_OPEN; i++)
    ask(c, load_now_ns);
}

/* ---- open loop ---- */

/* When its next turn is due. */
static uint64_t take_turn(load_conn *c)
{
  uint64_t turn = c->asked_count++ * load_opt.connections + (uint64_t)(c - load_conns);
  return due_ns + turn * UINT64_C(1000000000) / load_opt.rate;
}

static void ask_all_due(void)
{
  if (!open_loop) return;
  uint64_t until = (load_now_ns - due_ns) * load_opt.rate / 1000000000 + 1;
  for (; turns < until; turns++) {
    load_conn *c = &load_conns[turns % load_opt.connections];
    if (is_idle(c)) {
      uint64_t at_ns = take_turn(c);
      if (load_measuring) load_times_add(&lateness, load_clock_ns() - at_ns);
      ask(c, at_ns);
      load_conn_flush(c);
    } else {
      c->owed++;
    }
  }
}

void load_next(load_conn *c)
{
  if (open_loop) {
    if (c->owed == 0) return;
    c->owed--;
    ask(c, take_turn(c));
  } else if (load_opt.active > 0) {
    pass_on();
  } else if (load_opt.rate == 0) {
    ask(c, load_now_ns);
  }
}

/* ---- the window ---- */

void load_answer_count(load_conn *c, uint64_t asked_ns)
{
  if (!load_measuring) return;
  load_count.answers++;
  load_times_add(&load_latency, load_now_ns - asked_ns);
  load_times_add(&all, load_now_ns - asked_ns);
  if (c->ssl && SSL_session_reused(c->ssl)) load_count.resumed++;
}

static cpu_times cpu_now(void)
{
  return (cpu_times){load_cpu_servers(), load_cpu_self(), load_cpu_machine()};
}

/* A failed connection of a handshake run makes room for the next one. */
static void reopen_failed(void)
{
  static uint64_t seen;
  if (load_opt.mode != LOAD_HANDSHAKE || load_count.failed == seen) return;
  seen = load_count.failed;
  for (uint32_t i = 0; i < load_opt.connections; i++) {
    if (load_conns[i].state == LOAD_CLOSED) load_conn_open(&load_conns[i]);
  }
}

static void run_until(uint64_t end_ns)
{
  int timeout_ms = load_opt.rate > 0 ? 0 : load_opt.slow > 0 ? 1 : 50;
  while (load_now_ns < end_ns) {
    load_conn_poll(timeout_ms);
    ask_all_due();
    load_slow_drip();
    load_check_failures();
    reopen_failed();
  }
}

static void report(double seconds, cpu_times a, cpu_times b, double grown)
{
  double servers = b.servers - a.servers, self = b.self - a.self;
  double others = b.machine - a.machine - servers - self;
  double answers = (double)load_count.answers;
  printf("seconds=%.3f answers=%.0f rate=%.1f mb_per_s=%.2f p50_us=%.1f p99_us=%.1f "
         "p999_us=%.1f max_us=%.1f cpu_us=%.4f resumed=%llu failed=%llu bad=%llu "
         "run_p99_us=%.1f late_p99_us=%.1f late_max_us=%.1f slow_lost=%llu "
         "grown_bytes=%.0f server_cpu=%.4f client_cpu=%.3f other_cpu=%.3f\n",
         seconds, answers, answers / seconds, (double)load_count.bytes / 1e6 / seconds,
         load_times_us(&load_latency, 50), load_times_us(&load_latency, 99),
         load_times_us(&load_latency, 99.9), load_times_us(&load_latency, 100),
         answers > 0 ? servers / answers * 1e6 : 0,
         (unsigned long long)load_count.resumed, (unsigned long long)load_count.failed,
         (unsigned long long)load_count.bad_answers, load_times_us(&all, 99),
         load_times_us(&lateness, 99), load_times_us(&lateness, 100),
         (unsigned long long)load_count.slow_lost, grown, servers / seconds,
         self / seconds, others > 0 ? others / seconds : 0);
}

static void measure_window(double memory)
{
  cpu_times before = cpu_now();
  uint64_t began_ns = load_now_ns = load_clock_ns();
  load_count.answers = load_count.resumed = load_count.bytes = 0;
  load_times_clear(&load_latency);
  load_times_clear(&lateness);
  load_measuring = true;
  run_until(began_ns + load_opt.ms * UINT64_C(1000000));
  load_measuring = false;
  double seconds = (double)(load_clock_ns() - began_ns) / 1e9;
  cpu_times after = cpu_now();
  report(seconds, before, after, load_memory_servers() - memory);
}

void load_measure(void)
{
  double memory = load_memory_servers();
  load_open_all();
  due_ns = load_now_ns = load_clock_ns();
  open_loop = load_opt.rate > 0;
  for (uint32_t i = 0; i < load_opt.windows; i++) {
    /* Opening, and reading the kernel's accounts, made turns wait: they do not count. */
    uint32_t warm_ms = i == 0 ? load_opt.warm_ms : CATCH_UP_MS;
    run_until(load_clock_ns() + warm_ms * UINT64_C(1000000));
    measure_window(memory);
  }
}
