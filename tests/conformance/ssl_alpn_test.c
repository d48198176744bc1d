/* ssl_alpn_test.c - Pony's rows about ALPN: the codec, the resolver, and who still has a
 * protocol; and the traps around them (RFC 7301, lists that die too early).
 *
 * Where Pony calls a resolver, a context has a list: it cannot run user code in a
 * handshake, and it cannot choose what was not offered.                                */
#include "ssl/impl/alpn.h"
#include "ssl/impl/ctx.h"
#include "ssl/impl/session.h"
#include "ssl_ways.h"

static const char *const web[] = {"h2", "http/1.1"};
static const uint8_t web_wire[] = "\x02h2\x08http/1.1";
enum { WEB_LEN = sizeof web_wire - 1, NAMES = FOAL_ALPN_NAMES_MAX };

/* ---- the codec ---- */

/* An empty list is no error but means "no ALPN": that is how it is switched off. */
Test(conf_alpn, net_ssl_ALPNProtocolList_from_array)
{
  static const size_t places[] = {0, 1, 2};
  char long_name[257];
  foal__alpn list = {0};
  memset(long_name, 'x', 256);
  long_name[256] = '\0';
  cr_assert_eq(foal__alpn_set(&list, web, 2), FOAL_OK);
  cr_assert_eq(list.wire_len, WEB_LEN);
  cr_assert_arr_eq(list.wire, web_wire, WEB_LEN);
  for (size_t i = 0; i < 3; i++) {
    const char *names[] = {"a", "b", "c"};
    names[places[i]] = "";
    cr_expect_eq(foal__alpn_set(&list, names, 3), FOAL_BAD_ALPN, "empty name %zu", i);
    names[places[i]] = long_name;
    cr_expect_eq(foal__alpn_set(&list, names, 3), FOAL_BAD_ALPN, "long name %zu", i);
  }
  cr_expect_arr_eq(list.wire, web_wire, WEB_LEN, "the refused lists changed nothing");
  cr_expect_eq(foal__alpn_set(&list, web, 0), FOAL_OK);
  cr_expect_eq(list.wire_len, 0, "nothing empty is ever packed");
  foal__alpn_clear(&list);
}

/* No list of texts is built from a peer's bytes: what decodes is judged by
 * foal__alpn_valid, and names are looked up in place. */
Test(conf_alpn, net_ssl_ALPNProtocolList_to_array)
{
  foal__alpn list = {0};
  cr_assert_eq(foal__alpn_set(&list, web, 2), FOAL_OK);
  cr_assert(foal__alpn_valid(web_wire, WEB_LEN));
  size_t count = 0;
  for (size_t at = 0; at < WEB_LEN; at += 1 + (size_t)web_wire[at], count++)
    cr_expect_str_eq(foal__alpn_text(&list, web_wire + at + 1, web_wire[at]), web[count]);
  cr_expect_eq(count, 2);
  cr_expect_not(foal__alpn_valid(web_wire, 0), "empty");
  for (size_t len = 1; len < WEB_LEN; len++)
    cr_expect_eq(foal__alpn_valid(web_wire, len), len == 3, "truncated to %zu", len);
  cr_expect_not(foal__alpn_valid((const uint8_t *)"\0", 1), "zero length");
  cr_expect_not(foal__alpn_valid((const uint8_t *)"\0\x02h2", 4), "zero length first");
  cr_expect_not(foal__alpn_valid((const uint8_t *)"\x02h2\0", 4), "zero length last");
  cr_expect_not(foal__alpn_valid((const uint8_t *)"\x02h2\x09", 4), "garbage behind");
  foal__alpn_clear(&list);
}

Test(conf_alpn, net_ssl_ALPNProtocolList_offset_of)
{
  static const uint8_t twice[] = "\x02h3\x02h2\x02h2", zero[] = "\0\x02h2";
  size_t at = 0;
  cr_expect(foal__alpn_find(web_wire, WEB_LEN, "h2", &at));
  cr_expect_eq(at, 1);
  cr_expect(foal__alpn_find(web_wire, WEB_LEN, "http/1.1", &at));
  cr_expect_eq(at, 4);
  cr_expect(foal__alpn_find(twice, sizeof twice - 1, "h2", &at));
  cr_expect_eq(at, 4, "the first of repeats");
  cr_expect_not(foal__alpn_find(web_wire, WEB_LEN, "http/1", &at), "a prefix");
  cr_expect_not(foal__alpn_find(web_wire, WEB_LEN, "1.1", &at), "a suffix");
  cr_expect_not(foal__alpn_find(web_wire, WEB_LEN, "http/1.10", &at), "longer");
  cr_expect_not(foal__alpn_find(web_wire, WEB_LEN, "\x02h2", &at), "with its length");
  cr_expect_not(foal__alpn_find(web_wire, WEB_LEN, "H2", &at), "bytes, not letters");
  cr_expect_not(foal__alpn_find(web_wire, WEB_LEN, "spdy", &at), "absent");
  cr_expect_not(foal__alpn_find(web_wire, 0, "h2", &at), "empty list");
  cr_expect_not(foal__alpn_find((const uint8_t *)"\x09h2", 3, "h2", &at), "overrun");
  cr_expect_not(foal__alpn_find(zero, sizeof zero - 1, "h2", &at), "zero length");
}

