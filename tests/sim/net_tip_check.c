/* net_tip_check.c - drawn plans, many clients, and what two ends must agree on.
 *
 * Called between runs of handlers: before foal_run and after it. What a connection may
 * end with depends on what happened in this run (kit_trouble): without any trouble
 * everything that was sent has arrived and both ends were clean; with some, what arrived
 * is the beginning of what was sent and the reason is one that this trouble explains.  */
#include "net_tip.h"

#include <string.h>

enum { WRITES = 400 };

/* ---- drawn plans ---- */

void tip_be_patient(tip_plan *plan)
{
  foal_conn_options *o = &plan->conn;
  o->connect_ms = o->handshake_ms = o->write_ms = o->linger_ms = TIP_DEADLINE_MS;
  o->idle_ms = 2 * TIP_DEADLINE_MS; /* a forged length is waited for */
  o->linger_bytes = UINT32_MAX;
}

void tip_draw(tip_plan *plan, uint32_t bytes)
{
  static const uint32_t habits[] = {
      0, 0, 0, TIP_MUTES, TIP_DRIPS, TIP_MUTES | TIP_DRIPS, TIP_MUTES, 0};
  plan->send_bytes = foal_sim_size(bytes) - 1;
  plan->chunk_max = foal_sim_size(40000);
  plan->conn.room_bytes = foal_sim_size(100000);
  if (foal_sim_draw(12) == 0) plan->conn.room_bytes = 1 + foal_sim_draw(3);
  /* Many writes of a few bytes take long. */
  if (plan->send_bytes > (uint64_t)plan->conn.room_bytes * WRITES)
    plan->send_bytes = (uint64_t)plan->conn.room_bytes * WRITES;
  if (plan->send_bytes > (uint64_t)plan->chunk_max * WRITES)
    plan->send_bytes = (uint64_t)plan->chunk_max * WRITES;
  plan->habits |= habits[foal_sim_draw(sizeof habits / sizeof habits[0])];
  if (foal_sim_draw(4) == 0) plan->habits |= TIP_EXPECTS;
  tip_be_patient(plan);
}

void tip_draw_tls(tip_plan *client, tip_plan *server)
{
  static const kit_ctx clients[] = {KIT_CLIENT_ANY, KIT_CLIENT_1_2, KIT_CLIENT_1_3,
                                    KIT_CLIENT_MUTUAL};
  static const kit_ctx servers[] = {KIT_SERVER, KIT_SERVER_P256};
  kit_ctx ours = clients[foal_sim_draw(4)];
  kit_ctx theirs = servers[foal_sim_draw(2)];
  if (ours == KIT_CLIENT_MUTUAL && foal_sim_draw(2) == 0) theirs = KIT_SERVER_MUTUAL;
  client->ctx = kit_context(ours);
  server->ctx = kit_context(theirs);
  client->verify_name = "a.test";
  if (foal_sim_draw(3) == 0) client->habits |= TIP_REKEYS;
  if (foal_sim_draw(3) == 0) server->habits |= TIP_REKEYS;
  client->habits |= TIP_LEAVES;
  server->habits |= TIP_LEAVES;
}

/* ---- many clients ---- */

typedef struct dialer {
  const tip_plan *plan;
  uint32_t left, spread_ms;
  uint16_t port;
} dialer;
FOAL_TAG(dialer)
FOAL_ACTOR(dialer)
FOAL_TIMER(dialer, again)

enum { DIALERS_MAX = 64 };
static dialer orders[DIALERS_MAX];
static uint32_t orders_count;

FOAL_BEHAVIOUR1(dialer, go, uint32_t, order)
static void dialer_on_go(dialer *self, uint32_t order)
{
  *self = orders[order];
  dialer_on_again(self);
}

static void dialer_on_again(dialer *self)
{
  (void)tip_dial(self->plan, self->port);
  if (--self->left == 0) {
    foal_actor_end(FOAL_ENDED);
  } else {
    (void)dialer_again_after(self, foal_sim_draw(self->spread_ms + 1));
  }
}

