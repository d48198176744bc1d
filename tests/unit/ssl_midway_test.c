/* ssl_midway_test.c - a message after the handshake that has come in part: OpenSSL can
 * write nothing until it has the rest. What is to be said waits, nothing fails, nothing
 * asks again and again; and it goes on when the rest has come.                         */
#include "foal_test.h"
#include "ssl/impl/ctx.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 5, SMALL_BYTES = 512 };

/* The client is ready; the server's ticket, with the client's certificate in it, needs
 * more than one of the records that `rest` holds. */
static void begin(pair *p, cipher_bytes *rest) FOAL_TURN;

static void begin(pair *p, cipher_bytes *rest)
{
  pair_prepare(p);
  foal_ssl_ctx_drop(&p->client_ctx);
  p->client_ctx = ctx_with(p->cast.client, p->cast.root);
  cr_assert_eq(foal_ssl_ctx_trust_pem(p->server_ctx, p->cast.root->pem), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_client_cert(p->server_ctx, FOAL_CLIENT_CERT_REQUIRED),
               FOAL_OK);
  pair_only(p, FOAL_TLS_1_3);
  cr_assert_eq(SSL_CTX_set_max_send_fragment(p->server_ctx->tls, SMALL_BYTES), 1);
  pair_begin(p, "a.test");
  *rest = (cipher_bytes){NULL, 0};
  for (int i = 0; i < 4; i++) {
    cipher_bytes there = take_cipher(p->client);
    give_cipher(p->server, there.at, there.len);
    free(there.at);
    *rest = take_cipher(p->server);
    if (foal_ssl_state(p->client) == FOAL_SSL_READY) break;
    give_cipher(p->client, rest->at, rest->len);
    free(rest->at);
  }
  cr_assert_eq(foal_ssl_state(p->client), FOAL_SSL_READY);
  cr_assert_gt(rest->len, (size_t)(2 * HEADER + SMALL_BYTES));
}

static size_t first_record(const cipher_bytes *b)
{
  return HEADER + (size_t)(b->at[3] << 8 | b->at[4]);
}

/* The client reads the first half of the ticket. */
static void give_first(pair *p, const cipher_bytes *rest) FOAL_TURN;

static void give_first(pair *p, const cipher_bytes *rest)
{
  give_cipher(p->client, rest->at, first_record(rest));
  cr_assert_null(hear(p->client, 0));
  cr_assert_neq(SSL_in_init(p->client->tls), 0, "the ticket came as a whole");
}

static void give_second(pair *p, cipher_bytes *rest) FOAL_TURN;

static void give_second(pair *p, cipher_bytes *rest)
{
  size_t first = first_record(rest);
  give_cipher(p->client, rest->at + first, rest->len - first);
  free(rest->at);
  cr_assert_null(hear(p->client, 0));
  cr_assert_eq(foal_ssl_state(p->client) == FOAL_SSL_READY ||
                   foal_ssl_state(p->client) == FOAL_SSL_SHUT,
               true, "%s", foal_ssl_reason(p->client));
}

static void expect_silence(pair *p) FOAL_TURN;

static void expect_silence(pair *p)
{
  foal_buf *b;
  for (int i = 0; i < 3; i++) {
    foal_ssl_seal(p->client);
    cr_expect_not(foal_ssl_can_send(p->client));
    if (!foal_ssl_send(p->client, &b)) continue;
    foal_buf_drop(&b);
    cr_expect_fail("it sent");
  }
  cr_expect_eq(foal_ssl_error(p->client), FOAL_OK, "%s", foal_ssl_reason(p->client));
  cr_expect_eq(ERR_peek_error(), 0);
}