/* A list of any names of any bytes but NUL. */
typedef struct random_list {
  char names[NAMES][256];
  const char *texts[NAMES];
  size_t count;
  foal__alpn packed;
} random_list;

static void random_make(random_list *r)
{
  *r = (random_list){.count = 1 + (size_t)rand() % NAMES};
  for (size_t i = 0; i < r->count; i++) {
    size_t len = 1 + (size_t)rand() % (rand() % 2 == 0 ? 3 : 255);
    for (size_t k = 0; k < len; k++) r->names[i][k] = (char)(1 + rand() % 255);
    r->texts[i] = r->names[i];
  }
  cr_assert_eq(foal__alpn_set(&r->packed, r->texts, r->count), FOAL_OK);
}

Test(conf_alpn, net_ssl_ALPNProtocolList_offset_of_property_roundtrip)
{
  srand(71);
  for (int round = 0; round < 300; round++) {
    random_list r;
    random_make(&r);
    for (size_t i = 0; i < r.count; i++) {
      size_t at = 0, len = strlen(r.names[i]);
      cr_assert(foal__alpn_find(r.packed.wire, r.packed.wire_len, r.names[i], &at));
      cr_assert_eq(r.packed.wire[at - 1], len);
      cr_assert_arr_eq(r.packed.wire + at, r.names[i], len);
    }
    foal__alpn_clear(&r.packed);
  }
}

Test(conf_alpn, net_ssl_ALPNProtocolList_property_roundtrip)
{
  srand(72);
  for (int round = 0; round < 300; round++) {
    random_list r;
    random_make(&r);
    size_t at = 0, count = 0;
    const char *text = r.packed.texts;
    cr_assert(foal__alpn_valid(r.packed.wire, r.packed.wire_len));
    for (; at < r.packed.wire_len; at += 1 + (size_t)r.packed.wire[at], count++) {
      cr_assert_lt(count, r.count);
      cr_assert_eq(r.packed.wire[at], strlen(r.names[count]));
      cr_assert_arr_eq(r.packed.wire + at + 1, r.names[count], r.packed.wire[at]);
      cr_assert_str_eq(text, r.names[count]);
      text += strlen(text) + 1;
    }
    cr_assert_eq(count, r.count);
    foal__alpn_clear(&r.packed);
  }
}

/* ---- what is chosen ---- */

typedef struct offer {
  const char *names[3];
  size_t count;
} offer;

static const offer nothing, only_h2 = {{"h2"}, 1}, only_spdy = {{"spdy/3"}, 1},
                            usual = {{"h2", "http/1.1"}, 2},
                            swapped = {{"http/1.1", "h2"}, 2};

static void set_offers(pair *p, const offer *server, const offer *client)
{
  cr_assert_eq(foal_ssl_ctx_alpn_server(p->server_ctx, server->names, server->count),
               FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_alpn_client(p->client_ctx, client->names, client->count),
               FOAL_OK);
}

static void expect_protocol(const pair *p, const char *name) FOAL_TURN;

static void expect_protocol(const pair *p, const char *name)
{
  const char *both[] = {foal_ssl_alpn_selected(p->client),
                        foal_ssl_alpn_selected(p->server)};
  expect_state(p->client, FOAL_SSL_READY);
  expect_state(p->server, FOAL_SSL_READY);
  for (int i = 0; i < 2; i++) {
    if (name == NULL)
      cr_expect_null(both[i]);
    else if (both[i] == NULL)
      cr_expect_fail("%d has no protocol instead of %s", i, name);
    else
      cr_expect_str_eq(both[i], name);
  }
}

/* Without overlap: alert 120 at both ends. */
static void expect_no_protocol(const pair *p) FOAL_TURN;

