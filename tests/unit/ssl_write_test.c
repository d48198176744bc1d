/* ssl_write_test.c - write, send, close, dispose. Names in comments are
 * Pony's.                                                                              */
#include "foal_test.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_HEADER = 5 };

/* How many TLS records the bytes hold; each must be whole. */
static size_t count_records(cipher_bytes all)
{
  size_t count = 0, at = 0;
  for (; at < all.len; count++) {
    cr_assert_leq(at + RECORD_HEADER, all.len);
    at += RECORD_HEADER + (size_t)(all.at[at + 3] << 8) + all.at[at + 4];
  }
  cr_assert_eq(at, all.len, "only whole records leave");
  return count;
}

static void quiet_pair(pair *p, size_t write_bytes) FOAL_TURN;

/* Ready, tickets taken in, with this bound for queued plaintext. */
static void quiet_pair(pair *p, size_t write_bytes)
{
  pair_prepare(p);
  cr_assert_eq(foal_ssl_ctx_write_bytes(p->client_ctx, write_bytes), FOAL_OK);
  pair_begin(p, "a.test");
  pair_pump(p);
  cr_assert_eq(foal_ssl_state(p->client), FOAL_SSL_READY);
  (void)hear(p->client, 0);
}

Test(ssl_write, plaintext_waits_unencrypted)
{
  turn_of_test();
  pair p;
  quiet_pair(&p, 64 << 10);
  cr_assert_not(foal_ssl_can_send(p.client));
  cr_assert_eq(say(p.client, "hello"), FOAL_OK);
  cr_assert_eq(foal_ssl_queued_bytes(p.client), 5);
  cr_assert_eq(foal_ssl_bytes(p.client).plain_out, 0);
  cr_assert(foal_ssl_can_send(p.client));
  cipher_bytes all = take_cipher(p.client);
  cr_assert_eq(foal_ssl_queued_bytes(p.client), 0);
  cr_assert_eq(foal_ssl_bytes(p.client).plain_out, 5);
  cr_assert_eq(count_records(all), 1);
  cr_assert_not(foal_ssl_can_send(p.client));
  free(all.at);
  pair_end(&p);
}

Test(ssl_write, small_writes_are_gathered)
{
  turn_of_test();
  pair p;
  quiet_pair(&p, 64 << 10);
  for (int i = 0; i < 4000; i++) cr_assert_eq(say(p.client, "0123456789"), FOAL_OK);
  cipher_bytes all = take_cipher(p.client);
  cr_assert_eq(count_records(all), 3, "40000 bytes are two full records and a rest");
  give_cipher(p.server, all.at, all.len);
  cr_assert_eq(hear_all(p.server), 40000);
  free(all.at);
  pair_end(&p);
}

/* A ticket that is read between the two makes OpenSSL lay in a buffer for writing, and it
 * may hold a part of a record, too. */
Test(ssl_write, a_long_record_may_follow_a_short_one_and_a_ticket)
{
  turn_of_test();
  static uint8_t text[40000];
  for (int round = 0; round < 3; round++) {
    pair p;
    pair_prepare(&p);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    cr_assert_eq(say(p.client, "short"), FOAL_OK);
    pair_pump(&p);
    cr_assert_str_eq(hear(p.server, 0), "short");
    cr_assert_eq(say(p.server, "in two"), FOAL_OK);
    cipher_bytes answer = take_cipher(p.server);
    size_t parts[] = {answer.len, answer.len / 2, RECORD_HEADER}, first = parts[round];
    bool held = first < answer.len;
    give_cipher(p.client, answer.at, first);
    cr_assert_eq(hear_all(p.client), held ? 0 : 6);
    cr_assert_eq(say_bytes(p.client, text, sizeof text), FOAL_OK);
    cipher_bytes all = take_cipher(p.client);
    cr_assert_eq(count_records(all), 3);
    give_cipher(p.server, all.at, all.len);
    cr_assert_eq(hear_all(p.server), sizeof text, "%s", foal_ssl_reason(p.client));
    if (held) give_cipher(p.client, answer.at + first, answer.len - first);
    cr_assert_eq(hear_all(p.client), held ? 6 : 0);
    free(all.at);
    free(answer.at);
    pair_end(&p);
  }
}

/* A record of n bytes that is echoed at once comes back as a record of n bytes. */
Test(ssl_write, one_write_is_one_record)
{
  turn_of_test();
  static const size_t sizes[] = {1,  2,   16383, 16384, 16385, 20000,
                                 40, 512, 16384, 512,   513,   16384};
  static const size_t records[] = {1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1, 1};
  static uint8_t text[20000];
  pair p;
  quiet_pair(&p, 64 << 10);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    cr_assert_eq(say_bytes(p.client, text, sizes[i]), FOAL_OK);
    cipher_bytes all = take_cipher(p.client);
    cr_expect_eq(count_records(all), records[i], "%zu bytes", sizes[i]);
    free(all.at);
  }
  pair_end(&p);
}

