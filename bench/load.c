/* load.c - the load generator: TLS 1.3 clients on one core.
 *
 *    load http      --port N [--connections N] [--path P] [--ms N] [--pids A,B]
 *    load handshake --port N [--connections N] [--resume] ...
 *    load hold      --port N [--connections N] --kind silent|idle|stalled [--path P]
 *    load pause     --port N [--pauses N] [--pause-ms N]
 *
 * http asks again as soon as an answer is complete; handshake opens a connection, asks
 * once, closes and begins anew. Both warm up, then measure, and print one line of
 * key=value pairs. hold prints a line when all connections stand, keeps them until
 * standard input ends, and prints how many the server closed meanwhile. pause lets a
 * connection rest before each request. --pids: processes whose CPU time is the
 * server's. */
#include "load.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { FAILURES_MAX = 100, OPEN_S_MAX = 60 };

load_options load_opt = {.connections = 64,
                         .at_once = 128,
                         .warm_ms = 300,
                         .ms = 1000,
                         .pauses = 10,
                         .pause_ms = 500,
                         .path = "/"};
load_counts load_count;
load_conn *load_conns;
uint64_t load_now_ns;
bool load_measuring;

/* ---- what connections report ---- */

void load_opened(load_conn *c)
{
  load_count.opened++;
  if (load_opt.mode != LOAD_HOLD) {
    load_http_ask(c);
    return;
  }
  if (load_opt.hold != LOAD_SILENT) load_http_ask(c);
  if (load_opt.hold == LOAD_IDLE || c->state == LOAD_CLOSED) return;
  load_count.settled++;
  if (load_opt.hold == LOAD_STALLED) load_conn_flush(c);
  c->state = LOAD_HELD;
}

bool load_answered(load_conn *c)
{
  load_now_ns = load_clock_ns();
  bool again = load_opt.mode == LOAD_HANDSHAKE;
  if (load_measuring) {
    load_count.answers++;
    load_latency_add(load_now_ns - (again ? c->opened_ns : c->asked_ns));
    if (SSL_session_reused(c->ssl)) load_count.resumed++;
  }
  if (load_opt.mode == LOAD_HTTP) {
    load_http_ask(c);
  } else if (load_opt.mode == LOAD_HOLD) {
    c->state = LOAD_HELD;
    load_count.settled++;
  } else if (again) {
    load_conn_close(c, true);
    load_conn_open(c);
    return false;
  }
  return true;
}

/* ---- opening ---- */

static void check_failures(void)
{
  if (load_count.failed < FAILURES_MAX && load_count.failed < load_opt.connections)
    return;
  fprintf(stderr, "load: %llu connections failed: %s\n",
          (unsigned long long)load_count.failed, load_count.first_failure);
  exit(1);
}

/* Opens all connections, a bounded number at a time, until each is open (or held). */
static void open_all(void)
{
  uint64_t limit_ns = load_clock_ns() + OPEN_S_MAX * UINT64_C(1000000000), done = 0;
  uint32_t begun = 0;
  load_now_ns = load_clock_ns();
  while (done < load_opt.connections && load_now_ns < limit_ns) {
    while (begun < load_opt.connections && begun - done < load_opt.at_once)
      load_conn_open(&load_conns[begun++]);
    load_conn_poll(100);
    done = (load_opt.mode == LOAD_HOLD ? load_count.settled : load_count.opened) +
           load_count.failed;
    check_failures();
  }
}

/* ---- http, handshake ---- */

typedef struct cpu_times {
  double servers, self, machine;
} cpu_times;

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
  while (load_now_ns < end_ns) {
    load_conn_poll(50);
    check_failures();
    reopen_failed();
  }
}

static void report(double seconds, cpu_times a, cpu_times b)
{
  double servers = b.servers - a.servers, self = b.self - a.self;
  double others = b.machine - a.machine - servers - self;
  double per_second = (double)load_count.answers / seconds;
  printf("seconds=%.3f answers=%llu rate=%.1f mb_per_s=%.2f p50_us=%.1f p99_us=%.1f "
         "resumed=%llu failed=%llu bad=%llu server_cpu=%.4f client_cpu=%.3f "
         "other_cpu=%.3f\n",
         seconds, (unsigned long long)load_count.answers, per_second,
         (double)load_count.bytes / 1e6 / seconds, load_latency_us(50),
         load_latency_us(99), (unsigned long long)load_count.resumed,
         (unsigned long long)load_count.failed,
         (unsigned long long)load_count.bad_answers, servers / seconds, self / seconds,
         others > 0 ? others / seconds : 0);
}

static void measure(void)
{
  open_all();
  run_until(load_now_ns + load_opt.warm_ms * UINT64_C(1000000));
  cpu_times before = cpu_now();
  uint64_t began_ns = load_now_ns = load_clock_ns();
  load_count.answers = load_count.resumed = load_count.bytes = 0;
  load_latency_clear();
  load_measuring = true;
  run_until(began_ns + load_opt.ms * UINT64_C(1000000));
  load_measuring = false;
  double seconds = (double)(load_clock_ns() - began_ns) / 1e9;
  report(seconds, before, cpu_now());
}

/* ---- hold ---- */

