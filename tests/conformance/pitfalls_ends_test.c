/* pitfalls_ends_test.c - ends of a stream that other stacks got wrong, in memory. Which
 * stacks, and how: docs/pitfalls.md. */
#include "foal_test.h"
#include "raw_peer.h"
#include "ssl/impl/session.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static const foal_tls versions[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};
enum { VERSIONS = 2 };

static void ready(pair *p, foal_tls version) FOAL_TURN;

/* A pair that speaks this version and has nothing left to say. */
static void ready(pair *p, foal_tls version)
{
  pair_prepare(p);
  pair_only(p, version);
  pair_begin(p, "a.test");
  pair_pump(p);
  cr_assert_eq(foal_ssl_state(p->server), FOAL_SSL_READY, "%s",
               foal_ssl_reason(p->server));
  cr_assert_null(hear(p->client, 0));
}

/* ---- what came before the end ---- */

Test(pitfall, data_with_close_notify_is_delivered)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    ready(&p, versions[i]);
    cr_assert_eq(say(p.client, "hello"), FOAL_OK);
    foal_ssl_close(p.client);
    cipher_bytes all = take_cipher(p.client);
    give_cipher(p.server, all.at, all.len);
    cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_OK, "not known before it is read");
    cr_assert_str_eq(hear(p.server, 0), "hello");
    cr_assert_null(hear(p.server, 0));
    cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_CLEAN);
    free(all.at);
    pair_end(&p);
  }
}

Test(pitfall, data_before_a_fatal_record_is_delivered)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    ready(&p, versions[i]);
    pair_send_pattern(&p, 0, 100);
    cr_assert_eq(say(p.client, "damaged"), FOAL_OK);
    cipher_bytes all = take_cipher(p.client);
    all.at[all.len - 1] ^= 1;
    give_cipher(p.server, all.at, all.len);
    pair_hear_pattern(&p, 0, 0, 100);
    cr_assert_null(hear(p.server, 0));
    cr_assert_eq(foal_ssl_error(p.server), FOAL_TLS_FAILED);
    free(all.at);
    pair_end(&p);
  }
}

Test(pitfall, data_before_a_fatal_alert_is_delivered)
{
  turn_of_test();
  pair p;
  raw_peer r;
  pair_prepare(&p);
  raw_make(&r, p.cast.server, TLS1_3_VERSION);
  p.client = foal_ssl_client(p.client_ctx, "a.test");
  raw_shake(&r, p.client);
  cr_assert_null(hear(p.client, 0));
  cr_assert_eq(SSL_write(r.tls, "last words", 10), 10);
  give_cipher(p.client, "", 0);
  /* Anything but a record makes the peer end with an alert behind its data. */
  cr_assert_eq(BIO_write(r.in, "no record at all", 16), 16);
  int why;
  cr_assert_eq(raw_hear(&r, &why), 0);
  cr_assert_eq(why, SSL_ERROR_SSL);
  raw_to(&r, p.client);
  cr_assert_str_eq(hear(p.client, 0), "last words");
  cr_assert_null(hear(p.client, 0));
  cr_assert_eq(foal_ssl_error(p.client), FOAL_TLS_ALERT);
  raw_free(&r);
  pair_end(&p);
}

/* ---- which end it was ---- */

Test(pitfall, eof_without_close_notify_is_truncated)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    ready(&p, versions[i]);
    pair_send_pattern(&p, 0, 5);
    pair_hear_pattern(&p, 0, 0, 5);
    cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_TRUNCATED);
    cr_assert_eq(foal_ssl_error(p.server), FOAL_TRUNCATED);
    pair_end(&p);
  }
}

Test(pitfall, a_clean_close_is_no_error)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    ready(&p, versions[i]);
    foal_ssl_close(p.client);
    pair_pump(&p);
    cr_assert_null(hear(p.server, 0));
    cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_CLEAN);
    cr_assert_eq(foal_ssl_error(p.server), FOAL_OK);
    cr_assert_str_eq(foal_ssl_reason(p.server), "");
    cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING);
    pair_end(&p);
  }
}

/* OpenSSL 3 calls a missing close_notify a protocol error, and says so in its queue. */
Test(pitfall, truncation_is_no_protocol_error)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    ready(&p, versions[i]);
    cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_TRUNCATED);
    cr_assert_neq(foal_ssl_error(p.server), FOAL_TLS_FAILED);
    cr_assert_eq(foal_ssl_alert_sent(p.server), -1);
    cr_assert_not(foal_ssl_can_send(p.server), "there is nobody to tell");
    cr_assert_null(strstr(foal_ssl_reason(p.server), "eof"), "%s",
                   foal_ssl_reason(p.server));
    cr_assert_eq(ERR_peek_error(), 0);
    pair_end(&p);
  }
}

