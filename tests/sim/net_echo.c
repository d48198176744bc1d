/* net_echo.c - clients that stream to a server that sends everything back, plain and over
 * TLS: with faults of the network, and with memory that runs out.
 *
 * I5: what comes back is what was sent, or the beginning of it; I6: the laws of events;
 * I7, I8: backpressure on both sides; I10: it comes to its end. */
#include "net_tip.h"
#include "scenarios.h"

enum { CLIENTS_MAX = 8, BYTES_MAX = 60000, TLS_BYTES_MAX = 40000, SPREAD_MS = 40 };

static tip_plan client, server;

static bool begin(bool tls, uint32_t bytes)
{
  foal_listener listener;
  client = (tip_plan){.then = TIP_FINISH};
  server = (tip_plan){.echo = true};
  tip_begin();
  tip_draw(&client, bytes);
  tip_draw(&server, bytes);
  if (tls) tip_draw_tls(&client, &server);
  if (foal_sim_draw(4) == 0) {
    client.then = TIP_STAY;
    client.habits = (client.habits | TIP_LATE) & ~(uint32_t)TIP_EXPECTS;
    server.habits &= ~(uint32_t)TIP_EXPECTS;
    if (foal_sim_draw(3) == 0) server.habits |= TIP_HOARDS;
  }
  if (!tip_listen(&server, &listener)) return false;
  uint32_t clients = foal_sim_size(CLIENTS_MAX);
  if (clients > 4) foal_sim_mark("many");
  return tip_dial_many(&client, listener.port, clients, SPREAD_MS);
}

static bool start_net(void)
{
  return begin(false, BYTES_MAX);
}

static bool start_tls(void)
{
  return begin(true, TLS_BYTES_MAX);
}

static void check(void)
{
  tip_check(true);
  tip_begin(); /* a run without memory ends before `start` */
}

static const char *const marks[] = {"many", "sendable", "ended_clean", "muted", NULL};
static const char *const tls_marks[] = {
    "many", "sendable", "ended_clean", "muted", "key_update", "alert_sent", NULL};

const foal_scenario net_echo = {
    .name = "net_echo",
    .about = "clients stream to an echo server: what was sent comes back",
    .start = start_net,
    .check = check,
    .marks = marks,
};

const foal_scenario tls_echo = {
    .name = "tls_echo",
    .about = "the same over TLS 1.2 and 1.3, with client certificates and key updates",
    .prepare = kit_prepare,
    .start = start_tls,
    .check = check,
    .marks = tls_marks,
    .flags = FOAL_SIM_CORRUPTS,
};

const foal_scenario net_echo_memory = {
    .name = "net_echo_memory",
    .about = "net_echo while allocations fail and the program is told to end",
    .start = start_net,
    .check = check,
    .flags = FOAL_SIM_MEMORY | FOAL_SIM_STOPS,
};

const foal_scenario tls_echo_memory = {
    .name = "tls_echo_memory",
    .about = "tls_echo while allocations fail and the program is told to end",
    .prepare = kit_prepare,
    .start = start_tls,
    .check = check,
    .flags = FOAL_SIM_MEMORY | FOAL_SIM_STOPS | FOAL_SIM_CORRUPTS,
};