Test(ssl_write, a_megabyte_needs_few_buffers)
{
  turn_of_test();
  static uint8_t text[1 << 20];
  pair p;
  quiet_pair(&p, 2 << 20);
  cr_assert_eq(say_bytes(p.client, text, sizeof text), FOAL_OK);
  foal_buf *b;
  size_t buffers = 0, sent = 0, heard = 0;
  while (foal_ssl_send(p.client, &b)) {
    buffers++;
    sent += foal_buf_len(b);
    cr_assert_eq(p.client->out_bytes, 0, "it encrypts one buffer at a time");
    foal_ssl_receive(p.server, &b);
    heard += hear_all(p.server);
  }
  cr_assert_eq(heard, sizeof text);
  cr_assert_leq(buffers, 17);
  cr_assert_lt(sent, sizeof text + sizeof text / 100);
  pair_end(&p);
}

/* The length of the next buffer; 0: there is none. */
static size_t next_length(foal_ssl *s) FOAL_TURN;
static size_t next_length(foal_ssl *s)
{
  foal_buf *b;
  if (!foal_ssl_send(s, &b)) return 0;
  size_t len = foal_buf_len(b);
  foal_buf_drop(&b);
  return len;
}

/* What goes on leaves in full packets; what is all stays together, in whole records. */
Test(ssl_write, a_full_write_is_one_packet)
{
  turn_of_test();
  enum { RECORD = 16384, SEALED = RECORD + 22 };
  static uint8_t text[8 * RECORD];
  pair p;
  quiet_pair(&p, 1 << 20);
  cr_assert_eq(say_bytes(p.client, text, 8 * (size_t)RECORD), FOAL_OK);
  cr_expect_eq(next_length(p.client), FOAL__SEND_BYTES);
  cr_expect_eq(next_length(p.client), 3 * SEALED, "no record for the last 928 bytes");
  cr_expect_eq(next_length(p.client), SEALED + 464 + 22);
  cr_assert_eq(say_bytes(p.client, text, 4 * (size_t)RECORD), FOAL_OK);
  cr_expect_eq(next_length(p.client), 4 * SEALED);
  cr_expect_eq(next_length(p.client), 0);
  cr_assert_eq(say_bytes(p.client, text, 4 * (size_t)RECORD + 1), FOAL_OK);
  cr_expect_eq(next_length(p.client), 3 * SEALED, "nor for the last 465");
  cr_expect_eq(next_length(p.client), SEALED + 23);
  cr_assert_eq(say_bytes(p.client, text, 4 * (size_t)RECORD), FOAL_OK);
  foal_ssl_seal(p.client);
  cr_expect_eq(next_length(p.client), FOAL__SEND_BYTES, "more follows");
  cr_expect_eq(next_length(p.client), 464 + 22);
  foal_buf *b;
  if (!foal_buf_new(&b, FOAL__SEND_BYTES_MAX)) abort();
  cr_expect_gt(foal_buf_room(b), FOAL__SEND_BYTES_MAX, "a size the pool keeps");
  foal_buf_drop(&b);
  pair_end(&p);
}

Test(ssl_write, the_queue_is_bounded)
{
  turn_of_test();
  static uint8_t text[3000];
  pair p;
  quiet_pair(&p, 4096);
  cr_assert_eq(foal_ssl_write_room(p.client), 4096);
  cr_assert_eq(say_bytes(p.client, text, 3000), FOAL_OK);
  cr_assert_eq(foal_ssl_write_room(p.client), 1096);
  cr_assert_eq(say_bytes(p.client, text, 3000), FOAL_OK, "one buffer may pass the bound");
  cr_assert_eq(foal_ssl_write_room(p.client), 0);
  cr_assert_eq(say_bytes(p.client, text, 1), FOAL_FULL);
  cr_assert_eq(foal_ssl_queued_bytes(p.client), 6000, "a refused write changes nothing");
  pair_pump(&p);
  cr_assert_eq(hear_all(p.server), 6000);
  cr_assert_eq(foal_ssl_write_room(p.client), 4096);
  pair_end(&p);
}

Test(ssl_write, writing_before_ready_is_refused_and_queueing_is_not)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  cr_assert_eq(say(p.client, "too early"), FOAL_BAD_STATE);
  cr_assert_eq(foal_ssl_queued_bytes(p.client), 0);
  foal_buf *b;
  bool made = foal_buf_from(&b, "in ", 3);
  if (!made) return;
  cr_assert_eq(foal_ssl_queue(p.client, &b), FOAL_OK);
  made = foal_buf_from(&b, "server first", 12);
  if (!made) return;
  cr_assert_eq(foal_ssl_queue(p.server, &b), FOAL_OK);
  cr_assert_not(foal_ssl_can_send(p.server), "not before it can be encrypted");
  pair_pump(&p);
  cr_assert_eq(say(p.client, "order"), FOAL_OK);
  pair_pump(&p);
  cr_assert_str_eq(hear(p.server, 0), "in order");
  cr_assert_str_eq(hear(p.client, 0), "server first");
  pair_end(&p);
}

