/* net_more_test.c - receipts, settings and upgrades at the moments when nothing else
 * happens that would hide a mistake, and how many upgrades there may be at once.
 *
 * On the fake backend: the test says when everything happens, and time costs none. */
#include "conformance/upgrade_kit.h"

#include "../../runtime/log.h"
#include "../../runtime/sched.h"

#include <errno.h>

TestSuite(net_more, .timeout = 30);

/* ---- receipts ---- */

HOOK send_nothing(talk *self, uint32_t token)
{
  must(talk_send(self, 0, token) == FOAL_OK);
}

static bool sends_nothing(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_called = send_nothing;
  if (n == 1) talk_tell(up_one, TALK_CALL, 7);
  if (n == 2) must(up_plan.sent_count == 1); /* without any event of the network */
  if (n == 2) fake_end(0, FOAL_CLEAN);
  return n <= 2;
}

Test(net_more, a_lone_empty_piece_has_its_receipt_at_once)
{
  up_play(false, sends_nothing);
  cr_assert(talk_is(&up_plan, "opened receipt:7:OK ended:CLEAN closed:CLEAN"));
}

enum { CHAIN = 20 };

HOOK sends_the_next(talk *self, uint64_t token, foal_err how)
{
  must(how == FOAL_OK);
  if (token < CHAIN) must(talk_send(self, 0, token + 1) == FOAL_OK);
}

static bool sends_a_chain(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_called = send_nothing;
  if (n == 1) talk_tell(up_one, TALK_CALL, 1);
  if (n == 2) must(up_plan.sent_count == CHAIN);
  if (n == 2) fake_end(0, FOAL_CLEAN);
  return n <= 2;
}

/* More than one turn gives: the rest comes in the next ones, also by itself. */
Test(net_more, each_receipt_sends_the_next_empty_piece)
{
  up_plan.receipt = sends_the_next;
  up_play(false, sends_a_chain);
}

static bool aborts_what_is_out(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake(0)->taking = FAKE_HOLDS;
  if (n == 1) talk_tell(up_one, TALK_SEND, 1);
  if (n == 2) must(fake_take(0, 10) == 10); /* which it does not know when it aborts */
  if (n == 2) talk_tell(up_one, TALK_ABORT, 0);
  return n <= 2;
}

Test(net_more, what_has_left_has_left_also_after_an_abort)
{
  up_play(false, aborts_what_is_out);
  cr_assert(talk_is(&up_plan, "opened send:1:OK receipt:1:OK closed:LOCAL"));
}

/* ---- the peer's end, not yet seen by the protocol ---- */

HOOK answers_at_length(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  must(talk_send(self, 100, 1) == FOAL_OK);
}

static bool ends_while_it_is_held(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake(0)->taking = FAKE_HOLDS;
  if (n == 1) talk_tell(up_one, TALK_SEND, 0);
  if (n == 2) fake(0)->at_once = true;
  if (n == 2) fake_bytes(0, "a", 1);
  if (n == 2) fake_end(0, FOAL_CLEAN);
  if (n == 3) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 4) must(fake_take(0, 10) == 10);
  if (n == 5) must(fake_take(0, 100) == 100);
  return n <= 5;
}

/* The end is known, and waits behind the answer. */
Test(net_more, no_upgrade_when_the_peer_has_ended)
{
  up_options.room_bytes = 1;
  up_plan.received = answers_at_length;
  up_play(true, ends_while_it_is_held);
  cr_assert(talk_has(
      &up_plan, "opened received:1 upgrade:FOAL_BAD_STATE ended:CLEAN closed:CLEAN"));
}

/* ---- settings ---- */

HOOK sets(talk *self, uint32_t value)
{
  foal_err err = foal_conn_set(self->conn, FOAL_CONN_SEND_BYTES, value);
  talk_note(self->plan, "set:%s", foal_err_name(err));
}

/* The values at both sides of each bound. */
HOOK sets_bounds(talk *self)
{
  foal_conn *conn = self->conn;
  must(foal_conn_set(conn, FOAL_CONN_NAGLE, 0) == FOAL_OK);
  must(foal_conn_set(conn, FOAL_CONN_NAGLE, 1) == FOAL_OK);
  must(foal_conn_set(conn, FOAL_CONN_KEEPALIVE_S, 0) == FOAL_OK);
  must(foal_conn_set(conn, FOAL_CONN_KEEPALIVE_S, 32767) == FOAL_OK);
  must(foal_conn_set(conn, FOAL_CONN_KEEPALIVE_S, 32768) == FOAL_BAD_ARGUMENT);
  must(foal_conn_set(conn, FOAL_CONN_RECEIVE_BYTES, 1) == FOAL_OK);
  must(foal_conn_set(conn, FOAL_CONN_RECEIVE_BYTES, 1 << 30) == FOAL_OK);
  must(foal_conn_set(conn, FOAL_CONN_RECEIVE_BYTES, (1 << 30) + 1) == FOAL_BAD_ARGUMENT);
  foal_conn_close(conn);
}