static void expect_no_protocol(const pair *p)
{
  expect_failure(p->server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
  expect_failure(p->client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
  cr_expect_eq(foal_ssl_alert_sent(p->server), 120);
  cr_expect_eq(foal_ssl_alert_received(p->client), 120);
}

/* The choice of a match is Pony's. The fall-back to the client's first name is not
 * offered: it selects a protocol that the server does not speak. */
Test(conf_alpn, net_ssl_StandardALPNProtocolResolver)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    set_offers(&p, &usual, &swapped);
    way_shake(&p, &ways[i], "a.test");
    expect_protocol(&p, "h2");
    pair_end(&p);
    way_prepare(&p, &ways[i]);
    set_offers(&p, &usual, &only_spdy);
    way_shake(&p, &ways[i], "a.test");
    expect_no_protocol(&p);
    pair_end(&p);
  }
}

/* ---- who still has a protocol ---- */

/* Pony's client finds the wrong name after h2 was agreed; ours refuses before. The case
 * that remains is the server that agreed on h2 and then refuses the client. */
Test(conf_ssl, SSL_alpn_selected_on_auth_fail)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    set_offers(&p, &only_h2, &usual);
    way_shake(&p, &ways[i], "b.test");
    expect_state(p.client, FOAL_SSL_AUTH_FAIL);
    cr_expect_null(foal_ssl_alpn_selected(p.client));
    cr_expect_null(foal_ssl_alpn_selected(p.server));
    pair_end(&p);
    way_prepare(&p, &ways[i]);
    set_offers(&p, &only_h2, &usual);
    cr_assert_eq(foal_ssl_ctx_client_cert(p.server_ctx, FOAL_CLIENT_CERT_REQUIRED),
                 FOAL_OK);
    way_shake(&p, &ways[i], "a.test");
    expect_state(p.server, FOAL_SSL_AUTH_FAIL);
    cr_expect_not_null(p.server->alpn, "h2 had been chosen");
    cr_expect_null(foal_ssl_alpn_selected(p.server));
    pair_end(&p);
  }
}

/* Gives it a record that cannot be decrypted, and lets it read. */
static void damage(foal_ssl *from, foal_ssl *to) FOAL_TURN;

static void damage(foal_ssl *from, foal_ssl *to)
{
  cr_assert_eq(say(from, "damaged"), FOAL_OK);
  cipher_bytes all = take_cipher(from);
  all.at[all.len - 1] ^= 1;
  give_cipher(to, all.at, all.len);
  free(all.at);
  cr_expect_null(hear(to, 0));
}

Test(conf_ssl, SSL_alpn_selected_on_error)
{
  turn_of_test();
  for (int i = 0; i < WAYS * 2; i++) {
    pair p;
    way_prepare(&p, &ways[i / 2]);
    set_offers(&p, &usual, &usual);
    way_shake(&p, &ways[i / 2], "a.test");
    expect_protocol(&p, "h2");
    foal_ssl *ends[] = {p.client, p.server};
    damage(ends[i % 2], ends[1 - i % 2]);
    expect_state(ends[1 - i % 2], FOAL_SSL_ERROR);
    cr_expect_null(foal_ssl_alpn_selected(ends[1 - i % 2]));
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_alpn_selected_after_dispose)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    set_offers(&p, &usual, &usual);
    way_shake(&p, &ways[i], "a.test");
    expect_protocol(&p, "h2");
    foal_ssl_dispose(p.server);
    foal_ssl_dispose(p.client);
    cr_expect_null(foal_ssl_alpn_selected(p.server));
    cr_expect_null(foal_ssl_alpn_selected(p.client));
    pair_end(&p);
  }
}

/* ---- traps ---- */

/* Neither side finds a protocol that the other does not have, whoever prefers what. */
Test(conf_traps, alpn_follows_the_server_and_never_falls_back)
{
  static const struct {
    const offer *server, *client;
    const char *name;
  } cases[] = {{&usual, &usual, "h2"},         {&usual, &swapped, "h2"},
               {&swapped, &usual, "http/1.1"}, {&only_h2, &swapped, "h2"},
               {&nothing, &usual, NULL},       {&usual, &nothing, NULL},
               {&nothing, &nothing, NULL}};
  turn_of_test();
  for (size_t i = 0; i < sizeof cases / sizeof *cases * 2; i++) {
    pair p;
    const way *w = &ways[i % 2 * 2];
    way_prepare(&p, w);
    set_offers(&p, cases[i / 2].server, cases[i / 2].client);
    way_shake(&p, w, "a.test");
    expect_protocol(&p, cases[i / 2].name);
    pair_end(&p);
  }
}

/* The list belongs to the context, and the context to its sessions: neither dies while a
 * handshake can still look at it. */