/* ---- our close_notify ---- */

enum { AFTER_NOTHING, AFTER_DATA, AFTER_THE_PEER, ENDS };

static void close_is_heard(int end, int version) FOAL_TURN;

static void close_is_heard(int end, int version)
{
  static uint8_t text[50000];
  pair p;
  raw_peer r;
  int why;
  pair_prepare(&p);
  raw_make(&r, NULL, version);
  p.server = foal_ssl_server(p.server_ctx);
  (void)SSL_do_handshake(r.tls);
  raw_to(&r, p.server);
  raw_shake(&r, p.server);
  size_t len = end == AFTER_DATA ? sizeof text : 0;
  if (len > 0) cr_assert_eq(say_bytes(p.server, text, len), FOAL_OK);
  if (end == AFTER_THE_PEER) {
    (void)SSL_shutdown(r.tls);
    raw_to(&r, p.server);
    cr_assert_null(hear(p.server, 0));
  }
  foal_ssl_close(p.server);
  raw_from(&r, p.server);
  cr_assert_eq(raw_hear(&r, &why), len, "end %d", end);
  cr_assert_eq(why, SSL_ERROR_ZERO_RETURN, "end %d", end);
  raw_free(&r);
  pair_end(&p);
}

Test(pitfall, close_notify_is_always_sent)
{
  turn_of_test();
  for (int end = 0; end < ENDS; end++) {
    close_is_heard(end, TLS1_2_VERSION);
    close_is_heard(end, TLS1_3_VERSION);
  }
}

Test(pitfall, close_leaves_behind_what_was_queued)
{
  turn_of_test();
  pair p;
  ready(&p, FOAL_TLS_1_3);
  static uint8_t text[60000];
  cr_assert_eq(say_bytes(p.server, text, sizeof text), FOAL_OK);
  foal_ssl_close(p.server);
  pair_pump(&p);
  cr_assert_eq(hear_all(p.client), sizeof text);
  cr_assert_eq(foal_ssl_receive_end(p.client), FOAL_CLEAN);
  pair_end(&p);
}

/* The peer's half is over; ours answers as long as it likes. */
Test(pitfall, close_of_the_peer_does_not_stop_writing)
{
  turn_of_test();
  static uint8_t text[60000];
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    ready(&p, versions[i]);
    foal_ssl_close(p.client);
    pair_pump(&p);
    cr_assert_null(hear(p.server, 0));
    for (int k = 0; k < 10; k++) {
      cr_assert_eq(say_bytes(p.server, text, sizeof text), FOAL_OK);
      pair_pump(&p);
      cr_assert_eq(hear_all(p.client), sizeof text);
    }
    pair_end(&p);
  }
}

/* ---- ends in the handshake ---- */

/* What this one left behind would break the next session on this thread. */
Test(pitfall, close_in_the_handshake_leaves_no_error)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  pump(p.client, p.server, 100); /* the contexts are warm */
  foal_ssl_free(&p.client);
  foal_ssl_free(&p.server);
  pair_begin(&p, "a.test");
  cipher_bytes hello = take_cipher(p.client);
  give_cipher(p.server, hello.at, hello.len);
  foal_ssl *half = p.server;
  foal_ssl_close(half);
  cr_assert_eq(ERR_peek_error(), 0);
  p.server = foal_ssl_server(p.server_ctx);
  give_cipher(p.server, hello.at, hello.len);
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY, "%s", foal_ssl_reason(p.server));
  foal_ssl_free(&half);
  cr_assert_eq(ERR_peek_error(), 0);
  free(hello.at);
  pair_end(&p);
}

/* close_notify as an unencrypted alert, which any peer can send at the start. */
static const uint8_t bare_notify[] = {21, 3, 3, 0, 2, 1, 0};

Test(pitfall, close_notify_in_the_handshake_ends_it)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  cipher_bytes hello = take_cipher(p.client);
  give_cipher(p.server, hello.at, hello.len);
  give_cipher(p.server, bare_notify, sizeof bare_notify);
  give_cipher(p.client, bare_notify, sizeof bare_notify);
  for (int i = 0; i < 10; i++) {
    cr_assert_null(hear(p.server, 0));
    cr_assert_null(hear(p.client, 0));
  }
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_ERROR);
  free(hello.at);
  pair_end(&p);
}

/* Reading on behind the end gives nothing, again and again, and says nothing new. */
Test(pitfall, reading_after_close_notify_ends)
{
  turn_of_test();
  pair p;
  ready(&p, FOAL_TLS_1_3);
  foal_ssl_close(p.client);
  pair_pump(&p);
  for (int i = 0; i < 100; i++) {
    cr_assert_null(hear(p.server, 0));
    cr_assert_null(hear(p.server, 10));
    cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING);
  }
  cr_assert_not(foal_ssl_can_send(p.server));
  pair_end(&p);
}

