/* lori_upgrade_test.c - where the upgrade to TLS is refused, and how it ends, beyond
 * lori's rows.
 *
 * On the fake backend, with an OpenSSL session as the peer: every segment and every
 * moment is the test's, and time-outs cost no time. */
#include "upgrade_kit.h"

TestSuite(conf_lori_more, .timeout = 20);

/* ---- where it is refused, and where it is not ---- */

static bool refusals(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) {
    talk_tell(up_one, TALK_MUTE, 0);
    talk_tell(up_one, TALK_CALL, UP_UPGRADE);
    talk_tell(up_one, TALK_UNMUTE, 0);
    talk_tell(up_one, TALK_CALL, UP_UPGRADE);
    talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  }
  if (n == 2) fake_peer_call(&up_other, 0);
  if (n == 3) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 4) talk_tell(up_one, TALK_FINISH, 0);
  if (n == 4) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 5) fake_peer_notify(&up_other);
  return n <= 5;
}

Test(conf_lori_more, upgrade_when_muted_twice_and_on_tls)
{
  up_play(true, refusals);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_BAD_STATE upgrade:FOAL_OK "
                              "upgrade:FOAL_BAD_STATE opened upgrade:FOAL_BAD_STATE "
                              "upgrade:FOAL_BAD_STATE ended:CLEAN closed:CLEAN"));
}

HOOK upgrades_in_closed(talk *self, foal_err why)
{
  (void)why;
  talk_note(self->plan, "upgrade:%s", foal_err_name(up_grade(self)));
}

static bool on_a_finished_one(unsigned n)
{
  if (n == 0) talk_tell(up_one, TALK_CALL, UP_UPGRADE); /* still connecting */
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_FINISH, 0);
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 2) talk_tell(up_one, TALK_CLOSE, 0);
  if (n == 2) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  return n <= 2;
}

Test(conf_lori_more, upgrade_before_it_is_open_and_after_its_end)
{
  up_plan.closed = upgrades_in_closed;
  up_play(false, on_a_finished_one);
  cr_assert(talk_is(&up_plan,
                    "upgrade:FOAL_BAD_STATE opened upgrade:FOAL_BAD_STATE "
                    "upgrade:FOAL_BAD_STATE closed:LOCAL upgrade:FOAL_BAD_STATE"));
}

HOOK upgrades_in_opened(talk *self)
{
  up_remember(self);
  if (self->step++ > 0) return;
  talk_note(self->plan, "upgrade:%s", foal_err_name(up_grade(self)));
}

static bool at_once(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake_peer_call(&up_other, 0);
  if (n == 2) must(up_plan.opened_count == 2);
  if (n == 2) fake_peer_notify(&up_other);
  return n <= 2;
}

Test(conf_lori_more, upgrade_in_opened)
{
  up_plan.opened = upgrades_in_opened;
  up_play(true, at_once);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK opened ended:CLEAN closed:CLEAN"));
}

HOOK upgrades_in_sendable(talk *self, size_t room)
{
  must(room > 0);
  talk_note(self->plan, "upgrade:%s", foal_err_name(up_grade(self)));
}

static bool after_a_full_queue(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake(0)->taking = FAKE_HOLDS;
  if (n == 1) talk_tell(up_one, TALK_WRITE, 100000);
  if (n == 1) talk_tell(up_one, TALK_WRITE, 10);
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_ROOM);
  if (n == 1) return true;
  if (fake(0)->out_len < 100010) return fake_take(0, SIZE_MAX) > 0;
  if (up_plan.closed_count > 0) return false;
  fake(0)->taking = FAKE_TAKES;
  if (up_other.ssl == NULL) {
    fake_peer_call(&up_other, 0);
  } else if (up_plan.opened_count == 2 && !up_other.end_seen) {
    fake_peer_notify(&up_other);
  }
  return n < 20;
}

Test(conf_lori_more, upgrade_in_sendable)
{
  up_plan.sendable = upgrades_in_sendable;
  up_play(true, after_a_full_queue);
  cr_assert(talk_is(&up_plan,
                    "opened room:none sendable upgrade:FOAL_OK opened ended:CLEAN "
                    "closed:CLEAN"));
  cr_assert(kit_is_pattern(fake(0)->out, 0, 100010));
}

static bool with_a_bad_context(unsigned n)
{
  if (n == 0) up_ctx = foal_ssl_ctx_new();
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 1) talk_tell(up_one, TALK_SEND, 1);
  if (n == 2) fake_end(0, FOAL_CLEAN);
  return n <= 2;
}

/* A server's context without a certificate; the connection goes on in plain. */
Test(conf_lori_more, upgrade_with_a_context_that_cannot_serve)
{
  up_play(true, with_a_bad_context);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_BAD_STATE send:1:OK receipt:1:OK "
                              "ended:CLEAN closed:CLEAN"));
}

