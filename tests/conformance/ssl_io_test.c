/* ssl_io_test.c - Pony's rows of SSL.receive, .write, .send, .close and .dispose.
 *
 * Each test carries the name of its row; where our rule is another one, its comment says
 * why.                                                                                 */
#include "foal_test.h"
#include "tls/pair.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static void ready_pair(pair *p) FOAL_TURN;
static void refused_client(pair *p) FOAL_TURN;
static cipher_bytes say_cipher(foal_ssl *s, const char *text) FOAL_TURN;
static void expect_inert(foal_ssl *s) FOAL_TURN;
static void expect_no_alert(foal_ssl *s) FOAL_TURN;

/* Ready on both sides, tickets taken in. */
static void ready_pair(pair *p)
{
  pair_ready(p);
  cr_assert_null(hear(p->client, 0));
  cr_assert_not(foal_ssl_can_send(p->client));
  cr_assert_not(foal_ssl_can_send(p->server));
}

/* A client without a certificate and a server that wants one. Under TLS 1.3 the client is
 * ready before it is refused, so that it can send real data to who rejected it. */
static void refused_client(pair *p)
{
  pair_prepare(p);
  cr_assert_eq(foal_ssl_ctx_client_cert(p->server_ctx, FOAL_CLIENT_CERT_REQUIRED),
               FOAL_OK);
  pair_begin(p, "a.test");
  for (int i = 0; i < 2; i++) {
    foal_ssl *from = i == 0 ? p->client : p->server;
    cipher_bytes all = take_cipher(from);
    give_cipher(i == 0 ? p->server : p->client, all.at, all.len);
    free(all.at);
  }
  cr_assert_eq(foal_ssl_state(p->client), FOAL_SSL_READY);
  cipher_bytes last = take_cipher(p->client);
  give_cipher(p->server, last.at, last.len);
  free(last.at);
  cr_assert_eq(foal_ssl_state(p->server), FOAL_SSL_AUTH_FAIL);
}

static cipher_bytes say_cipher(foal_ssl *s, const char *text)
{
  cr_assert_eq(say(s, text), FOAL_OK);
  cipher_bytes all = take_cipher(s);
  cr_assert_gt(all.len, 0);
  return all;
}

static void expect_inert(foal_ssl *s)
{
  cr_expect_eq(foal_ssl_state(s), FOAL_SSL_DISPOSED);
  cr_expect_not(foal_ssl_can_send(s));
  cr_expect_eq(foal_ssl_queued_bytes(s), 0);
  cr_expect_eq(foal_ssl_write_room(s), 0);
  cr_expect_null(hear(s, 0));
  cr_expect_null(hear(s, 1));
  cr_expect_null(foal_ssl_alpn_selected(s));
  cr_expect_eq(ERR_peek_error(), 0);
}

static void expect_no_alert(foal_ssl *s)
{
  foal_ssl_status before = foal_ssl_state(s);
  foal_ssl_close(s);
  cr_expect_eq(foal_ssl_state(s), before);
  cr_expect_not(foal_ssl_can_send(s));
}

