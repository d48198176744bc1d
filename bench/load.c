/* load.c - the load generator: TLS 1.3 (or plain) clients on one core.
 *
 *    load http      --port N [--connections N] [--active N] [--rate N] [--slow N] ...
 *    load handshake --port N [--connections N] [--resume] ...
 *    load echo      --port N [--connections N] [--in-flight N] [--size N] [--plain] ...
 *    load hold      --port N [--connections N] --kind silent|idle|stalled [--path P]
 *    load pause     --port N [--pauses N] [--pause-ms N]
 *
 * http asks again as soon as an answer is complete; handshake opens a connection, asks
 * once, closes and begins anew; echo keeps messages on their way and compares every byte
 * that comes back. All three warm up, then measure, and print one line of key=value pairs
 * (for each of --windows). hold prints a line when all connections stand, keeps them
 * until standard input ends, and prints how many the server closed meanwhile. pause lets
 * a connection rest before each request. --pids: processes whose CPU time is the
 * server's. */
#include "load.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FAILURES_MAX = 100, OPEN_S_MAX = 60, NUMBER_MAX = 1000000 };

load_options load_opt = {.connections = 64,
                         .at_once = 128,
                         .in_flight = 1,
                         .size = 32,
                         .warm_ms = 300,
                         .ms = 1000,
                         .windows = 1,
                         .pauses = 10,
                         .pause_ms = 500,
                         .path = "/"};
load_counts load_count;
load_conn *load_conns;
load_times load_latency;
uint64_t load_now_ns;
bool load_measuring;

/* ---- what connections report ---- */

void load_opened(load_conn *c)
{
  load_count.opened++;
  if (c->slow) {
    c->state = LOAD_KEPT;
    return;
  }
  if (load_opt.mode != LOAD_HOLD) {
    load_first(c);
    return;
  }
  if (load_opt.held != LOAD_SILENT) load_http_ask(c, load_now_ns);
  if (load_opt.held == LOAD_IDLE || c->state == LOAD_CLOSED) return;
  load_count.settled++;
  if (load_opt.held == LOAD_STALLED) load_conn_flush(c);
  c->state = LOAD_KEPT;
}

bool load_answered(load_conn *c)
{
  bool again = load_opt.mode == LOAD_HANDSHAKE;
  load_now_ns = load_clock_ns();
  load_answer_count(c, again ? c->opened_ns : c->asked_ns);
  if (load_opt.mode == LOAD_HTTP) {
    load_next(c);
  } else if (load_opt.mode == LOAD_HOLD) {
    c->state = LOAD_KEPT;
    load_count.settled++;
  } else if (again) {
    load_conn_close(c, true);
    load_conn_open(c);
    return false;
  }
  return true;
}

/* ---- opening ---- */

void load_check_failures(void)
{
  if (load_count.failed < FAILURES_MAX && load_count.failed < load_opt.connections)
    return;
  fprintf(stderr, "load: %llu connections failed: %s\n",
          (unsigned long long)load_count.failed, load_count.first_failure);
  exit(1);
}

void load_open_all(void)
{
  uint64_t limit_ns = load_clock_ns() + OPEN_S_MAX * UINT64_C(1000000000), done = 0;
  uint32_t begun = 0, all = load_opt.connections + load_opt.slow;
  load_now_ns = load_clock_ns();
  while (done < all && load_now_ns < limit_ns) {
    while (begun < all && begun - done < load_opt.at_once)
      load_conn_open(&load_conns[begun++]);
    load_conn_poll(100);
    done = (load_opt.mode == LOAD_HOLD ? load_count.settled : load_count.opened) +
           load_count.failed;
    load_check_failures();
  }
}

/* ---- command line ---- */

typedef struct option_line {
  const char *name;
  uint32_t *number; /* NULL: something else */
} option_line;

static uint32_t port;

static const option_line numbers[] = {
    {"port", &port},
    {"connections", &load_opt.connections},
    {"at-once", &load_opt.at_once},
    {"active", &load_opt.active},
    {"in-flight", &load_opt.in_flight},
    {"size", &load_opt.size},
    {"rate", &load_opt.rate},
    {"slow", &load_opt.slow},
    {"warm-ms", &load_opt.warm_ms},
    {"ms", &load_opt.ms},
    {"windows", &load_opt.windows},
    {"pauses", &load_opt.pauses},
    {"pause-ms", &load_opt.pause_ms},
};

static void usage(void)
{
  fputs("usage: load http|handshake|echo|hold|pause --port N [--OPTION VALUE]...\n"
        "options with a number:",
        stderr);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    fprintf(stderr, " %s", numbers[i].name);
  fputs("\nothers: --path P, --pids A,B,..., --kind silent|idle|stalled,\n"
        "  --resume, --plain (no value)\n",
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
  if (*end != '\0' || n > NUMBER_MAX) usage();
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

static void read_value(const char *name, char *value)
{
  static const char *const kinds[] = {"silent", "idle", "stalled", NULL};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    if (strcmp(name, numbers[i].name) != 0) continue;
    *numbers[i].number = number(value);
    return;
  }
  if (strcmp(name, "path") == 0) {
    load_opt.path = value;
  } else if (strcmp(name, "pids") == 0) {
    read_pids(value);
  } else if (strcmp(name, "kind") == 0) {
    load_opt.held = (load_held)choice(value, kinds);
  } else {
    usage();
  }
}

static void read_options(int argc, char **argv)
{
  for (int i = 2; i < argc; i++) {
    if (strncmp(argv[i], "--", 2) != 0) usage();
    const char *name = argv[i] + 2;
    if (strcmp(name, "resume") == 0) {
      load_opt.resume = true;
    } else if (strcmp(name, "plain") == 0) {
      load_opt.plain = true;
    } else if (i + 1 < argc) {
      read_value(name, argv[++i]);
    } else {
      usage();
    }
  }
  if (port == 0 || port > UINT16_MAX || load_opt.connections == 0) usage();
  load_opt.port = (uint16_t)port;
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
  static const char *const modes[] = {"http", "handshake", "echo", "hold", "pause", NULL};
  static void (*const runs[])(void) = {load_measure, load_measure, load_measure,
                                       load_hold, load_pauses};
  load_opt.mode = (load_mode)choice(argc > 1 ? argv[1] : NULL, modes);
  read_options(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  uint32_t all = load_opt.connections + load_opt.slow;
  load_conns = calloc(all, sizeof *load_conns);
  if (load_conns == NULL) load_die("memory");
  for (uint32_t i = 0; i < all; i++) {
    load_conns[i].fd = -1;
    load_conns[i].slow = i >= load_opt.connections;
  }
  if (load_opt.mode == LOAD_ECHO) load_echo_set_up();
  load_conn_set_up();
  runs[load_opt.mode]();
  fflush(stdout);
  _exit(0);
}