Test(ssl_write, an_empty_write_is_nothing)
{
  turn_of_test();
  pair p;
  quiet_pair(&p, 4096);
  cr_assert_eq(say(p.client, ""), FOAL_OK);
  cr_assert_not(foal_ssl_can_send(p.client));
  cr_assert_eq(foal_ssl_queued_bytes(p.client), 0);
  pair_end(&p);
}

/* SSL.write/blocked_in_closed */
Test(ssl_write, writing_after_our_close_is_refused)
{
  turn_of_test();
  pair p;
  quiet_pair(&p, 4096);
  cr_assert_eq(say(p.client, "before"), FOAL_OK);
  foal_ssl_close(p.client);
  cr_assert_eq(say(p.client, "after"), FOAL_BAD_STATE);
  cr_assert_eq(foal_ssl_write_room(p.client), 0);
  pair_pump(&p);
  cr_assert_eq(say(p.client, "after"), FOAL_BAD_STATE);
  cr_assert_str_eq(hear(p.server, 0), "before");
  pair_end(&p);
}

/* SSL.write/blocked_in_closing, the other way round: half-close is part of TLS. */
Test(ssl_write, writing_goes_on_after_the_peers_close)
{
  turn_of_test();
  static uint8_t text[60000];
  pair p;
  quiet_pair(&p, 4096);
  foal_ssl_close(p.client);
  pair_pump(&p);
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING);
  cr_assert_eq(say_bytes(p.server, text, sizeof text), FOAL_OK);
  pair_pump(&p);
  cr_assert_eq(hear_all(p.client), sizeof text);
  foal_ssl_close(p.server);
  pair_pump(&p);
  cr_assert_null(hear(p.client, 0));
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_CLOSED);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSED);
  pair_end(&p);
}

/* SSL.send/on_failed_session */
Test(ssl_write, the_alert_leaves_once)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "b.test");
  cipher_bytes hello = take_cipher(p.client);
  give_cipher(p.server, hello.at, hello.len);
  cipher_bytes flight = take_cipher(p.server);
  give_cipher(p.client, flight.at, flight.len);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_AUTH_FAIL);
  cr_assert(foal_ssl_can_send(p.client));
  cipher_bytes alert = take_cipher(p.client);
  cr_assert_gt(alert.len, 6);
  cr_assert_not(foal_ssl_can_send(p.client));
  foal_buf *b;
  if (foal_ssl_send(p.client, &b)) {
    foal_buf_drop(&b);
    cr_assert_fail("a second alert");
  }
  cr_assert_eq(say(p.client, "x"), FOAL_BAD_STATE);
  free(hello.at);
  free(flight.at);
  free(alert.at);
  pair_end(&p);
}

/* SSL.close/from_ready, /idempotent */
Test(ssl_write, close_queues_one_alert)
{
  turn_of_test();
  pair p;
  quiet_pair(&p, 4096);
  foal_ssl_close(p.client);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_SHUT);
  cr_assert(foal_ssl_can_send(p.client));
  foal_ssl_close(p.client);
  cipher_bytes all = take_cipher(p.client);
  cr_assert_eq(count_records(all), 1);
  foal_ssl_close(p.client);
  cr_assert_not(foal_ssl_can_send(p.client));
  cr_assert_eq(foal_ssl_alert_sent(p.client), -1, "close_notify is no failure");
  free(all.at);
  pair_end(&p);
}

/* Nothing is lost at close: what was queued leaves first. */
Test(ssl_write, close_comes_behind_what_is_queued)
{
  turn_of_test();
  static uint8_t text[200000];
  pair p;
  quiet_pair(&p, 1 << 20);
  cr_assert_eq(say_bytes(p.client, text, sizeof text), FOAL_OK);
  foal_ssl_close(p.client);
  pair_pump(&p);
  cr_assert_eq(hear_all(p.server), sizeof text);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING);
  pair_end(&p);
}

/* SSL.close/from_wrong_states, /after_dispose */
Test(ssl_write, close_does_nothing_where_there_is_nothing_to_close)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "b.test");
  free(take_cipher(p.client).at);
  foal_ssl_close(p.client);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_HANDSHAKE);
  cr_assert_not(foal_ssl_can_send(p.client));
  foal_ssl_free(&p.client);
  foal_ssl_free(&p.server);
  pair_begin(&p, "b.test");
  pair_pump(&p);
  foal_ssl_close(p.client);
  foal_ssl_close(p.server);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_AUTH_FAIL);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  cr_assert_not(foal_ssl_can_send(p.client));
  foal_ssl_dispose(p.client);
  foal_ssl_close(p.client);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_DISPOSED);
  pair_end(&p);
}