Test(conf_ssl, SSL_receive_on_auth_fail)
{
  turn_of_test();
  pair p;
  refused_client(&p);
  uint64_t seen = foal_ssl_bytes(p.server).cipher_in;
  cipher_bytes all = say_cipher(p.client, "let me in");
  for (int i = 0; i < 2; i++) give_cipher(p.server, all.at, all.len);
  cr_expect_null(hear(p.server, 0));
  cr_expect_null(hear(p.server, 9));
  expect_failure(p.server, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
  cr_expect_eq(foal_ssl_bytes(p.server).cipher_in, seen, "dropped unseen");
  free(all.at);
  pair_end(&p);
}

Test(conf_ssl, SSL_receive_on_error)
{
  turn_of_test();
  pair p;
  ready_pair(&p);
  cipher_bytes bad = say_cipher(p.client, "spoiled"), good = say_cipher(p.client, "good");
  bad.at[bad.len - 1] ^= 1;
  give_cipher(p.server, bad.at, bad.len);
  cr_assert_null(hear(p.server, 0));
  expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
  give_cipher(p.server, good.at, good.len);
  give_cipher(p.server, "", 0);
  cr_expect_null(hear(p.server, 0));
  cr_expect_null(hear(p.server, 4));
  expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
  free(bad.at);
  free(good.at);
  pair_end(&p);
}

Test(conf_ssl, SSL_receive_in_closed)
{
  turn_of_test();
  pair p;
  ready_pair(&p);
  cipher_bytes first = say_cipher(p.server, "before, ");
  foal_ssl_close(p.client);
  give_cipher(p.client, first.at, first.len);
  cipher_bytes second = say_cipher(p.server, "and after");
  give_cipher(p.client, second.at, second.len);
  cr_expect_str_eq(hear(p.client, 0), "before, and after");
  cr_expect_eq(foal_ssl_state(p.client), FOAL_SSL_SHUT);
  free(first.at);
  free(second.at);
  pair_end(&p);
}

Test(conf_ssl, SSL_receive_after_dispose)
{
  turn_of_test();
  pair p;
  ready_pair(&p);
  cipher_bytes all = say_cipher(p.client, "too late");
  foal_ssl_dispose(p.server);
  give_cipher(p.server, all.at, all.len);
  give_cipher(p.server, "", 0);
  expect_inert(p.server);
  cr_expect_eq(foal_ssl_receive_end(p.server), FOAL_OK, "nor is there an end to tell");
  expect_inert(p.server);
  free(all.at);
  pair_end(&p);
}

Test(conf_ssl, SSL_write_blocked_in_closed)
{
  turn_of_test();
  pair p;
  ready_pair(&p);
  foal_ssl_close(p.client);
  cr_expect_eq(say(p.client, "no"), FOAL_BAD_STATE, "before close_notify is fetched");
  cipher_bytes alert = take_cipher(p.client);
  cr_expect_eq(say(p.client, "no"), FOAL_BAD_STATE, "and after it");
  cr_expect_not(foal_ssl_can_send(p.client));
  give_cipher(p.server, alert.at, alert.len);
  cr_expect_null(hear(p.server, 0), "nothing of it left");
  cr_expect_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING);
  free(alert.at);
  pair_end(&p);
}

/* Ours: in Closing the peer has finished, not we. TLS lets each side finish by itself
 * (RFC 8446 6.1), so an answer that is under way is not lost. */
Test(conf_ssl, SSL_write_blocked_in_closing)
{
  turn_of_test();
  pair p;
  ready_pair(&p);
  foal_ssl_close(p.client);
  pair_pump(&p);
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING);
  cr_expect_eq(say(p.server, "the answer"), FOAL_OK);
  foal_ssl_close(p.server);
  cr_expect_eq(say(p.server, "more"), FOAL_BAD_STATE, "blocked once both have finished");
  pair_pump(&p);
  cr_expect_str_eq(hear(p.client, 0), "the answer");
  cr_expect_null(hear(p.client, 0));
  cr_expect_eq(foal_ssl_state(p.client), FOAL_SSL_CLOSED);
  pair_end(&p);
}

Test(conf_ssl, SSL_write_after_dispose)
{
  turn_of_test();
  pair p;
  ready_pair(&p);
  foal_ssl_dispose(p.client);
  cr_expect_eq(say(p.client, "dropped"), FOAL_OK);
  foal_buf *b;
  bool made = foal_buf_from(&b, "dropped, too", 12);
  if (!made) return;
  cr_expect_eq(foal_ssl_queue(p.client, &b), FOAL_OK);
  cr_expect_null(b);
  expect_inert(p.client);
  pair_end(&p);
}

Test(conf_ssl, SSL_send_on_failed_session)
{
  turn_of_test();
  static const foal_tls versions[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, versions[i]);
    pair_begin(&p, "b.test");
    while (foal_ssl_state(p.client) == FOAL_SSL_HANDSHAKE) {
      cipher_bytes there = take_cipher(p.client);
      give_cipher(p.server, there.at, there.len);
      cipher_bytes back = take_cipher(p.server);
      give_cipher(p.client, back.at, back.len);
      free(there.at);
      free(back.at);
    }
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_AUTH_FAIL);
    cr_expect(foal_ssl_can_send(p.client));
    cipher_bytes alert = take_cipher(p.client);
    cr_expect_gt(alert.len, 0);
    cr_expect_not(foal_ssl_can_send(p.client), "once");
    cr_expect_eq(take_cipher(p.client).len, 0);
    give_cipher(p.server, alert.at, alert.len);
    expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    cr_expect_eq(foal_ssl_alert_received(p.server), foal_ssl_alert_sent(p.client));
    free(alert.at);
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_send_after_dispose_returns_none)
{
  turn_of_test();
  pair p;
  ready_pair(&p);
  cr_assert_eq(say(p.client, "still queued"), FOAL_OK);
  cr_assert(foal_ssl_can_send(p.client));
  foal_ssl_dispose(p.client);
  cr_expect_not(foal_ssl_can_send(p.client));
  cr_expect_eq(take_cipher(p.client).len, 0);
  pair_end(&p);
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  cr_assert(foal_ssl_can_send(p.client), "the first flight");
  foal_ssl_dispose(p.client);
  cr_expect_eq(take_cipher(p.client).len, 0);
  pair_end(&p);
}