Test(conf_traps, alpn_lists_outlive_the_last_handle_of_their_context)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    set_offers(&p, &usual, &usual);
    pair_begin(&p, "a.test");
    foal_ssl_ctx_drop(&p.server_ctx);
    foal_ssl_ctx_drop(&p.client_ctx);
    pump(p.client, p.server, ways[i].cut);
    expect_protocol(&p, "h2");
    pair_end(&p);
  }
}

/* What OpenSSL is given lies in the client's own list, at the exact name. */
Test(conf_traps, alpn_answer_lies_in_the_clients_list)
{
  static const uint8_t theirs[] = "\x03h2c\x02h2\x08http/1.1\x02h2";
  foal__alpn ours = {0};
  size_t at = 0;
  cr_assert_eq(foal__alpn_set(&ours, web, 2), FOAL_OK);
  cr_expect_str_eq(foal__alpn_choose(&ours, theirs, sizeof theirs - 1, &at), "h2");
  cr_expect_eq(at, 5);
  cr_expect_null(foal__alpn_choose(&ours, theirs, 4, &at), "h2c is not h2");
  cr_expect_null(foal__alpn_choose(&ours, theirs, sizeof theirs - 2, &at),
                 "a list that ends too early has no first name either");
  foal__alpn_clear(&ours);
}

static int choose_foreign(SSL *tls, const unsigned char **out, unsigned char *out_len,
                          const unsigned char *in, unsigned in_len, void *arg)
{
  (void)tls, (void)in, (void)in_len, (void)arg;
  *out = (const unsigned char *)"spdy/3";
  *out_len = 6;
  return SSL_TLSEXT_ERR_OK;
}

/* A server that answers with what it was not asked for is told so. */
Test(conf_traps, alpn_name_that_was_not_offered_is_refused)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    set_offers(&p, &usual, &usual);
    cr_assert_eq(foal_ssl_ctx_freeze(p.server_ctx), FOAL_OK);
    SSL_CTX_set_alpn_select_cb(p.server_ctx->tls, choose_foreign, NULL);
    way_shake(&p, &ways[i], "a.test");
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    int alert = foal_ssl_alert_received(p.server); /* later OpenSSLs look first */
    cr_expect(alert == SSL_AD_ILLEGAL_PARAMETER || alert == SSL_AD_DECODE_ERROR, "%d",
              alert);
    pair_end(&p);
  }
}

/* Each length byte of the list in a hello is damaged: the handshake ends, and the name
 * behind it is not chosen. */
Test(conf_traps, alpn_list_that_does_not_decode_ends_the_handshake)
{
  turn_of_test();
  for (int i = 0; i < 8; i++) {
    static const uint8_t lengths[] = {0, 1, 9, 255};
    pair p;
    way_prepare(&p, &ways[i / 4 * 2]);
    set_offers(&p, &usual, &usual);
    pair_begin(&p, "a.test");
    cipher_bytes hello = take_cipher(p.client);
    uint8_t *list = memmem(hello.at, hello.len, web_wire, WEB_LEN);
    cr_assert_not_null(list);
    list[0] = lengths[i % 4];
    give_cipher(p.server, hello.at, hello.len);
    expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    cr_expect(foal_ssl_can_send(p.server), "the alert");
    pair_pump(&p);
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    free(hello.at);
    pair_end(&p);
  }
}

/* RFC 7301 3.1: the protocol belongs to the connection, not to the session that is
 * resumed. */
Test(conf_traps, alpn_is_agreed_anew_when_a_session_is_resumed)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    foal_buf *saved;
    way_prepare(&p, &ways[i]);
    set_offers(&p, &usual, &usual);
    way_shake(&p, &ways[i], "a.test");
    expect_protocol(&p, "h2");
    cr_assert_null(hear(p.client, 0));
    bool got = foal_ssl_save(p.client, &saved);
    if (!got) {
      cr_assert_fail("nothing to resume");
      return;
    }
    way_again(&p);
    foal_ssl_ctx_drop(&p.client_ctx);
    p.client_ctx = ctx_with(NULL, p.cast.root);
    cr_assert_eq(foal_ssl_ctx_alpn_client(p.client_ctx, web + 1, 1), FOAL_OK);
    p.server = foal_ssl_server(p.server_ctx);
    p.client = foal_ssl_client_resume(p.client_ctx, "a.test", saved);
    foal_buf_drop(&saved);
    pump(p.client, p.server, ways[i].cut);
    cr_expect(foal_ssl_resumed(p.client));
    expect_protocol(&p, "http/1.1");
    pair_end(&p);
  }
}
