/* net_dial.c - connecting to where nobody answers, and giving it up.
 *
 * A run is one case: an address that swallows everything, names some of whose addresses
 * do or all of them, a port that nobody listens on, and a client that is closed, aborted
 * or ended while it waits. Each must be over for its reason and in time: at connect_ms,
 * or when the system gives up, or after a quarter of a second per address that does not
 * answer; and a connection that works is not touched by connect_ms any more. */
#include "net_tip.h"

#include "scenarios.h"

#include <stdio.h>
#include <string.h>

typedef enum dial_case {
  HOLE,    /* nobody answers, connect_ms is shorter than the system's patience */
  PATIENT, /* ... or longer */
  SOME,    /* some addresses of a name are holes, the last one works */
  ALL,     /* all are */
  REFUSED, /* nobody listens */
  NUMB,    /* a name without a look-up: it cannot be one */
  CLOSES,  /* closes while it waits */
  ABORTS,
  ENDS, /* ends its actor */
  CASES
} dial_case;

enum {
  ADDRS_MAX = 4,
  STAGGER_MS = 250,
  SYSTEM_MS = 127000,
  SLACK_MS = 2000, /* look-ups, ways, timers that ring late */
  LIMIT_MS_MAX = 100000,
  PATIENT_MS = 400000,
  STAY_MS = 300000
};

typedef struct caller {
  foal_conn *conn FOAL_REF;
  uint64_t opened_ms;
  bool open;
} caller;
FOAL_TAG(caller)
FOAL_PROTOCOL(caller)
FOAL_TIMER(caller, stayed)
FOAL_BEHAVIOUR0(caller, give_up)

static const char *const names[CASES] = {"hole", "patient", "some",   "all", "refused",
                                         "numb", "closes",  "aborts", "ends"};
static dial_case now;
static uint32_t limit_ms, holes, quit_ms, closed;
static uint64_t dialed_ms, opened_ms, closed_ms;
static char peer[80];
static foal_err why_closed;
static uint16_t port;
static caller_tag called;
static tip_plan server;

/* ---- the client ---- */

static void caller_on_opened(caller *self, foal_conn *conn)
{
  self->conn = conn;
  self->open = true;
  opened_ms = foal_sim_now_ms();
  snprintf(peer, sizeof peer, "%s", foal_conn_peer(conn));
  (void)caller_stayed_after(self, STAY_MS);
}

static void caller_on_stayed(caller *self)
{
  if (closed == 0) foal_conn_close(self->conn);
}

static void caller_on_give_up(caller *self)
{
  if (now == CLOSES) foal_conn_close(caller_conn(self));
  if (now == ABORTS) foal_conn_abort(caller_conn(self), FOAL_LOCAL);
  if (now == ENDS) foal_actor_end(FOAL_ENDED);
}

static void caller_on_received(caller *self, foal_buf **data)
{
  (void)self;
  foal_buf_drop(data);
}

static void caller_on_sendable(caller *self, size_t room)
{
  (void)self, (void)room;
}

static void caller_on_ended(caller *self, foal_err why)
{
  (void)why;
  foal_conn_close(self->conn);
}

static void caller_on_closed(caller *self, foal_err why)
{
  (void)self;
  closed++;
  why_closed = why;
  closed_ms = foal_sim_now_ms();
}

/* ---- who dials ---- */

typedef struct starter {
  bool dialed;
} starter;
FOAL_TAG(starter)
FOAL_ACTOR(starter)
FOAL_DOWN(starter)
FOAL_TIMER(starter, turn)

static const char *host(void)
{
  static char name[16];
  if (now == HOLE || now == PATIENT || now >= CLOSES) return "192.0.2.7";
  if (now == REFUSED) return foal_sim_draw(2) == 0 ? "127.0.0.1" : "many.test";
  if (now == NUMB) return "";
  snprintf(name, sizeof name, "holes%u.test", holes);
  return name;
}

static void starter_on_turn(starter *self)
{
  if (self->dialed) {
    caller_give_up(called);
    return;
  }
  self->dialed = true;
  dialed_ms = foal_sim_now_ms();
  foal_connect_options to = {.host = host(), .port = port};
  if (now == REFUSED) to.port = 9;
  to.conn.connect_ms = limit_ms;
  to.conn.linger_ms = PATIENT_MS;
  if (!caller_connect(&to, &called)) foal_sim_fail("no memory");
  starter_watch(self, called.any);
  if (now >= CLOSES) (void)starter_turn_after(self, quit_ms);
}