static bool begins_only(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake_end(0, FOAL_CLEAN);
  return n <= 1;
}

Test(net_more, settings_have_bounds)
{
  up_plan.opened = sets_bounds;
  up_play(true, begins_only);
  cr_assert_eq(fake(0)->set[FOAL_CONN_KEEPALIVE_S], 32767);
  cr_assert_eq(fake(0)->set[FOAL_CONN_RECEIVE_BYTES], 1 << 30);
}

static char refused_settings[512];

static void keep_warnings(foal_log_level level, const char *line)
{
  size_t len = strlen(refused_settings);
  if (level != FOAL_LOG_WARNING) return;
  snprintf(refused_settings + len, sizeof refused_settings - len, "%s\n", line);
}

/* The connection opens all the same; the system's number is named. */
Test(net_more, settings_that_the_system_refuses_are_logged)
{
  up_options = (foal_conn_options){
      .nagle = true, .keepalive_s = 40000, .receive_bytes = 5, .send_bytes = 6};
  fake_set_cause = (foal__cause){FOAL_IO, EINVAL};
  foal_log_sink(keep_warnings);
  up_play(true, begins_only);
  cr_assert(talk_is(&up_plan, "opened ended:CLEAN closed:CLEAN"));
  cr_assert_not_null(strstr(refused_settings, "192.0.2.1:5000: the socket option nagle "
                                              "cannot be 1: "));
  cr_assert_not_null(strstr(refused_settings, "option keepalive_s cannot be 40000: "));
  cr_assert_not_null(strstr(refused_settings, "option receive_bytes cannot be 5: "));
  cr_assert_not_null(strstr(refused_settings, "option send_bytes cannot be 6: "));
}

HOOK has_the_other_set(talk *self, foal_buf **data)
{
  (void)self;
  foal_buf_drop(data);
  talk_tell(up_one, TALK_CALL, 8192);
}

HOOK first_is_remembered(talk *self)
{
  if (up_plan.opened_count == 0) up_one = talk_me(self);
}

/* The bytes of the second arrive in one pass with the reset of the first. */
static bool sets_what_breaks(unsigned n)
{
  if (n <= 1) fake_arrive();
  if (n == 2) talk_tell(up_one, TALK_CALL, 4096);
  if (n == 3) must(fake(0)->set[FOAL_CONN_SEND_BYTES] == 4096);
  if (n == 3) fake_end(0, FOAL_RESET);
  if (n == 3) fake_bytes(1, "a", 1);
  if (n == 4) fake_end(1, FOAL_CLEAN);
  return n <= 4;
}

/* The message finds a socket that is being closed, and leaves it alone. */
Test(net_more, a_setting_that_comes_too_late)
{
  up_plan = (talk_plan){.opened = first_is_remembered, .last = 2};
  up_plan.received = has_the_other_set;
  talk_called = sets;
  fake_step = sets_what_breaks;
  kit_start(1);
  talk_serve(&up_plan, NULL, NULL);
  kit_run();
  cr_assert(talk_has(&up_plan, "set:FOAL_OK received:1 set:FOAL_OK closed:RESET"));
  cr_assert_eq(fake(0)->set[FOAL_CONN_SEND_BYTES], 4096);
}

/* ---- after the upgrade ---- */

static bool peer_forgets_to_notify(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 2) fake_peer_call(&up_other, 0);
  if (n == 3) must(up_plan.opened_count == 2);
  if (n == 3) up_other.held = true;
  if (n == 3) talk_tell(up_one, TALK_CLOSE, 0);
  if (n == 4) fake_end(0, FOAL_CLEAN);
  return n <= 4;
}

/* A FIN alone says nothing in TLS, also where it has begun plain. */
Test(net_more, a_fin_after_the_upgrade_is_no_clean_end)
{
  up_play(true, peer_forgets_to_notify);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK opened closed:LOCAL"));
}

static bool peer_notifies_late(unsigned n)
{
  if (n < 4) return peer_forgets_to_notify(n);
  if (n == 4) up_other.held = false;
  if (n == 4) fake_peer_notify(&up_other);
  if (n == 5) fake_end(0, FOAL_CLEAN);
  return n <= 5;
}

/* The socket is still read for the peer's close_notify. */
Test(net_more, a_late_close_notify_after_the_upgrade_is_a_clean_end)
{
  up_play(true, peer_notifies_late);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK opened closed:CLEAN"));
}

HOOK plain_then_upgrade(talk *self, uint32_t and_end)
{
  must(talk_send(self, 20, 1) == FOAL_OK);
  must(up_grade(self) == FOAL_OK);
  if (and_end != 0) foal_actor_end(FOAL_ENDED);
}

static bool fails_before_plain_is_out(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_called = plain_then_upgrade;
  if (n == 1) fake(0)->taking = FAKE_HOLDS;
  if (n == 1) talk_tell(up_one, TALK_CALL, 0);
  if (n == 2) fake_bytes(0, "garbage\r\n", 9);
  return n <= 2;
}