Test(pitfall, the_alert_of_a_failed_handshake_leaves)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, versions[i]);
    pair_begin(&p, "wrong.test");
    pair_pump(&p);
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_AUTH_FAIL);
    cr_assert_eq(foal_ssl_alert_sent(p.client), 42, "bad_certificate");
    cr_assert_eq(foal_ssl_alert_received(p.server), 42);
    foal_ssl_free(&p.client);
    foal_ssl_free(&p.server);
    foal_ssl_ctx_drop(&p.client_ctx);
    p.client_ctx = ctx_with(NULL, p.cast.root);
    foal_tls other = versions[VERSIONS - 1 - i];
    cr_assert_eq(foal_ssl_ctx_versions(p.client_ctx, other, other), FOAL_OK);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
    cr_assert_eq(foal_ssl_alert_received(p.client), 70, "protocol_version");
    pair_end(&p);
  }
}

/* ---- ends at every byte ---- */

enum { BY_CLOSE, BY_DISPOSE, BY_FREE, BY_EOF };

static void end_by(foal_ssl **s, int way) FOAL_TURN;

static void end_by(foal_ssl **s, int way)
{
  cr_assert_null(hear(*s, 0));
  switch (way) {
  case BY_CLOSE:
    foal_ssl_close(*s);
    break;
  case BY_DISPOSE:
    foal_ssl_dispose(*s);
    break;
  case BY_FREE:
    foal_ssl_free(s);
    return;
  default:
    cr_assert_eq(foal_ssl_receive_end(*s), FOAL_TRUNCATED);
  }
  cr_assert_null(hear(*s, 0));
  free(take_cipher(*s).at);
  cr_assert_eq(ERR_peek_error(), 0);
}

static size_t move(foal_ssl *from, foal_ssl *to, size_t most) FOAL_TURN;

/* Moves what `from` has to send, up to this byte; returns how much it had. */
static size_t move(foal_ssl *from, foal_ssl *to, size_t most)
{
  cipher_bytes all = take_cipher(from);
  give_cipher(to, all.at, all.len < most ? all.len : most);
  free(all.at);
  return all.len;
}

static bool cut_at(pair *p, size_t cut, bool of_server, int way) FOAL_TURN;

/* What one side says reaches the other up to this byte; false: it is shorter. */
static bool cut_at(pair *p, size_t cut, bool of_server, int way)
{
  bool long_enough = false;
  pair_begin(p, "a.test");
  foal_ssl **from = of_server ? &p->server : &p->client;
  foal_ssl **to = of_server ? &p->client : &p->server;
  if (of_server) (void)move(p->client, p->server, SIZE_MAX);
  for (int flight = 0; flight < 2 && !long_enough; flight++) {
    size_t len = move(*from, *to, cut);
    long_enough = cut < len;
    if (!long_enough) cut -= len;
    if (!long_enough) (void)move(*to, *from, SIZE_MAX);
  }
  if (long_enough) end_by(to, way);
  foal_ssl_free(&p->client);
  foal_ssl_free(&p->server);
  return long_enough;
}

static void cut_everywhere(foal_tls version, int way) FOAL_TURN;

/* Every byte that a server can be cut at; of what a client hears, which costs far more,
 * every byte for the end that comes from outside and every 5th for our own. */
static void cut_everywhere(foal_tls version, int way)
{
  size_t step = way == BY_EOF ? 1 : 5;
  pair p;
  pair_prepare(&p);
  pair_only(&p, version);
  for (int of_server = 0; of_server < 2; of_server++) {
    size_t cut = 0;
    while (cut_at(&p, cut, of_server, way)) cut += of_server ? step : 1;
    cr_assert_gt(cut, of_server ? 500 : 250, "both flights were cut: %zu bytes", cut);
  }
  pair_end(&p);
}

Test(pitfall, close_at_every_byte_of_the_handshake, .timeout = 60)
{
  turn_of_test();
  cut_everywhere(FOAL_TLS_1_2, BY_CLOSE);
  cut_everywhere(FOAL_TLS_1_3, BY_CLOSE);
}

Test(pitfall, dispose_at_every_byte_of_the_handshake, .timeout = 60)
{
  turn_of_test();
  cut_everywhere(FOAL_TLS_1_2, BY_DISPOSE);
  cut_everywhere(FOAL_TLS_1_3, BY_FREE);
}

Test(pitfall, eof_at_every_byte_of_the_handshake, .timeout = 60)
{
  turn_of_test();
  cut_everywhere(FOAL_TLS_1_2, BY_EOF);
  cut_everywhere(FOAL_TLS_1_3, BY_EOF);
}