bool tip_dial_many(const tip_plan *plan, uint16_t port, uint32_t count,
                   uint32_t spread_ms)
{
  uint32_t workers = foal_workers();
  for (uint32_t w = 0; w < workers && count > 0; w++) {
    dialer_tag tag;
    uint32_t share = w + 1 == workers ? count : 1 + foal_sim_draw(count);
    FOAL_SIM_CHECK(orders_count < DIALERS_MAX);
    orders[orders_count] =
        (dialer){.plan = plan, .left = share, .spread_ms = spread_ms, .port = port};
    if (!dialer_spawn_on(&tag, w)) return false;
    dialer_go(tag, orders_count++);
    count -= share;
  }
  return true;
}

void tip_forget_orders(void)
{
  orders_count = 0;
}

/* ---- the laws between ends ---- */

void tip_meet(tip_log *a, tip_log *b)
{
  FOAL_SIM_CHECK(a->partner == NULL || a->partner == b || a->spoiled || b->spoiled);
  FOAL_SIM_CHECK(b->partner == NULL || b->partner == a || a->spoiled || b->spoiled);
  a->partner = b;
  b->partner = a;
}

/* The peer says that it has sent everything: then it has, and everything is here. */
void tip_check_end(const tip_log *log)
{
  const tip_log *from = log->stream == 0 ? NULL : log->partner;
  bool plain = log->plan->ctx == NULL || (from != NULL && from->plan->ctx == NULL);
  if ((log->plan->habits & TIP_BLIND) != 0) return;
  if (plain && (kit_trouble() & (KIT_FORGED | KIT_BIT(fin))) != 0) return;
  if (from == NULL) { /* too little came, and nobody knows from whom */
    FOAL_SIM_CHECK(log->got < TIP_HEADER_BYTES);
    return;
  }
  FOAL_SIM_CHECK(from->finish_called || from->close_called || from->stopping ||
                 from->closed || from->plan->conn.idle_ms != 0 ||
                 from->plan->opened != NULL);
  FOAL_SIM_CHECK(log->got <= from->written);
  FOAL_SIM_CHECK(log->got == from->written || from->written - log->got < log->expect);
  FOAL_SIM_CHECK(log->incomplete == (log->got != from->written));
  foal_sim_mark("ended_clean");
}

static bool gave_up(const tip_log *log)
{
  return log->quit || log->spoiled || log->stopping || log->plan->then == TIP_ABORT;
}

/* The partner, or when it is not known whoever may be it. */
static bool peer_gave_up(const tip_log *log)
{
  if (log->partner != NULL) return gave_up(log->partner);
  for (uint32_t i = 0; i < tip_count(); i++)
    if (tip_at(i)->server != log->server && gave_up(tip_at(i))) return true;
  return false;
}

/* Whether everything had to go well between these two. */
static bool pure(const tip_log *log)
{
  return kit_trouble() == 0 && !gave_up(log) && !peer_gave_up(log);
}

static void check_alone(const tip_log *log)
{
  bool unborn = log->events[TIP_ON_OPENED] == 0 && (kit_trouble() & KIT_BIT(signal)) != 0;
  FOAL_SIM_CHECK(log->closed || unborn); /* a second signal stops at once */
  FOAL_SIM_CHECK(log->events[TIP_ON_OPENED] <= 1);
  if (log->stream == 0) return;
  const tip_log *source = tip_at(log->stream - 1);
  FOAL_SIM_CHECK(log->spoiled || log->got <= source->written);
}

/* I11: who fails for what the peer said tells it so. */
static void check_alert(const tip_log *log)
{
  const tip_log *peer = log->partner;
  bool silent = (kit_trouble() & (KIT_CUT | KIT_OWN)) != 0 || log->finish_called ||
                log->close_called || log->quit;
  if (peer == NULL || silent || log->why != FOAL_TLS_FAILED || log->alert_out < 0) return;
  FOAL_SIM_CHECK(peer->why != FOAL_TRUNCATED);
  foal_sim_mark("alert_sent");
}