/* ---- how it ends ---- */

static bool silent_peer(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  return n <= 1;
}

static void times_out(bool server)
{
  up_options.handshake_ms = 700;
  up_play(server, silent_peer);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK closed:TIMEOUT_HANDSHAKE"));
  cr_assert_geq(fake_now_ms(), 1000 + 700);
  cr_assert_lt(fake_now_ms(), 1000 + 1000);
}

Test(conf_lori_more, an_upgrade_without_answer_times_out_server)
{
  times_out(true);
}

Test(conf_lori_more, an_upgrade_without_answer_times_out_client)
{
  times_out(false);
}

/* The time of the handshake is over when the handshake is. */
static bool long_talk(unsigned n)
{
  static uint64_t began;
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 2) fake_peer_call(&up_other, 0);
  if (n == 3) began = fake_now_ms();
  if (n == 3) fake_pass(5000);
  if (n == 4) must(fake_now_ms() >= began + 5000 && up_plan.closed_count == 0);
  if (n == 4) fake_peer_notify(&up_other);
  return n <= 4;
}

Test(conf_lori_more, an_upgraded_connection_has_no_handshake_deadline)
{
  up_options.handshake_ms = 700;
  up_play(true, long_talk);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK opened ended:CLEAN closed:CLEAN"));
}

static talk_act ending;

/* In the middle: the hello of the peer is answered, its last flight is missing. */
static bool ends_in_the_middle(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 2) fake_peer_call(&up_other, 0);
  if (n == 2) must(fake_peer_move(&up_other));
  if (n == 2) up_other.held = true;
  if (n == 3) must(fake(0)->out_len > 0 && up_plan.opened_count == 1);
  if (n == 3) talk_tell(up_one, ending, 0);
  if (n == 4 && !fake(0)->closing) fake_end(0, FOAL_CLEAN);
  return n <= 4;
}

static void ended_by(talk_act act, const char *journal)
{
  ending = act;
  up_play(true, ends_in_the_middle);
  cr_assert(talk_is(&up_plan, journal));
  cr_assert(fake(0)->gone);
}

Test(conf_lori_more, close_during_the_upgrade)
{
  ended_by(TALK_CLOSE, "opened upgrade:FOAL_OK closed:LOCAL");
}

Test(conf_lori_more, abort_during_the_upgrade)
{
  ended_by(TALK_ABORT, "opened upgrade:FOAL_OK closed:LOCAL");
}

Test(conf_lori_more, end_of_the_actor_during_the_upgrade)
{
  ended_by(TALK_END, "opened upgrade:FOAL_OK closed:LOCAL");
}

HOOK plain_then_upgrade(talk *self, uint32_t close_it)
{
  must(talk_send(self, 20, 1) == FOAL_OK);
  talk_note(self->plan, "upgrade:%s", foal_err_name(up_grade(self)));
  if (close_it != 0) foal_conn_close(self->conn);
}

static bool closes_behind_plain(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake(0)->taking = FAKE_HOLDS;
  if (n == 1) talk_tell(up_one, TALK_CALL, 1);
  if (n == 2) must(fake_unwritten(0) == 20 && !fake(0)->finished);
  if (n == 2) must(fake_take(0, 20) == 20);
  if (n == 3) must(fake(0)->finished);
  if (n == 3) fake_end(0, FOAL_CLEAN);
  return n <= 3;
}

/* What was written in plain is still delivered when nothing comes of the upgrade. */
Test(conf_lori_more, close_during_the_upgrade_delivers_what_was_written)
{
  talk_called = plain_then_upgrade;
  up_play(true, closes_behind_plain);
  cr_assert(talk_has(&up_plan, "opened upgrade:FOAL_OK receipt:1:OK"));
  cr_assert_eq(fake(0)->out_len, 20);
  cr_assert_not(fake(0)->reset);
}

static bool fails_before_plain_is_out(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake(0)->taking = FAKE_HOLDS;
  if (n == 1) talk_tell(up_one, TALK_CALL, 0);
  if (n == 2) must(fake_take(0, 7) == 7);
  if (n == 2) fake_bytes(0, "garbage\r\n", 9);
  return n <= 2;
}

/* The piece is cut: no FIN may say that it was whole. */
Test(conf_lori_more, a_failed_upgrade_fails_the_plain_piece_before_it)
{
  talk_called = plain_then_upgrade;
  up_play(true, fails_before_plain_is_out);
  cr_assert(
      talk_is(&up_plan, "opened upgrade:FOAL_OK receipt:1:TLS_FAILED closed:TLS_FAILED"));
  cr_assert(fake(0)->reset);
  cr_assert_eq(fake(0)->out_len, 7);
}