/* Who watches a connection hears the same reason as its protocol. */
static void starter_on_down(starter *self, foal_tag who, foal_err why)
{
  bool ordinary = why_closed == FOAL_CLEAN || why_closed == FOAL_LOCAL;
  (void)self, (void)who;
  FOAL_SIM_CHECK(closed == 1);
  FOAL_SIM_CHECK(why == FOAL_GONE || why == (ordinary ? FOAL_ENDED : why_closed));
  foal_actor_end(FOAL_ENDED);
}

static bool start(void)
{
  foal_listener listener;
  starter_tag tag;
  tip_begin();
  dialed_ms = opened_ms = closed_ms = 0;
  closed = 0;
  peer[0] = '\0';
  why_closed = FOAL_OK;
  now = (dial_case)foal_sim_draw(CASES);
  limit_ms = now == PATIENT ? PATIENT_MS : 2000 + foal_sim_size(LIMIT_MS_MAX);
  quit_ms = foal_sim_draw(1500);
  holes = now == ALL ? ADDRS_MAX : foal_sim_draw(ADDRS_MAX);
  server = (tip_plan){.echo = true, .habits = TIP_BLIND};
  tip_be_patient(&server);
  foal_sim_note("case %s, %u ms, %u holes", names[now], limit_ms, holes);
  foal_sim_mark(names[now]);
  if (!tip_listen(&server, &listener) || !starter_spawn(&tag)) return false;
  port = listener.port;
  starter_turn(tag);
  return true;
}

/* ---- what must have happened ---- */

static void over_at(uint64_t ms)
{
  uint64_t took = closed_ms - dialed_ms;
  bool slow = foal__sim_fired(FOAL__SIM_W_delay) || foal__sim_fired(FOAL__SIM_W_stall);
  if (took + 3 < ms || (took > ms + SLACK_MS && !slow))
    foal_sim_fail("%s: over after %llu ms in place of %llu", names[now],
                  (unsigned long long)took, (unsigned long long)ms);
}

static void check_some(void)
{
  char text[80];
  snprintf(text, sizeof text, "127.0.0.1:%u", (unsigned)port);
  FOAL_SIM_CHECK(opened_ms != 0 && strcmp(peer, text) == 0);
  FOAL_SIM_CHECK(why_closed == FOAL_CLEAN && closed_ms >= opened_ms + STAY_MS - 3);
  uint64_t took = opened_ms - dialed_ms, least = (uint64_t)holes * STAGGER_MS;
  bool slow = foal__sim_fired(FOAL__SIM_W_delay) || foal__sim_fired(FOAL__SIM_W_stall);
  FOAL_SIM_CHECK(took + 3 >= least && (slow || took <= least + SLACK_MS));
}

/* Attempts that take long use up the time there is, whatever would have come of them. */
static bool too_slow(void)
{
  bool slow = foal__sim_fired(FOAL__SIM_W_delay) || foal__sim_fired(FOAL__SIM_W_stall);
  bool late = closed_ms + 3 >= dialed_ms + limit_ms;
  return (now == SOME || now == REFUSED) && why_closed == FOAL_TIMEOUT_CONNECT && slow &&
         late && opened_ms == 0;
}

static void check(void)
{
  static const foal_err whys[CASES] = {
      FOAL_TIMEOUT_CONNECT, FOAL_TIMEOUT_CONNECT, FOAL_CLEAN,
      FOAL_TIMEOUT_CONNECT, FOAL_REFUSED,         FOAL_DNS_FAILED,
      FOAL_LOCAL,           FOAL_LOCAL,           FOAL_LOCAL};
  tip_check(false);
  FOAL_SIM_CHECK(closed == 1);
  if (kit_trouble() == 0 && !too_slow()) {
    if (why_closed != whys[now])
      foal_sim_fail("%s: %s", names[now], foal_err_name(why_closed));
    FOAL_SIM_CHECK((opened_ms != 0) == (now == SOME));
    if (now == HOLE || now == ALL) over_at(limit_ms);
    if (now == PATIENT) over_at(SYSTEM_MS);
    if (now == REFUSED || now == NUMB) over_at(0);
    if (now >= CLOSES) over_at(quit_ms);
    if (now == SOME) check_some();
  }
  tip_begin();
}

static const char *const marks[] = {"hole", "patient", "some",   "all",  "refused",
                                    "numb", "closes",  "aborts", "ends", NULL};

const foal_scenario net_dial = {
    .name = "net_dial",
    .about = "connecting to where nobody answers, and giving it up",
    .start = start,
    .check = check,
    .marks = marks,
};
