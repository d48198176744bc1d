/* lori_time_test.c - lori's rows about time: closing while connecting, timeouts, idling.
 *
 * Without the system and without real time, so that each deadline is met or missed for
 * sure. Idling differs on purpose: lori calls a handler, and the connection goes on; here
 * the option closes the connection, once, with FOAL_TIMEOUT_IDLE, and who wants to be
 * asked has timers (lori_timer_test.c). */
#include "fake_wire.h"

#include <string.h>

TestSuite(conf_lori, .timeout = 30);

static talk_plan client, server;
static talk_tag caller;
static uint64_t closed_ms;

HOOK note_time(talk *self, foal_err why)
{
  (void)self, (void)why;
  closed_ms = wire_now_ms();
}

/* ---- alone: a client, and nobody who answers ---- */

static void dial(const char *host, foal_ssl_ctx *const *ctx, foal_conn_options options)
{
  kit_start(1);
  client.closed = note_time;
  options.context = &client;
  foal_connect_options o = {.host = host,
                            .port = 4242,
                            .ctx = ctx != NULL ? *ctx : NULL,
                            .verify_name = "localhost",
                            .conn = options};
  cr_assert(talk_try_connect(&o, &caller));
}

static void is_connected(void)
{
  fake_connected(0, FOAL_OK);
}

static void close_it(void)
{
  talk_tell(caller, TALK_CLOSE, 0);
}

static void abort_it(void)
{
  talk_tell(caller, TALK_ABORT, 0);
}

static void check_all_gone(unsigned count)
{
  cr_assert_eq(fake_count(), count);
  for (unsigned i = 0; i < count; i++) {
    cr_assert(fake(i)->gone);
    cr_assert_eq(fake(i)->out_len, 0, "it was never live");
  }
}

/* Three addresses, one attempt every 250 ms: two of them are on their way. */
static void end_while_connecting(void (*how)(void), uint32_t connect_ms)
{
  const moment script[] = {{300, how}};
  memcpy(fake_addrs, "\1\2\3", 4);
  dial("many.test", NULL, (foal_conn_options){.connect_ms = connect_ms});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "closed:LOCAL"));
  cr_assert(wire_about(closed_ms, 300));
  check_all_gone(2);
}

/* lori's failure callback is `closed` without `opened`, its reason FOAL_LOCAL. */
Test(conf_lori, CloseWhileConnecting)
{
  end_while_connecting(close_it, 0);
}

Test(conf_lori, HardCloseWhileConnecting)
{
  end_while_connecting(abort_it, 0);
}

/* The timer is gone with the attempts: the program ends long before it. */
static void end_before_the_timeout(void (*how)(void))
{
  end_while_connecting(how, 5000);
  cr_assert_lt(wire_now_ms(), 1000);
}

Test(conf_lori, CloseWhileConnectingWithTimeout)
{
  end_before_the_timeout(close_it);
}

Test(conf_lori, HardCloseWhileConnectingWithTimeout)
{
  end_before_the_timeout(abort_it);
}

/* ---- timeouts ---- */

/* All attempts together have the one time. */
Test(conf_lori, ConnectionTimeoutFires)
{
  memcpy(fake_addrs, "\1\2\3", 4);
  dial("many.test", NULL, (foal_conn_options){.connect_ms = 700});
  wire_play(NULL, 0);
  cr_assert(talk_is(&client, "closed:TIMEOUT_CONNECT"));
  cr_assert(wire_about(closed_ms, 700));
  check_all_gone(3);
}

/* It idles for longer than connecting was allowed to take. */
Test(conf_lori, ConnectionTimeoutCancelledOnConnect)
{
  static const moment script[] = {{300, is_connected}};
  dial("192.0.2.7", NULL, (foal_conn_options){.connect_ms = 400, .idle_ms = 1000});
  WIRE_PLAY(script);
  cr_assert_gt(closed_ms, 1300);
  cr_assert(talk_is(&client, "opened closed:TIMEOUT_IDLE"));
}

/* Connecting and the handshake have a time each. */
Test(conf_lori, SSLConnectionTimeoutFires)
{
  static const moment script[] = {{300, is_connected}};
  dial("192.0.2.7", &kit_client_ctx,
       (foal_conn_options){.connect_ms = 400, .handshake_ms = 500});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "closed:TIMEOUT_HANDSHAKE"));
  cr_assert(wire_about(closed_ms, 800));
}

/* ---- in pairs ---- */

/* A listener and a client that is connected in the moment wire_join. */
static void pair(bool tls, foal_conn_options options)
{
  kit_start(1);
  server.last = 1;
  client.closed = note_time;
  talk_serve(&server, tls ? kit_server_ctx : NULL, NULL);
  options.context = &client;
  foal_connect_options o = {.host = "192.0.2.7",
                            .port = 4242,
                            .ctx = tls ? kit_client_ctx : NULL,
                            .verify_name = "localhost",
                            .conn = options};
  cr_assert(talk_try_connect(&o, &caller));
}

Test(conf_lori, SSLConnectionTimeoutCancelledOnConnect)
{
  static const moment script[] = {{100, wire_join}};
  pair(true,
       (foal_conn_options){.connect_ms = 400, .handshake_ms = 400, .idle_ms = 1000});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened closed:TIMEOUT_IDLE"));
  cr_assert(wire_about(closed_ms, 1100));
}

