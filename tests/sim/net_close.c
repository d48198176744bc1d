/* net_close.c - all the ways in which a connection ends, plain and over TLS.
 *
 * Both sides stream their own bytes and draw what they do when all is sent (finish, stay,
 * close, abort), at which event of which handler they give up before (close, abort, end
 * of the actor), and how they read: muted, in pieces of exactly n bytes, slowly. Who
 * closes after writing loses nothing; who finishes can go on receiving for ever; nobody
 * hears anything after `closed`. */
#include "net_tip.h"

#include "scenarios.h"

enum { CLIENTS_MAX = 4, BYTES_MAX = 50000, BULK_BYTES = 1500000, SPREAD_MS = 20 };
enum { NTH_MAX = 6 };

static tip_plan client, server;

static void draw_side(tip_plan *plan, bool stays)
{
  static const tip_then all[] = {TIP_FINISH, TIP_FINISH, TIP_CLOSE, TIP_STAY, TIP_ABORT};
  tip_draw(plan, BYTES_MAX);
  plan->then = all[foal_sim_draw(stays ? 5 : 3)];
  if (foal_sim_draw(3) == 0) {
    plan->quit_on = (tip_event)(1 + foal_sim_draw(TIP_EVENTS - 1));
    plan->quit_nth = 1 + foal_sim_draw(NTH_MAX);
    plan->quit_how = (tip_quit)foal_sim_draw(TIP_QUITS);
  }
  if (foal_sim_draw(3) == 0) plan->habits |= TIP_PULLS;
}

static bool begin(bool tls)
{
  foal_listener listener;
  client = (tip_plan){0};
  server = (tip_plan){0};
  tip_begin();
  draw_side(&client, true);
  draw_side(&server, client.then != TIP_STAY);
  if (foal_sim_draw(3) == 0) server.habits |= TIP_ANSWERS;
  if (tls) tip_draw_tls(&client, &server);
  if (!tip_listen(&server, &listener)) return false;
  return tip_dial_many(&client, listener.port, foal_sim_size(CLIENTS_MAX), SPREAD_MS);
}

static bool start_net(void)
{
  return begin(false);
}

static bool start_tls(void)
{
  return begin(true);
}

/* Much data for slow readers, in both directions. */
static bool begin_bulk(bool tls)
{
  foal_listener listener;
  client = (tip_plan){.then = TIP_FINISH};
  server = (tip_plan){.then = TIP_FINISH};
  tip_begin();
  tip_draw(&client, BULK_BYTES);
  tip_draw(&server, BULK_BYTES);
  if (tls) tip_draw_tls(&client, &server);
  if (foal_sim_draw(2) == 0)
    server.habits |= TIP_ANSWERS;
  else if (foal_sim_draw(2) == 0)
    client.habits |= TIP_MUTES | TIP_DROWSY;
  if (!tip_listen(&server, &listener)) return false;
  (void)tip_dial(&client, listener.port);
  return true;
}

static bool start_net_bulk(void)
{
  return begin_bulk(false);
}

static bool start_tls_bulk(void)
{
  return begin_bulk(true);
}

static void check(void)
{
  tip_check(true);
  for (uint32_t i = 0; i < tip_count(); i++) {
    const tip_log *log = tip_at(i);
    if (log->quit && log->events[TIP_ON_SENDABLE] > 0) foal_sim_mark("quit_late");
    if (log->finish_called && log->got > 0 && log->why == FOAL_CLEAN)
      foal_sim_mark("half_closed");
    if (log->leaving) foal_sim_mark("ended_itself");
    if (log->why == FOAL_RESET) foal_sim_mark("reset");
  }
  tip_begin();
}

static const char *const marks[] = {"quit_late", "half_closed", "ended_itself",
                                    "reset",     "ended_clean", NULL};

const foal_scenario net_close = {
    .name = "net_close",
    .about = "finish, close, abort and leave at any event, on both sides",
    .start = start_net,
    .check = check,
    .marks = marks,
    .flags = FOAL_SIM_STOPS,
};

const foal_scenario tls_close = {
    .name = "tls_close",
    .about = "the same over TLS",
    .prepare = kit_prepare,
    .start = start_tls,
    .check = check,
    .marks = marks,
    .flags = FOAL_SIM_STOPS | FOAL_SIM_CORRUPTS,
};

const foal_scenario net_bulk = {
    .name = "net_bulk",
    .about = "much data both ways between slow readers",
    .start = start_net_bulk,
    .check = check,
};

const foal_scenario tls_bulk = {
    .name = "tls_bulk",
    .about = "the same over TLS",
    .prepare = kit_prepare,
    .start = start_tls_bulk,
    .check = check,
    .flags = FOAL_SIM_CORRUPTS,
};