/* SSL.close/bidirectional_roundtrip, also when both close at once */
Test(ssl_write, both_close)
{
  turn_of_test();
  for (int at_once = 0; at_once < 2; at_once++) {
    pair p;
    quiet_pair(&p, 4096);
    foal_ssl_close(p.client);
    if (!at_once) {
      pair_pump(&p);
      cr_assert_null(hear(p.server, 0));
    }
    foal_ssl_close(p.server);
    pair_pump(&p);
    cr_assert_null(hear(p.client, 0));
    cr_assert_null(hear(p.server, 0));
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_CLOSED);
    cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSED);
    cr_assert_eq(foal_ssl_receive_end(p.client), FOAL_CLEAN);
    cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_CLEAN);
    pair_end(&p);
  }
}

/* SSL.dispose/before_handshake, /twice;
 * SSL.write|send|receive|alpn_selected/after_dispose */
Test(ssl_write, dispose_leaves_something_inert)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  foal_ssl_dispose(p.server);
  foal_ssl_dispose(p.server);
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_DISPOSED);
  foal_ssl_dispose(p.client);
  cr_assert_eq(say(p.client, "x"), FOAL_OK, "dropped, not refused");
  cr_assert_eq(foal_ssl_queued_bytes(p.client), 0);
  cr_assert_not(foal_ssl_can_send(p.client));
  cr_assert_eq(take_cipher(p.client).len, 0);
  cr_assert_null(foal_ssl_alpn_selected(p.client));
  cr_assert_null(foal_ssl_cipher(p.client));
  cr_assert_null(foal_ssl_server_name(p.client));
  cr_assert_eq(foal_ssl_version(p.client), 0);
  cr_assert_eq(foal_ssl_receive_end(p.client), FOAL_OK);
  cr_assert_eq(foal_ssl_key_update(p.client, false), FOAL_BAD_STATE);
  cr_assert_eq(foal_ssl_error(p.client), FOAL_OK);
  pair_end(&p);
}

/* Disposing in the middle of everything leaks nothing (the sanitizer looks). */
Test(ssl_write, dispose_drops_what_is_held)
{
  turn_of_test();
  pair p;
  quiet_pair(&p, 64 << 10);
  cr_assert_eq(say(p.client, "unread"), FOAL_OK);
  pair_pump(&p);
  cr_assert_null(hear(p.server, 100));
  cr_assert_eq(say(p.client, "undecrypted"), FOAL_OK);
  pair_pump(&p);
  cr_assert_eq(say(p.server, "unsent"), FOAL_OK);
  cr_assert(foal_ssl_can_send(p.server));
  foal_ssl_dispose(p.server);
  pair_end(&p);
}

/* A peer that wants small records gets them. */
Test(ssl_write, the_peers_record_size_is_kept)
{
  turn_of_test();
  static uint8_t text[5000];
  pair p;
  pair_prepare(&p);
  cr_assert_eq(SSL_CTX_set_tlsext_max_fragment_length(p.client_ctx->tls,
                                                      TLSEXT_max_fragment_length_512),
               1);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY, "%s", foal_ssl_reason(p.server));
  (void)hear(p.client, 0);
  for (int i = 0; i < 2; i++) {
    for (int k = 0; k < 5; k++) cr_assert_eq(say_bytes(p.server, text, 1000), FOAL_OK);
    cipher_bytes all = take_cipher(p.server);
    cr_assert_geq(count_records(all), 10);
    give_cipher(p.client, all.at, all.len);
    cr_assert_eq(hear_all(p.client), 5000);
    free(all.at);
  }
  pair_end(&p);
}

/* Who waits with its data and goes on listening needs new keys once: the peer would take
 * a pile of them for a flood. */
Test(ssl_write, key_updates_that_wait_are_one)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  for (int i = 0; i < 50; i++) {
    cr_assert_eq(foal_ssl_key_update(p.client, false), FOAL_OK);
    cr_assert_eq(say(p.server, "x"), FOAL_OK);
    cipher_bytes all = take_cipher(p.server);
    give_cipher(p.client, all.at, all.len);
    free(all.at);
    cr_assert_str_eq(hear(p.client, 0), "x");
  }
  cr_assert_eq(foal_ssl_sealed_bytes(p.client), 27, "5 + 5 + 1 + 16 bytes");
  cr_assert_eq(say(p.client, "data"), FOAL_OK);
  pair_pump(&p);
  cr_assert_str_eq(hear(p.server, 0), "data");
  pair_end(&p);
}
