/* ssl_read_test.c - Pony's rows about reading, and every trap of read(expect): bytes that
 * are lost, late, too many or never written; reading that depends on the peer's records;
 * ends that swallow what came before them.
 *
 * The rule is the seed's: exactly n or nothing; 0 gives all there is; what was decrypted
 * stays readable until dispose.                                                        */
#include "ssl/impl/session.h"
#include "ssl_ways.h"

#include <openssl/err.h>
#include <sys/resource.h>

/* Says len bytes of the pattern that begins at `from`; the server gets them in cuts. */
static void send_part(pair *p, const way *w, size_t from, size_t len) FOAL_TURN;

static void send_part(pair *p, const way *w, size_t from, size_t len)
{
  uint8_t *text = malloc(len);
  cr_assert_not_null(text);
  for (size_t i = 0; i < len; i++) text[i] = pair_pattern(from + i);
  cr_assert_eq(say_bytes(p->client, text, len), FOAL_OK);
  free(text);
  pump(p->client, p->server, w->cut);
}

/* A record that cannot be decrypted, `good` bytes of the pattern in a sound one before
 * it. */
static void send_damaged(pair *p, const way *w, size_t from, size_t good) FOAL_TURN;

static void send_damaged(pair *p, const way *w, size_t from, size_t good)
{
  if (good > 0) send_part(p, w, from, good);
  cr_assert_eq(say(p->client, "damaged"), FOAL_OK);
  cipher_bytes all = take_cipher(p->client);
  all.at[all.len - 1] ^= 1;
  for (size_t at = 0; at < all.len; at += w->cut)
    give_cipher(p->server, all.at + at, all.len - at < w->cut ? all.len - at : w->cut);
  free(all.at);
}

/* ---- rows ---- */

Test(conf_ssl, SSL_read_reports_genuine_error)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_ready(&p, &ways[i]);
    send_damaged(&p, &ways[i], 0, 0);
    cr_expect_null(hear(p.server, 0));
    expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    cr_expect_eq(foal_ssl_alert_sent(p.server), SSL_AD_BAD_RECORD_MAC);
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_read_after_error_returns_only_decrypted_bytes)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_ready(&p, &ways[i]);
    send_part(&p, &ways[i], 0, 50);
    cr_expect_null(hear(p.server, 100));
    send_damaged(&p, &ways[i], 0, 0);
    cr_expect_null(hear(p.server, 100));
    cr_expect_null(hear(p.server, 100));
    expect_state(p.server, FOAL_SSL_ERROR);
    pair_hear_pattern(&p, 50, 0, 50);
    cr_expect_null(hear(p.server, 0));
    pair_end(&p);
  }
}

/* Pony: read(0) gives nothing, as nothing is fresh, and read(20) gives 50. */
Test(conf_ssl, SSL_read_with_buffered_bytes)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_ready(&p, &ways[i]);
    send_part(&p, &ways[i], 0, 50);
    cr_expect_null(hear(p.server, 100));
    pair_hear_pattern(&p, 20, 0, 20);
    pair_hear_pattern(&p, 0, 20, 30);
    send_part(&p, &ways[i], 50, 50);
    cr_expect_null(hear(p.server, 100));
    pair_hear_pattern(&p, 0, 50, 50);
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_read_no_expect_after_error)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_ready(&p, &ways[i]);
    send_damaged(&p, &ways[i], 0, 0);
    cr_expect_null(hear(p.server, 0));
    expect_state(p.server, FOAL_SSL_ERROR);
    cr_expect_null(hear(p.server, 1), "the failed read left nothing behind");
    cr_expect_null(hear(p.server, 0));
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_read_pending_exceeds_expect)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_ready(&p, &ways[i]);
    send_part(&p, &ways[i], 0, 50);
    pair_hear_pattern(&p, 20, 0, 20);
    pair_hear_pattern(&p, 10, 20, 10);
    cr_expect_null(hear(p.server, 21));
    pair_hear_pattern(&p, 20, 30, 20);
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_read_on_auth_fail)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    way_shake(&p, &ways[i], "b.test");
    static const size_t expects[] = {0, 1, 2, (size_t)FOAL_SSL_READ_MAX + 1};
    for (size_t k = 0; k < sizeof expects / sizeof *expects; k++) {
      cr_expect_null(hear(p.client, expects[k]));
      expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    }
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_read_peer_close_notify)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_ready(&p, &ways[i]);
    foal_ssl_close(p.client);
    pump(p.client, p.server, ways[i].cut);
    for (size_t expect = 0; expect < 3; expect++) {
      cr_expect_null(hear(p.server, expect));
      expect_state(p.server, FOAL_SSL_CLOSING);
      cr_expect_eq(foal_ssl_error(p.server), FOAL_OK);
    }
    cr_expect(foal_ssl_end_seen(p.server));
    cr_expect_eq(foal_ssl_receive_end(p.server), FOAL_CLEAN);
    pair_end(&p);
  }
}