/* ---- idling ---- */

Test(conf_lori, IdleTimeout)
{
  static const moment script[] = {{100, wire_join}};
  pair(false, (foal_conn_options){.idle_ms = 500});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened closed:TIMEOUT_IDLE"));
  cr_assert(talk_is(&server, "opened ended:CLEAN closed:CLEAN")); /* closed, not cut */
  cr_assert(wire_about(closed_ms, 600));
}

static void write_some(void)
{
  talk_tell(caller, TALK_WRITE, 10);
}

static void hear_some(void)
{
  fake_bytes(0, "hello", 5);
}

/* Bytes in either direction. */
Test(conf_lori, IdleTimeoutReset)
{
  static const moment script[] = {
      {100, wire_join}, {500, hear_some}, {900, write_some}, {1300, hear_some}};
  pair(false, (foal_conn_options){.idle_ms = 500});
  WIRE_PLAY(script);
  cr_assert(wire_about(closed_ms, 1800));
  cr_assert_eq(client.why, FOAL_TIMEOUT_IDLE);
  cr_assert_eq(client.received_bytes, 10);
  cr_assert_eq(server.received_bytes, 10);
}

HOOK set_idle(talk *self, uint32_t idle_ms)
{
  foal_conn_idle(self->conn, idle_ms);
}

static void idle_never(void)
{
  talk_tell(caller, TALK_CALL, 0);
}

static void idle_500(void)
{
  talk_tell(caller, TALK_CALL, 500);
}

Test(conf_lori, IdleTimeoutDisable)
{
  static const moment script[] = {{100, wire_join}, {400, idle_never}, {5000, close_it}};
  talk_called = set_idle;
  pair(false, (foal_conn_options){.idle_ms = 500});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened closed:CLEAN"));
  cr_assert(wire_about(closed_ms, 5000));
}

/* It fires once, because it closes; setting it begins it anew, also when it was off. */
Test(conf_lori, IdleTimeoutRearms)
{
  static const moment script[] = {{100, wire_join},
                                  {500, idle_500},
                                  {900, idle_500},
                                  {1300, idle_never},
                                  {3000, idle_500}};
  talk_called = set_idle;
  pair(false, (foal_conn_options){.idle_ms = 500});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened closed:TIMEOUT_IDLE"));
  cr_assert(wire_about(closed_ms, 3500));
}

/* The peer does not answer the FIN. What ends the waiting is linger_ms. */
Test(conf_lori, IdleTimeoutNoRearmDuringClosing)
{
  static const moment script[] = {{100, is_connected}, {300, close_it}};
  dial("192.0.2.7", NULL, (foal_conn_options){.idle_ms = 500, .linger_ms = 2000});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened closed:LOCAL"));
  cr_assert(wire_about(closed_ms, 2300));
}

/* ---- idling and TLS ---- */

Test(conf_lori, SSLIdleTimeout)
{
  static const moment script[] = {{100, wire_join}, {500, write_some}, {900, write_some}};
  pair(true, (foal_conn_options){.idle_ms = 500});
  WIRE_PLAY(script);
  cr_assert(wire_about(closed_ms, 1400));
  cr_assert(talk_is(&client, "opened closed:TIMEOUT_IDLE"));
  cr_assert(talk_is(&server, "opened received:10 received:10 ended:CLEAN closed:CLEAN"));
}

Test(conf_lori, SSLIdleTimeoutNotArmedDuringHandshake)
{
  static const moment script[] = {{100, is_connected}};
  dial("192.0.2.7", &kit_client_ctx,
       (foal_conn_options){.idle_ms = 300, .handshake_ms = 2000});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "closed:TIMEOUT_HANDSHAKE"));
  cr_assert(wire_about(closed_ms, 2100));
}

static void let_go(void)
{
  wire_hold(1, false);
}

static void join_and_hold(void)
{
  wire_join();
  wire_hold(1, true);
}

/* The handshake ends at 1000; from there on it counts. */
Test(conf_lori, SSLIdleTimeoutDeferredArm)
{
  static const moment script[] = {{100, join_and_hold}, {1000, let_go}};
  pair(true, (foal_conn_options){.idle_ms = 300, .handshake_ms = 2000});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened closed:TIMEOUT_IDLE"));
  cr_assert(wire_about(closed_ms, 1300));
}

/* ---- idling and STARTTLS ---- */

HOOK serve_tls(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  must(talk_say(self, "ok", 0) == FOAL_OK);
  must(foal_conn_start_tls(self->conn, kit_server_ctx, NULL) == FOAL_OK);
}

HOOK use_tls(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  must(foal_conn_start_tls(self->conn, kit_client_ctx, NULL) == FOAL_OK);
  wire_hold(1, true);
}

/* While it becomes TLS, handshake_ms is what counts; idling begins anew after. */
Test(conf_lori, IdleTimeoutRearmsDuringTLSUpgrade)
{
  static const moment script[] = {{100, wire_join}, {300, write_some}, {2000, let_go}};
  pair(false, (foal_conn_options){.idle_ms = 500, .handshake_ms = 3000});
  server.received = serve_tls;
  client.received = use_tls;
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened received:2 opened closed:TIMEOUT_IDLE"));
  cr_assert(wire_about(closed_ms, 2500));
}
