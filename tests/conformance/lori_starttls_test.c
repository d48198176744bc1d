/* lori_starttls_test.c - the upgrade to TLS under attack and under stress, beyond lori's
 * rows.
 *
 * On the fake backend, with an OpenSSL session as the peer: every segment and every
 * moment is the test's, and time-outs cost no time. */
#include "upgrade_kit.h"

#include <string.h>

TestSuite(conf_lori_more, .timeout = 20);

/* ---- what a third person puts in front of the handshake ---- */

HOOK expects_eight(talk *self)
{
  up_remember(self);
  foal_conn_expect(self->conn, 8);
}

HOOK upgrades_on_command(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  talk_note(self->plan, "upgrade:%s", foal_err_name(up_grade(self)));
  foal_conn_close(self->conn);
}

static bool injected(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake_bytes(0, "STARTTLSMAIL FROM:<eve>", 23);
  if (n == 2) fake_end(0, FOAL_CLEAN);
  return n <= 2;
}

Test(conf_lori_more, plaintext_behind_the_command_is_refused)
{
  up_plan.opened = expects_eight;
  up_plan.received = upgrades_on_command;
  up_play(true, injected);
  cr_assert(talk_is(&up_plan, "opened received:8 upgrade:FOAL_EARLY_BYTES closed:CLEAN"));
}

/* In a segment of its own, which has arrived in the same turn. */
static bool injected_apart(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake_bytes(0, "STARTTLS", 8);
  if (n == 1) fake_bytes(0, "MAIL FROM:<eve>", 15);
  return n <= 1;
}

HOOK upgrades(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  must(self->step++ == 0); /* what follows is never delivered */
  talk_note(self->plan, "upgrade:%s", foal_err_name(up_grade(self)));
}

Test(conf_lori_more, plaintext_in_place_of_the_hello_breaks_the_handshake)
{
  up_plan.received = upgrades;
  up_play(true, injected_apart);
  cr_assert(talk_is(&up_plan, "opened received:8 upgrade:FOAL_OK closed:TLS_FAILED"));
  cr_assert_lt(fake_now_ms(), 1000 + 5000); /* at once, not when the time is up */
}

HOOK yields_first(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  foal_conn_yield(self->conn);
  talk_tell(talk_me(self), TALK_CALL, UP_UPGRADE);
  talk_tell(talk_me(self), TALK_ABORT, 0);
}

static bool injected_at_once(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake_bytes(0, "STARTTLSEVE", 11);
  return n <= 1;
}

/* The next frame waits because of the yield. */
Test(conf_lori_more, plaintext_that_waits_for_a_yield_is_refused)
{
  up_plan.opened = expects_eight;
  up_plan.received = yields_first;
  up_play(true, injected_at_once);
  cr_assert(talk_is(&up_plan, "opened received:8 upgrade:FOAL_EARLY_BYTES closed:LOCAL"));
}

HOOK upgrades_or_not(talk *self, uint32_t unused)
{
  (void)unused;
  foal_err err = up_grade(self);
  talk_note(self->plan, "upgrade:%s", foal_err_name(err));
  if (err == FOAL_EARLY_BYTES) foal_conn_expect(self->conn, 0);
}

static bool refused_then_taken(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake_bytes(0, "EVE", 3);
  if (n == 1) talk_called = upgrades_or_not;
  if (n == 2) talk_tell(up_one, TALK_CALL, 0);
  if (n == 3) must(talk_is(&up_plan, "opened upgrade:FOAL_EARLY_BYTES received:3"));
  if (n == 3) talk_tell(up_one, TALK_CALL, 0);
  if (n == 4) fake_peer_call(&up_other, 0);
  if (n == 5) fake_end(0, FOAL_RESET);
  return n <= 5;
}

/* After a refusal the connection is as it was. */
Test(conf_lori_more, early_bytes_can_be_read_and_the_upgrade_repeated)
{
  up_plan.opened = expects_eight;
  up_play(true, refused_then_taken);
  cr_assert(talk_is(&up_plan,
                    "opened upgrade:FOAL_EARLY_BYTES received:3 upgrade:FOAL_OK "
                    "opened closed:RESET"));
}

/* Without frames the command and what is put behind it may come as one buffer. All of it
 * was received, nothing is unread: the tail is the protocol's to refuse, as done here. */