/* Pony gives the short rest to a read that wants more; ours to read(0) or to one that
 * wants no more than there is. */
Test(conf_ssl, SSL_read_buffered_drain_on_close_notify)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_ready(&p, &ways[i]);
    send_part(&p, &ways[i], 0, 50);
    cr_expect_null(hear(p.server, 100));
    foal_ssl_close(p.client);
    pump(p.client, p.server, ways[i].cut);
    cr_expect_null(hear(p.server, 100));
    expect_state(p.server, FOAL_SSL_CLOSING);
    pair_hear_pattern(&p, 30, 0, 30);
    pair_hear_pattern(&p, 0, 30, 20);
    cr_expect_null(hear(p.server, 0));
    expect_state(p.server, FOAL_SSL_CLOSING);
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_read_corrupt_record_in_closed)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_ready(&p, &ways[i]);
    foal_ssl_close(p.server);
    free(take_cipher(p.server).at);
    expect_state(p.server, FOAL_SSL_SHUT);
    send_damaged(&p, &ways[i], 0, 0);
    cr_expect_null(hear(p.server, 0));
    expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_read_after_dispose)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_ready(&p, &ways[i]);
    send_part(&p, &ways[i], 0, 50);
    foal_ssl_dispose(p.server);
    for (size_t expect = 0; expect < 3; expect++) cr_expect_null(hear(p.server, expect));
    expect_state(p.server, FOAL_SSL_DISPOSED);
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_read_after_dispose_with_buffered_frame)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_ready(&p, &ways[i]);
    send_part(&p, &ways[i], 0, 50);
    cr_expect_null(hear(p.server, 100), "the 50 are decrypted and kept");
    foal_ssl_dispose(p.server);
    cr_expect_null(hear(p.server, 50));
    cr_expect_null(hear(p.server, 0));
    expect_state(p.server, FOAL_SSL_DISPOSED);
    pair_end(&p);
  }
}

/* ---- traps: how much ---- */

/* Whatever was expected before: 0 gives what waits, also without a new byte. */
Test(conf_traps, read_of_all_gives_what_an_exact_read_left)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_ready(&p, &ways[i]);
    send_part(&p, &ways[i], 0, 50);
    cr_expect_null(hear(p.server, 100));
    pair_hear_pattern(&p, 0, 0, 50);
    send_part(&p, &ways[i], 50, 50);
    cr_expect_null(hear(p.server, 100));
    send_part(&p, &ways[i], 100, 7);
    pair_hear_pattern(&p, 0, 50, 57);
    pair_end(&p);
  }
}

Test(conf_traps, read_never_gives_more_than_it_was_asked_for)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_ready(&p, &ways[i]);
    send_part(&p, &ways[i], 0, 300);
    size_t at = 0;
    for (size_t expect = 1; at + expect <= 300; at += expect++)
      pair_hear_pattern(&p, expect, at, expect);
    cr_expect_null(hear(p.server, 300 - at + 1));
    pair_end(&p);
  }
}

/* Half a frame and then the end, of either kind: never a short one, never a byte that
 * was not decrypted, and the state stays what it was. */
Test(conf_traps, read_gives_no_short_frame_at_the_end)
{
  turn_of_test();
  for (int i = 0; i < WAYS * 2; i++) {
    const way *w = &ways[i / 2];
    bool clean = i % 2 == 0;
    pair p;
    way_ready(&p, w);
    send_part(&p, w, 0, 50);
    if (clean)
      foal_ssl_close(p.client);
    else
      send_damaged(&p, w, 0, 0);
    pump(p.client, p.server, w->cut);
    for (size_t expect = 51; expect < 200; expect += 7) {
      cr_expect_null(hear(p.server, expect));
      expect_state(p.server, clean ? FOAL_SSL_CLOSING : FOAL_SSL_ERROR);
    }
    pair_hear_pattern(&p, 50, 0, 50);
    pair_end(&p);
  }
}