static bool drains(unsigned n)
{
  if (silent_peer(n)) return true;
  if (n == 2) foal_drain();
  return n <= 2;
}

Test(conf_lori_more, a_program_that_stops_does_not_wait_for_the_upgrade)
{
  up_play(true, drains);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK closed:STOPPED"));
}

static bool wrong_name(unsigned n)
{
  if (n == 0) up_ctx = up_trusting();
  if (n == 0) up_name = "other.test";
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 2) fake_peer_serve(&up_other, 0, up_cert);
  if (n == 2) up_other.seen = 0;
  if (n == 3) must(up_other.failed); /* the alert has left */
  if (n == 3) fake_end(0, FOAL_CLEAN);
  return n <= 3;
}

Test(conf_lori_more, an_upgrade_verifies_the_name)
{
  up_play(false, wrong_name);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK closed:AUTH_FAILED"));
}

static bool frames_stay(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_EXPECT_AND_UPGRADE);
  if (n == 1) talk_tell(up_one, TALK_MUTE, 0);
  if (n == 2) must(fake_reads(0)); /* a handshake needs both directions */
  if (n == 2) fake_peer_call(&up_other, 0);
  if (n == 3) must(up_plan.opened_count == 2);
  if (n == 3) fake_peer_say(&up_other, "abcdefg", 7);
  if (n == 4) must(up_plan.received_bytes == 0);
  if (n == 4) talk_tell(up_one, TALK_UNMUTE, 0);
  if (n == 5) fake_peer_notify(&up_other);
  return n <= 5;
}

/* Muted meanwhile, the handshake goes on, and nothing of what follows is delivered. */
Test(conf_lori_more, frame_size_and_mute_outlive_the_upgrade)
{
  up_play(true, frames_stay);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK opened received:3 received:3 "
                              "ended:INCOMPLETE closed:CLEAN"));
}

/* ---- corners ---- */

HOOK answers_large_and_upgrades(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  if (foal_conn_ssl(self->conn) != NULL) return;
  for (int i = 0; i < 4; i++) must(talk_send(self, 30000, 1) == FOAL_OK);
  must(foal_conn_room(self->conn) == 0);
  talk_note(self->plan, "upgrade:%s", foal_err_name(up_grade(self)));
}

static bool full_in_received(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake(0)->taking = FAKE_HOLDS;
  if (n == 1) fake_bytes(0, "up?", 3);
  if (n == 1) return true;
  if (fake(0)->out_len < 120000) return fake_take(0, SIZE_MAX) > 0;
  if (up_other.ssl == NULL) fake(0)->taking = FAKE_TAKES;
  if (up_other.ssl == NULL) {
    fake_peer_call(&up_other, 0);
  } else if (up_plan.received_bytes == 3) {
    must(up_other.ready);
    fake_peer_say(&up_other, "secret", 6);
  } else {
    fake_peer_notify(&up_other);
  }
  return up_plan.closed_count == 0 && !up_other.end_seen;
}

/* The answer stops the reading; the upgrade goes through, and reading begins again. */
Test(conf_lori_more, upgrade_in_received_with_a_full_queue)
{
  up_plan.received = answers_large_and_upgrades;
  up_play(true, full_in_received);
  cr_assert(talk_has(&up_plan, "opened received:3 upgrade:FOAL_OK opened received:6 "
                               "ended:CLEAN closed:CLEAN"));
  cr_assert(talk_has(&up_plan, "opened sendable received:6"));
  cr_assert(kit_is_pattern(fake(0)->out, 0, 120000));
}

HOOK upgrades_in_ended(talk *self, foal_err why)
{
  (void)why;
  talk_note(self->plan, "upgrade:%s", foal_err_name(up_grade(self)));
  must(talk_send(self, 10, 1) == FOAL_OK);
  foal_conn_close(self->conn);
}

static bool fin_at_once(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake_end(0, FOAL_CLEAN);
  return n <= 1;
}

Test(conf_lori_more, upgrade_after_the_peers_end)
{
  up_plan.ended = upgrades_in_ended;
  up_play(false, fin_at_once);
  cr_assert(talk_is(&up_plan, "opened ended:CLEAN upgrade:FOAL_BAD_STATE receipt:1:OK "
                              "closed:CLEAN"));
}

static bool for_a_bad_name(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 1) talk_tell(up_one, TALK_SEND, 1);
  if (n == 2) fake_end(0, FOAL_CLEAN);
  return n <= 2;
}

Test(conf_lori_more, upgrade_for_a_bad_name)
{
  up_name = "not a name";
  up_play(false, for_a_bad_name);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_BAD_NAME send:1:OK receipt:1:OK "
                              "ended:CLEAN closed:CLEAN"));
}