HOOK upgrades_on_a_line(talk *self, foal_buf **data)
{
  static const char command[] = "STARTTLS\r\n";
  size_t len = foal_buf_len(*data);
  must(len >= strlen(command) &&
       memcmp(foal_buf_data(*data), command, strlen(command)) == 0);
  foal_buf_drop(data);
  if (len > strlen(command)) {
    talk_note(self->plan, "tail:%zu", len - strlen(command));
    foal_conn_abort(self->conn, FOAL_EARLY_BYTES);
  } else {
    talk_note(self->plan, "upgrade:%s", foal_err_name(up_grade(self)));
  }
}

static bool tail_in_one_buffer(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake_bytes(0, "STARTTLS\r\nEVIL", 14);
  return n <= 1;
}

Test(conf_lori_more, plaintext_in_the_buffer_of_the_command_is_refused)
{
  up_plan.received = upgrades_on_a_line;
  up_play(true, tail_in_one_buffer);
  cr_assert(talk_is(&up_plan, "opened received:14 tail:4 closed:EARLY_BYTES"));
  cr_assert_eq(fake(0)->out_len, 0);
}

static bool line_alone(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake_bytes(0, "STARTTLS\r\n", 10);
  if (n == 2) fake_peer_call(&up_other, 0);
  if (n == 3) fake_peer_notify(&up_other);
  return n <= 3;
}

Test(conf_lori_more, a_command_alone_in_its_buffer_goes_up)
{
  up_plan.received = upgrades_on_a_line;
  up_play(true, line_alone);
  cr_assert(talk_is(&up_plan, "opened received:10 upgrade:FOAL_OK opened ended:CLEAN "
                              "closed:CLEAN"));
}

/* The attacker strips the command: the side that wants TLS never sees a handshake, and
 * what is said in plain is not taken for the answer. */
static bool stripped(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 2) fake_bytes(0, "500 what is STARTTLS?\r\n", 23);
  return n <= 2;
}

Test(conf_lori_more, a_stripped_command_ends_the_client)
{
  up_play(false, stripped);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK closed:TLS_FAILED"));
  cr_assert_eq(up_plan.received_bytes, 0);
}

/* ---- garbage, from every state ---- */

static uint32_t how;

static bool garbage(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, how);
  if (n == 2) fake_bytes(0, "GET / HTTP/1.1\r\n\r\n", 18);
  if (n == 3) must(up_plan.closed_count == 1 || fake(0)->finished || fake(0)->closing);
  return n <= 3;
}

static void answered_with_garbage(bool server)
{
  up_play(server, garbage);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK closed:TLS_FAILED"));
  cr_assert_str_neq(up_plan.reason, "");
}

Test(conf_lori_more, garbage_instead_of_a_client_hello)
{
  answered_with_garbage(true);
}

Test(conf_lori_more, garbage_instead_of_a_server_hello)
{
  answered_with_garbage(false);
}

/* Another frame size leaves the connection looking for a frame when it goes up. */
Test(conf_lori_more, garbage_after_another_frame_size_server)
{
  how = UP_EXPECT_AND_UPGRADE;
  answered_with_garbage(true);
}

Test(conf_lori_more, garbage_after_another_frame_size_client)
{
  how = UP_EXPECT_AND_UPGRADE;
  answered_with_garbage(false);
}

static bool fin_instead(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, how);
  if (n == 2) fake_end(0, FOAL_CLEAN);
  return n <= 2;
}

static void answered_with_fin(uint32_t way)
{
  how = way;
  up_play(false, fin_instead);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK closed:TRUNCATED"));
  cr_assert_lt(fake_now_ms(), 1000 + 5000);
}

Test(conf_lori_more, fin_instead_of_a_hello)
{
  answered_with_fin(UP_UPGRADE);
}

Test(conf_lori_more, fin_instead_of_a_hello_after_another_frame_size)
{
  answered_with_fin(UP_EXPECT_AND_UPGRADE);
}

/* ---- both directions ---- */

static bool talks(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 1) talk_tell(up_one, TALK_SEND, 1);
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_ROOM);
  if (n == 2) fake_peer_call(&up_other, 0);
  if (n == 3) must(up_other.ready);
  if (n == 3) talk_tell(up_one, TALK_SEND, 2);
  if (n == 4) must(up_other.got_len == 10 && kit_is_pattern(up_other.got, 0, 10));
  if (n == 4) fake_peer_say(&up_other, "secret", 6);
  if (n == 5) fake_peer_notify(&up_other);
  return n <= 5;
}

Test(conf_lori_more, upgrade_as_a_server)
{
  up_play(true, talks);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK send:1:BAD_STATE room:none opened "
                              "send:2:OK receipt:2:OK received:6 ended:CLEAN "
                              "closed:CLEAN"));
  cr_assert_arr_eq(up_plan.got, "secret", 6);
}