/* A record is one piece, not its first kilobyte and then the rest. */
Test(conf_traps, read_gives_a_whole_record_at_once)
{
  enum { RECORD = 16384 };
  turn_of_test();
  for (int i = 0; i < WAYS; i += 2) {
    pair p;
    way_ready(&p, &ways[i]);
    send_part(&p, &ways[i], 0, RECORD);
    pair_hear_pattern(&p, 0, 0, RECORD);
    cr_expect_null(hear(p.server, 0));
    pair_end(&p);
  }
}

/* All that arrived can be had without another byte from the network. */
Test(conf_traps, read_again_needs_no_new_ciphertext)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i += 2) {
    pair p;
    way_ready(&p, &ways[i]);
    send_part(&p, &ways[i], 0, 60000);
    pair_hear_pattern(&p, 7, 0, 7);
    pair_hear_pattern(&p, 20000, 7, 20000);
    size_t at = 20007;
    for (; hear(p.server, 0) != NULL; at += heard_len()) cr_assert_leq(at, 60000);
    cr_expect_eq(at, 60000);
    pair_end(&p);
  }
}

/* Fills `sent` to `total` bytes of the pattern and reads with changing expectations. */
Test(conf_traps, read_with_changing_expectations_loses_nothing)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    size_t sent = 0, got = 0;
    srand(90 + (unsigned)i);
    way_ready(&p, &ways[i]);
    for (int round = 0; round < 150; round++) {
      size_t len = 1 + (size_t)rand() % (round % 20 == 0 ? 3000 : 300);
      size_t expect = rand() % 3 == 0 ? 0 : 1 + (size_t)rand() % 900;
      if (rand() % 2 == 0) {
        send_part(&p, &ways[i], sent, len);
        sent += len;
      }
      size_t there = sent - got;
      if (hear(p.server, expect) == NULL) {
        cr_assert(there == 0 || there < expect, "%zu there, %zu expected", there, expect);
        continue;
      }
      cr_assert(expect == 0 ? heard_len() <= there : heard_len() == expect);
      got += heard_len();
    }
    while (hear(p.server, 0) != NULL) got += heard_len();
    cr_expect_eq(got, sent);
    pair_end(&p);
  }
}

/* ---- traps: how it is done ---- */

enum { TINY = 100000, BATCH = 20000, LITTLE_STACK = 256 << 10 };

/* From here on the stack of this process may not grow beyond a little more. */
static void shrink_stack(void)
{
  struct rlimit limit;
  cr_assert_eq(getrlimit(RLIMIT_STACK, &limit), 0);
  limit.rlim_cur = LITTLE_STACK;
  cr_assert_eq(setrlimit(RLIMIT_STACK, &limit), 0);
}

/* As many records of one byte, each sealed on its own. */
static void send_tiny(pair *p, size_t from, size_t count) FOAL_TURN;

static void send_tiny(pair *p, size_t from, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    size_t put;
    uint8_t byte = pair_pattern(from + i);
    cr_assert_eq(SSL_write_ex(p->client->tls, &byte, 1, &put), 1);
    if (i % 1000 < 999 && i + 1 < count) continue;
    cipher_bytes all = take_cipher(p->client);
    give_cipher(p->server, all.at, all.len);
    free(all.at);
  }
}

/* One hundred thousand records of one byte for one read: 20,000 of them at once, with a
 * stack that a call for each would not fit into. */
Test(conf_traps, read_depth_does_not_follow_the_number_of_records)
{
  turn_of_test();
  pair p;
  way_ready(&p, &ways[2]);
  shrink_stack();
  for (size_t at = 0; at < TINY; at += BATCH) {
    send_tiny(&p, at, BATCH);
    if (at + BATCH < TINY) cr_assert_null(hear(p.server, TINY));
  }
  pair_hear_pattern(&p, TINY, 0, TINY);
  cr_expect_null(hear(p.server, 0));
  pair_end(&p);
}