/* Also when the whole of what was queued is more than a record. */
Test(ssl_midway, writes_wait_for_the_rest_of_a_ticket)
{
  static const size_t lens[] = {1, 40000};
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    cipher_bytes rest;
    begin(&p, &rest);
    give_first(&p, &rest);
    char *text = calloc(1, lens[i]);
    cr_assert_not_null(text);
    cr_assert_eq(say_bytes(p.client, text, lens[i]), FOAL_OK);
    free(text);
    expect_silence(&p);
    cr_expect_eq(foal_ssl_queued_bytes(p.client), lens[i]);
    give_second(&p, &rest);
    cr_expect(foal_ssl_can_send(p.client));
    pair_pump(&p);
    cr_expect_eq(hear_all(p.server), lens[i]);
    foal_ssl_ticket *ticket = foal_ssl_keep(p.client);
    cr_expect_not_null(ticket);
    foal_ssl_ticket_drop(&ticket);
    pair_end(&p);
  }
}

Test(ssl_midway, a_close_waits_for_the_rest_of_a_ticket)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    cipher_bytes rest;
    begin(&p, &rest);
    give_first(&p, &rest);
    if (i == 1) cr_assert_eq(say(p.client, "last"), FOAL_OK);
    foal_ssl_close(p.client);
    expect_silence(&p);
    give_second(&p, &rest);
    pair_pump(&p);
    cr_expect_eq(hear_all(p.server), i == 1 ? 4 : 0);
    cr_expect(foal_ssl_end_seen(p.server));
    pair_end(&p);
  }
}

/* Keys that were to be renewed before still are, and new ones have to be asked for
 * later. */
Test(ssl_midway, new_keys_wait_for_the_rest_of_a_ticket)
{
  turn_of_test();
  pair p;
  cipher_bytes rest;
  begin(&p, &rest);
  give_first(&p, &rest);
  cr_expect_eq(foal_ssl_key_update(p.client, true), FOAL_BAD_STATE);
  expect_silence(&p);
  give_second(&p, &rest);
  cr_expect_eq(foal_ssl_key_update(p.client, true), FOAL_OK);
  cr_expect_eq(say(p.client, "new"), FOAL_OK);
  pair_pump(&p);
  cr_expect_str_eq(hear(p.server, 0), "new");
  pair_end(&p);
}

Test(ssl_midway, an_end_in_the_middle_is_an_end)
{
  turn_of_test();
  pair p;
  cipher_bytes rest;
  begin(&p, &rest);
  give_first(&p, &rest);
  free(rest.at);
  cr_assert_eq(say(p.client, "never"), FOAL_OK);
  expect_silence(&p);
  cr_expect_eq(foal_ssl_receive_end(p.client), FOAL_TRUNCATED);
  pair_end(&p);
}

/* What a handshake has in part is no reason to wait once it is done. */
Test(ssl_midway, a_read_before_the_handshake_is_done_holds_nothing_back)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  cipher_bytes all = take_cipher(p.client);
  give_cipher(p.server, all.at, all.len);
  free(all.at);
  all = take_cipher(p.server);
  give_cipher(p.client, all.at, all.len / 2);
  cr_expect_null(hear(p.client, 0));
  cr_expect_null(hear(p.server, 0));
  give_cipher(p.client, all.at + all.len / 2, all.len - all.len / 2);
  free(all.at);
  cr_assert_eq(say(p.client, "now"), FOAL_OK);
  cr_expect(foal_ssl_can_send(p.client));
  all = take_cipher(p.client);
  give_cipher(p.server, all.at, all.len);
  free(all.at);
  cr_expect_str_eq(hear(p.server, 0), "now");
  pair_end(&p);
}

Test(ssl_midway, what_was_disposed_in_the_middle_stays_quiet)
{
  turn_of_test();
  pair p;
  cipher_bytes rest;
  begin(&p, &rest);
  give_first(&p, &rest);
  free(rest.at);
  foal_ssl_dispose(p.client);
  foal_ssl_dispose(p.server);
  cr_expect_null(hear(p.client, 0));
  cr_expect_null(hear(p.server, 0));
  expect_silence(&p);
  pair_end(&p);
}