static void hold(void)
{
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  uint64_t began_ns = load_clock_ns();
  open_all();
  printf("held=%llu failed=%llu seconds=%.3f\n", (unsigned long long)load_count.settled,
         (unsigned long long)load_count.failed,
         (double)(load_clock_ns() - began_ns) / 1e9);
  fflush(stdout);
  while (poll(&input, 1, 100) == 0) load_conn_poll(0);
  load_conn_poll(0);
  printf("lost=%llu\n", (unsigned long long)load_count.lost);
}

/* ---- pause ---- */

static void ask_and_wait(load_conn *c)
{
  load_now_ns = load_clock_ns();
  load_http_ask(c);
  load_conn_flush(c);
  while (c->asked && c->state == LOAD_OPEN) load_conn_poll(1000);
  if (c->state != LOAD_OPEN) load_die("the server closed the connection");
}

static void pauses(void)
{
  load_conn *c = &load_conns[0];
  struct timespec pause = {load_opt.pause_ms / 1000, load_opt.pause_ms % 1000 * 1000000};
  load_opt.connections = 1;
  open_all();
  while (c->asked && c->state == LOAD_OPEN) load_conn_poll(1000);
  load_measuring = true;
  for (uint32_t i = 0; i < load_opt.pauses; i++) {
    nanosleep(&pause, NULL);
    ask_and_wait(c);
  }
  printf("pauses=%u pause_ms=%u p50_us=%.1f max_us=%.1f", load_opt.pauses,
         load_opt.pause_ms, load_latency_us(50), load_latency_us(100));
  load_latency_clear();
  for (uint32_t i = 0; i < load_opt.pauses * 10; i++) ask_and_wait(c);
  printf(" busy_p50_us=%.1f bad=%llu\n", load_latency_us(50),
         (unsigned long long)load_count.bad_answers);
}

/* ---- command line ---- */

static void usage(void)
{
  fputs("usage: load http|handshake|hold|pause --port N [--connections N] [--at-once N]\n"
        "            [--path P] [--warm-ms N] [--ms N] [--pids A,B,...] [--resume]\n"
        "            [--kind silent|idle|stalled] [--pauses N] [--pause-ms N]\n",
        stderr);
  exit(2);
}

/* Which of the names, or the end of the program. */
static int choice(const char *text, const char *const *names)
{
  for (int i = 0; text && names[i]; i++) {
    if (strcmp(text, names[i]) == 0) return i;
  }
  usage();
  return -1;
}

static uint32_t number(const char *text)
{
  char *end;
  unsigned long n = strtoul(text, &end, 10);
  if (*end != '\0' || n > 1000000) usage();
  return (uint32_t)n;
}

static void read_pids(char *text)
{
  char *rest = NULL;
  for (char *p = strtok_r(text, ",", &rest); p; p = strtok_r(NULL, ",", &rest)) {
    if (load_opt.pid_count < LOAD_PIDS_MAX)
      load_opt.pids[load_opt.pid_count++] = (pid_t)strtol(p, NULL, 10);
  }
}

static void read_option(int letter)
{
  static const char *const kinds[] = {"silent", "idle", "stalled", NULL};
  switch (letter) {
  case 'p':
    load_opt.port = (uint16_t)number(optarg);
    break;
  case 'c':
    load_opt.connections = number(optarg);
    break;
  case 'o':
    load_opt.at_once = number(optarg);
    break;
  case 'P':
    load_opt.path = optarg;
    break;
  case 'w':
    load_opt.warm_ms = number(optarg);
    break;
  case 'm':
    load_opt.ms = number(optarg);
    break;
  case 'i':
    read_pids(optarg);
    break;
  case 'r':
    load_opt.resume = true;
    break;
  case 'k':
    load_opt.hold = (load_hold)choice(optarg, kinds);
    break;
  case 'n':
    load_opt.pauses = number(optarg);
    break;
  case 's':
    load_opt.pause_ms = number(optarg);
    break;
  default:
    usage();
  }
}

static void raise_file_limit(void)
{
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
  static const char *const modes[] = {"http", "handshake", "hold", "pause", NULL};
  static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                          {"connections", required_argument, NULL, 'c'},
                                          {"at-once", required_argument, NULL, 'o'},
                                          {"path", required_argument, NULL, 'P'},
                                          {"warm-ms", required_argument, NULL, 'w'},
                                          {"ms", required_argument, NULL, 'm'},
                                          {"pids", required_argument, NULL, 'i'},
                                          {"resume", no_argument, NULL, 'r'},
                                          {"kind", required_argument, NULL, 'k'},
                                          {"pauses", required_argument, NULL, 'n'},
                                          {"pause-ms", required_argument, NULL, 's'},
                                          {0}};
  static void (*const runs[])(void) = {measure, measure, hold, pauses};
  load_opt.mode = (load_mode)choice(argc > 1 ? argv[1] : NULL, modes);
  optind = 2;
  for (int letter; (letter = getopt_long(argc, argv, "", options, NULL)) != -1;)
    read_option(letter);
  if (load_opt.port == 0 || load_opt.connections == 0 || optind != argc) usage();
  signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  load_conns = calloc(load_opt.connections, sizeof *load_conns);
  if (load_conns == NULL) load_die("memory");
  for (uint32_t i = 0; i < load_opt.connections; i++) load_conns[i].fd = -1;
  load_conn_set_up();
  runs[load_opt.mode]();
  fflush(stdout);
  _exit(0);
}