/* A frame of any legal size is found in full records as well. */
Test(conf_traps, read_of_the_largest_frame)
{
  enum { FRAME = FOAL_SSL_READ_MAX, PART = FRAME / 32 };
  turn_of_test();
  for (int i = 0; i < WAYS; i += 2) {
    pair p;
    way_ready(&p, &ways[i]);
    for (size_t at = 0; at < FRAME; at += PART) {
      cr_assert_null(hear(p.server, FRAME));
      send_part(&p, &ways[i], at, PART);
    }
    pair_hear_pattern(&p, FRAME, 0, FRAME);
    pair_end(&p);
  }
}

/* A large expectation reserves nothing: memory follows what arrived. Beyond all bounds it
 * ends the session instead of waiting for ever. */
Test(conf_traps, read_of_a_huge_frame_costs_nothing)
{
  turn_of_test();
  pair p;
  way_ready(&p, &ways[2]);
  send_part(&p, &ways[2], 0, 10);
  cr_expect_null(hear(p.server, FOAL_SSL_READ_MAX));
  cr_expect_leq(p.server->fill.room + p.server->fill.len, 4096u);
  expect_state(p.server, FOAL_SSL_READY);
  cr_expect_null(hear(p.server, (size_t)FOAL_SSL_READ_MAX + 1));
  expect_failure(p.server, FOAL_SSL_ERROR, FOAL_LIMIT);
  pair_hear_pattern(&p, 10, 0, 10);
  pair_end(&p);
}

/* Reading during the handshake gives nothing and moves nothing. */
Test(conf_traps, read_takes_no_step_of_the_handshake)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    pair_begin(&p, "a.test");
    cipher_bytes hello = take_cipher(p.client);
    for (size_t at = 0; at + 1 < hello.len; at++) {
      give_cipher(p.server, hello.at + at, 1);
      cr_expect_null(hear(p.server, at % 3));
      cr_expect_null(hear(p.client, at % 3));
      cr_expect_not(foal_ssl_can_send(p.server));
      expect_state(p.server, FOAL_SSL_HANDSHAKE);
    }
    give_cipher(p.server, hello.at + hello.len - 1, 1);
    cr_expect(foal_ssl_can_send(p.server));
    pump(p.client, p.server, ways[i].cut);
    expect_state(p.server, FOAL_SSL_READY);
    free(hello.at);
    pair_end(&p);
  }
}

/* ---- traps: ends ---- */

/* Nothing was read before the end arrived, too: what came before it is delivered. */
Test(conf_traps, read_gives_what_arrived_together_with_the_end)
{
  turn_of_test();
  for (int i = 0; i < WAYS * 2; i++) {
    const way *w = &ways[i / 2];
    bool clean = i % 2 == 0;
    pair p;
    way_ready(&p, w);
    send_part(&p, w, 0, 50);
    if (clean)
      foal_ssl_close(p.client);
    else
      send_damaged(&p, w, 0, 0);
    pump(p.client, p.server, w->cut);
    pair_hear_pattern(&p, 0, 0, 50);
    cr_expect_null(hear(p.server, 0));
    expect_state(p.server, clean ? FOAL_SSL_CLOSING : FOAL_SSL_ERROR);
    pair_end(&p);
  }
}

/* A failed read is not tried again: one alert, one reason, whatever is read after it. */
Test(conf_traps, read_that_failed_stays_failed)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    char reason[256];
    pair p;
    way_ready(&p, &ways[i]);
    send_damaged(&p, &ways[i], 0, 40);
    cr_expect_null(hear(p.server, 100));
    snprintf(reason, sizeof reason, "%s", foal_ssl_reason(p.server));
    free(take_cipher(p.server).at);
    for (size_t expect = 41; expect < 100; expect++) {
      send_damaged(&p, &ways[i], 0, 0);
      cr_expect_null(hear(p.server, expect));
    }
    cr_expect_eq(foal_bufq_bytes(&p.server->in), 0, "it keeps nothing it cannot read");
    cr_expect_str_eq(foal_ssl_reason(p.server), reason);
    cr_expect_not(foal_ssl_can_send(p.server), "the alert left once");
    cr_expect_eq(foal_ssl_alert_sent(p.server), SSL_AD_BAD_RECORD_MAC);
    pair_hear_pattern(&p, 0, 0, 40);
    pair_end(&p);
  }
}