Test(conf_ssl, SSL_close_from_ready)
{
  turn_of_test();
  pair p;
  ready_pair(&p);
  foal_ssl_close(p.client);
  cr_expect_eq(foal_ssl_state(p.client), FOAL_SSL_SHUT);
  cr_expect(foal_ssl_can_send(p.client));
  pair_pump(&p);
  cr_expect_null(hear(p.server, 0));
  cr_expect(foal_ssl_end_seen(p.server));
  cr_expect_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING);
  cr_expect_eq(foal_ssl_receive_end(p.server), FOAL_CLEAN);
  pair_end(&p);
}

Test(conf_ssl, SSL_close_idempotent)
{
  turn_of_test();
  pair p;
  ready_pair(&p);
  foal_ssl_close(p.client);
  foal_ssl_close(p.client);
  cipher_bytes alert = take_cipher(p.client);
  cr_expect_gt(alert.len, 0);
  foal_ssl_close(p.client);
  cr_expect_not(foal_ssl_can_send(p.client), "no second alert");
  size_t record = 5 + ((size_t)alert.at[3] << 8) + alert.at[4];
  cr_expect_eq(alert.len, record, "one record");
  free(alert.at);
  pair_end(&p);
}

Test(conf_ssl, SSL_close_from_wrong_states)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  free(take_cipher(p.client).at);
  expect_no_alert(p.client);
  expect_no_alert(p.server);
  pair_end(&p);
  refused_client(&p);
  free(take_cipher(p.server).at);
  expect_no_alert(p.server);
  pair_end(&p);
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  give_cipher(p.server, "GET / HTTP/1.1\r\n\r\n", 18);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  free(take_cipher(p.server).at);
  expect_no_alert(p.server);
  pair_end(&p);
}

Test(conf_ssl, SSL_close_after_dispose)
{
  turn_of_test();
  pair p;
  ready_pair(&p);
  foal_ssl_dispose(p.client);
  foal_ssl_close(p.client);
  expect_inert(p.client);
  pair_end(&p);
}

Test(conf_ssl, SSL_close_bidirectional_roundtrip)
{
  turn_of_test();
  pair p;
  ready_pair(&p);
  foal_ssl_close(p.client);
  pair_pump(&p);
  cr_expect_null(hear(p.server, 0));
  foal_ssl_close(p.server);
  cr_expect_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSED);
  pair_pump(&p);
  cr_expect_null(hear(p.client, 0));
  cr_expect_eq(foal_ssl_state(p.client), FOAL_SSL_CLOSED);
  for (int i = 0; i < 2; i++) {
    foal_ssl *s = i == 0 ? p.client : p.server;
    cr_expect_eq(foal_ssl_receive_end(s), FOAL_CLEAN);
    cr_expect_eq(foal_ssl_error(s), FOAL_OK);
    cr_expect_not(foal_ssl_can_send(s));
    cr_expect_eq(say(s, "no"), FOAL_BAD_STATE);
  }
  pair_end(&p);
}

Test(conf_ssl, SSL_dispose_before_handshake)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  cipher_bytes hello = take_cipher(p.client);
  foal_ssl_dispose(p.client);
  foal_ssl_dispose(p.server);
  give_cipher(p.server, hello.at, hello.len);
  expect_inert(p.client);
  expect_inert(p.server);
  free(hello.at);
  pair_end(&p);
}

Test(conf_ssl, SSL_dispose_twice)
{
  turn_of_test();
  pair p;
  ready_pair(&p);
  cr_assert_eq(say(p.client, "held"), FOAL_OK);
  foal_ssl_dispose(p.client);
  foal_ssl_dispose(p.client);
  expect_inert(p.client);
  foal_ssl_free(&p.client);
  foal_ssl_free(&p.client);
  cr_expect_null(p.client);
  cr_expect_eq(foal_ssl_live_count(), 1, "freed once");
  pair_end(&p);
}