/* Nobody waits for the rest to be taken. */
Test(net_more, a_failed_upgrade_cuts_the_plain_piece_at_once)
{
  up_play(true, fails_before_plain_is_out);
  cr_assert(talk_is(&up_plan, "opened receipt:1:TLS_FAILED closed:TLS_FAILED"));
  cr_assert(fake(0)->reset);
  cr_assert_lt(fake_now_ms(), 1000 + 1000);
}

static bool ends_before_plain_is_out(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_called = plain_then_upgrade;
  if (n == 1) fake(0)->taking = FAKE_HOLDS;
  if (n == 1) talk_tell(up_one, TALK_SEND, 0);
  if (n == 2) talk_tell(up_one, TALK_CALL, 1); /* before it hears of the first write */
  if (n == 2) must(fake_take(0, 10) == 10);
  return n <= 2;
}

/* No FIN may say that nothing is missing. */
Test(net_more, an_actor_that_ends_in_an_upgrade_resets)
{
  up_play(true, ends_before_plain_is_out);
  cr_assert(fake(0)->reset);
  cr_assert_eq(fake(0)->out_len, 10);
}

/* ---- the name ---- */

static bool name_of_the_connection(unsigned n)
{
  if (n == 0) up_ctx = up_trusting();
  if (n == 0) up_name = NULL;
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 2) fake_peer_serve(&up_other, 0, up_cert);
  if (n == 2) up_other.seen = 0;
  if (n == 3) must(foal_ssl_ctx_trust_pem(up_ctx, up_cert->pem) == FOAL_FROZEN);
  if (n == 3) fake_end(0, FOAL_CLEAN);
  return n <= 3;
}

/* 192.0.2.7 was connected to, and the certificate is that of localhost. */
Test(net_more, without_a_name_the_host_is_verified)
{
  up_play(false, name_of_the_connection);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK closed:AUTH_FAILED"));
}

static bool bad_name_first(unsigned n)
{
  if (n == 0) up_name = "no name!";
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 2) up_name = "localhost";
  if (n == 2) talk_tell(up_one, TALK_SEND, 1); /* plain as before */
  if (n == 2) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 3) must(fake(0)->out_len > 10 && fake(0)->out[10] == 0x16); /* a handshake */
  if (n == 3) fake_end(0, FOAL_RESET);
  return n <= 3;
}

Test(net_more, a_name_that_is_none_leaves_the_connection_as_it_was)
{
  up_play(false, bad_name_first);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_BAD_NAME send:1:OK upgrade:FOAL_OK "
                              "receipt:1:OK closed:RESET"));
}

/* ---- many at once ---- */

enum {
  CROWD = 1024, /* handshakes that one listener bears */
  QUIET = 64,   /* others, which stay plain */
  ENDS = 13
};

static talk_tag crowd[CROWD + 8];
static unsigned crowd_count, quiet_count;

HOOK upgrades_at_once(talk *self)
{
  if (foal_conn_ssl(self->conn) != NULL || quiet_count++ < QUIET) return;
  must(crowd_count < CROWD + 8);
  crowd[crowd_count++] = talk_me(self);
  must(foal_conn_start_tls(self->conn, kit_server_ctx, NULL) == FOAL_OK);
}

/* One place becomes free and is taken again. */
static void one_more(unsigned n)
{
  must(fake_watched());
  must(crowd_count == CROWD + n);
  fake_arrive();
}

static bool crowds(unsigned n)
{
  static const char garbage[] = "no hello\r\n";
  if (n <= CROWD / QUIET) {
    for (int i = 0; i < QUIET; i++) fake_arrive();
    return true;
  }
  n -= CROWD / QUIET + 1;
  if (n == ENDS) { /* the last one that ended had agreed before: no place is free */
    must(!fake_watched());
    foal_drain();
  }
  if (n >= ENDS) return n == ENDS;
  if (n % 2 == 0) must(!fake_watched());
  if (n % 2 == 1) one_more(n / 2);
  if (n == 0) fake_end(QUIET, FOAL_CLEAN);
  if (n == 2) fake_end(QUIET + 1, FOAL_RESET);
  if (n == 4) fake_bytes(QUIET + 2, garbage, sizeof garbage - 1);
  if (n == 4) fake_end(QUIET + 2, FOAL_CLEAN);
  if (n == 6) talk_tell(crowd[3], TALK_ABORT, 0);
  if (n == 8) talk_tell(crowd[4], TALK_END, 0);
  if (n == 10) fake_peer_call(&up_other, QUIET + 5);
  if (n == 12) fake_end(QUIET + 5, FOAL_RESET);
  return true;
}

Test(net_more, a_thousand_upgrades_at_once_make_the_rest_wait)
{
  foal_conn_options o = {.handshake_ms = 3600000, .linger_ms = 1};
  up_plan.opened = upgrades_at_once;
  up_plan.quiet = true;
  fake_step = crowds;
  fake_react = fake_peers_move;
  kit_start(1);
  kit_connections_max = 4 * CROWD;
  talk_serve(&up_plan, NULL, &o);
  kit_run();
  fake_peers_end();
}