static bool talks_to_a_server(unsigned n)
{
  if (n == 0) up_ctx = up_trusting();
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_WRITE, 20);
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 2) must(fake(0)->out_len > 20 && kit_is_pattern(fake(0)->out, 0, 20));
  if (n == 2) fake_peer_serve(&up_other, 0, up_cert);
  if (n == 2) up_other.seen = 20;
  if (n == 3) must(up_other.ready && up_plan.opened_count == 2);
  if (n == 3) talk_tell(up_one, TALK_SEND, 2);
  if (n == 4) fake_peer_say(&up_other, "secret", 6);
  if (n == 5) must(up_other.got_len == 10 && kit_is_pattern(up_other.got, 20, 10));
  if (n == 5) talk_tell(up_one, TALK_CLOSE, 0);
  if (n == 6) must(up_other.end_seen && fake(0)->finished);
  if (n == 6) fake_peer_notify(&up_other);
  return n <= 6;
}

Test(conf_lori_more, upgrade_as_a_client)
{
  up_play(false, talks_to_a_server);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK opened send:2:OK receipt:2:OK "
                              "received:6 closed:CLEAN"));
}

/* ---- what was written before leaves first, in plain ---- */

enum { PLAIN = 200000 };

HOOK large_then_upgrade(talk *self, uint32_t what)
{
  if (what != UP_UPGRADE) return;
  for (uint64_t i = 1; i <= 4; i++) must(talk_send(self, PLAIN / 4, i) == FOAL_OK);
  talk_note(self->plan, "upgrade:%s", foal_err_name(up_grade(self)));
}

static bool large_before(unsigned n)
{
  if (n == 0) up_ctx = up_trusting();
  if (up_begin(n)) return true;
  if (n == 1) fake(0)->taking = FAKE_HOLDS;
  if (n == 1) talk_called = large_then_upgrade;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 1) return true;
  size_t out = fake(0)->out_len;
  if (out < PLAIN) {
    size_t left = PLAIN - out;
    must(fake_take(0, left < 9000 ? left : 9000) > 0);
    return true;
  }
  if (up_plan.closed_count > 0 || fake(0)->closing) return false;
  fake(0)->taking = FAKE_TAKES;
  (void)fake_take(0, SIZE_MAX);
  if (up_other.ssl == NULL) {
    must(up_plan.sent_count >= 3);
    fake_peer_serve(&up_other, 0, up_cert);
    up_other.seen = PLAIN;
  } else if (up_plan.opened_count == 2) {
    talk_tell(up_one, TALK_ABORT, 0);
  }
  return true;
}

Test(conf_lori_more, large_plain_output_leaves_before_the_handshake)
{
  up_options.queue_bytes_max = 2 * PLAIN;
  up_play(false, large_before);
  cr_assert(kit_is_pattern(fake(0)->out, 0, PLAIN));
  cr_assert_eq(fake(0)->out[PLAIN], 22); /* a handshake record */
  cr_assert(talk_is(&up_plan,
                    "opened upgrade:FOAL_OK receipt:1:OK receipt:2:OK receipt:3:OK "
                    "receipt:4:OK opened sendable closed:LOCAL"));
}

/* The peer's hello comes while our answer in plain is still on its way. */
static bool hello_comes_early(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake(0)->taking = FAKE_HOLDS;
  if (n == 1) talk_called = large_then_upgrade;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 2) fake_peer_call(&up_other, 0);
  if (n == 2) must(fake_peer_move(&up_other));
  if (n == 2) up_other.held = true;
  if (n <= 2) return true;
  if (fake(0)->out_len < PLAIN) {
    must(fake_take(0, PLAIN - fake(0)->out_len) > 0);
    return true;
  }
  if (n > 100 || up_plan.closed_count > 0) return false;
  if (up_other.held) up_other.seen = PLAIN;
  up_other.held = false;
  fake(0)->taking = FAKE_TAKES;
  if (up_plan.opened_count == 2) talk_tell(up_one, TALK_ABORT, 0);
  return fake_take(0, SIZE_MAX) > 0 || n < 20;
}

Test(conf_lori_more, a_hello_that_overtakes_the_plain_answer)
{
  up_options.queue_bytes_max = 2 * PLAIN;
  up_play(true, hello_comes_early);
  cr_assert(kit_is_pattern(fake(0)->out, 0, PLAIN));
  cr_assert_eq(fake(0)->out[PLAIN], 22);
  cr_assert(talk_is(&up_plan,
                    "opened upgrade:FOAL_OK receipt:1:OK receipt:2:OK receipt:3:OK "
                    "receipt:4:OK opened sendable closed:LOCAL"));
}