static void check_reason(const tip_log *log)
{
  uint64_t trouble = kit_trouble();
  const tip_log *peer = log->partner;
  bool tls = log->plan->ctx != NULL;
  bool forged = tls && (trouble & KIT_FORGED) != 0, cut = (trouble & KIT_CUT) != 0;
  bool lost = forged || cut || (trouble & KIT_OWN) != 0 || gave_up(log) || peer == NULL ||
              gave_up(peer);
  switch ((int)log->why) {
  case FOAL_CLEAN:
    break;
  case FOAL_LOCAL:
  case FOAL_RESET:
  case FOAL_IO:
    FOAL_SIM_CHECK(lost);
    break;
  case FOAL_TRUNCATED:
    FOAL_SIM_CHECK(tls && lost);
    break;
  case FOAL_TLS_FAILED:
  case FOAL_TLS_ALERT:
  case FOAL_AUTH_FAILED:
  case FOAL_LIMIT:
  case FOAL_BAD_NAME:
    FOAL_SIM_CHECK(forged);
    break;
  case FOAL_TIMEOUT_HANDSHAKE:
  case FOAL_TIMEOUT_WRITE:
  case FOAL_TIMEOUT_IDLE: /* or for memory, or a message was lost for want of it */
    FOAL_SIM_CHECK(forged || (trouble & KIT_BIT(memory)) != 0);
    break;
  case FOAL_NO_MEMORY:
    FOAL_SIM_CHECK((trouble & KIT_BIT(memory)) != 0);
    break;
  case FOAL_REFUSED:
  case FOAL_UNREACHABLE:
  case FOAL_DNS_FAILED:
  case FOAL_TIMEOUT_CONNECT:
    FOAL_SIM_CHECK((trouble & (KIT_REFUSED | KIT_CUT | KIT_OWN)) != 0);
    FOAL_SIM_CHECK(log->events[TIP_ON_OPENED] == 0);
    break;
  case FOAL_STOPPED:
    FOAL_SIM_CHECK((trouble & KIT_OWN) != 0 || log->stopping);
    break;
  default:
    foal_sim_fail("end %u: %s (%s)", log->id, foal_err_name(log->why), log->reason);
  }
}

/* An end that never got the header it waits for is nobody's partner. */
static bool some_expect(const tip_log *log)
{
  for (uint32_t i = 0; i < tip_count(); i++)
    if ((tip_at(i)->plan->habits & TIP_EXPECTS) != 0) return true;
  return (log->plan->habits & TIP_EXPECTS) != 0;
}

static void check_pure(const tip_log *log)
{
  if (log->why != FOAL_CLEAN)
    foal_sim_fail("end %u had no trouble and closed with %s (%s)", log->id,
                  foal_err_name(log->why), log->reason);
  const tip_log *peer = log->partner;
  FOAL_SIM_CHECK(log->events[TIP_ON_OPENED] == 1);
  if (peer == NULL && some_expect(log)) return; /* for more than the whole header */
  if (log->plan->then == TIP_CLOSE) return;     /* what came later was thrown away */
  FOAL_SIM_CHECK(peer != NULL);
  FOAL_SIM_CHECK(log->got == peer->written ||
                 (log->plan->habits & (TIP_EXPECTS | TIP_LATE)) != 0);
}

static void check_counters(void)
{
  foal_counters c;
  foal_counters_read(&c);
  if (c.accepted + c.connected != c.closed)
    foal_sim_fail("%lld accepted and %lld connected, but %lld closed",
                  (long long)c.accepted, (long long)c.connected, (long long)c.closed);
  FOAL_SIM_CHECK(foal_ssl_live_count() == 0);
}

void tip_check(bool strict)
{
  check_counters();
  for (uint32_t i = 0; i < tip_count(); i++) {
    const tip_log *log = tip_at(i);
    check_alone(log);
    check_alert(log);
    if (!strict || !log->closed) continue;
    check_reason(log);
    if (pure(log)) check_pure(log);
  }
}
