/* ssl_ahead_test.c - OpenSSL reads ahead within a record, and writes are as large as one
 * packet: whatever the peer sends, wherever it is cut, and however much is written,
 * nothing stays behind and nothing is taken for something else.                        */
#include "foal_test.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER = 5 };

static const foal_tls both[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};

static void ready_with(pair *p, foal_tls version) FOAL_TURN;

static void ready_with(pair *p, foal_tls version)
{
  pair_prepare(p);
  pair_only(p, version);
  cr_assert_eq(foal_ssl_ctx_write_bytes(p->client_ctx, 1 << 20), FOAL_OK);
  pair_begin(p, "a.test");
  pair_pump(p);
  (void)hear(p->client, 0);
  cr_assert_eq(foal_ssl_state(p->client), FOAL_SSL_READY);
  cr_assert_eq(foal_ssl_state(p->server), FOAL_SSL_READY);
}

/* What the client sends for a word, with new keys before it if there can be any. */
static size_t put_word(pair *p, const char *word, uint8_t *at) FOAL_TURN;

static size_t put_word(pair *p, const char *word, uint8_t *at)
{
  if (p->client->tls_1_3) cr_assert_eq(foal_ssl_key_update(p->client, false), FOAL_OK);
  cr_assert_eq(say(p->client, word), FOAL_OK);
  cipher_bytes all = take_cipher(p->client);
  cr_assert_leq(all.len, 200);
  memcpy(at, all.at, all.len);
  free(all.at);
  return all.len;
}

/* The peer's keys change between the records, so none may be opened early. */
Test(ssl_ahead, records_with_new_keys_may_be_cut_anywhere)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    size_t len = 2;
    ready_with(&p, both[i]);
    for (size_t cut = 1; cut < len; cut++) {
      uint8_t wire[400];
      len = put_word(&p, "one", wire);
      len += put_word(&p, "two", wire + len);
      give_cipher(p.server, wire, cut);
      const char *first = hear(p.server, 3);
      if (first != NULL) cr_assert_str_eq(first, "one");
      give_cipher(p.server, wire + cut, len - cut);
      if (first == NULL) cr_assert_str_eq(hear(p.server, 3), "one");
      cr_assert_str_eq(hear(p.server, 3), "two", "%s", foal_ssl_reason(p.server));
      cr_assert_eq(foal__ssl_in_bytes(p.server), 0);
    }
    pair_end(&p);
  }
}

typedef struct forged {
  const char *what;
  uint8_t head[HEADER];
} forged;

static const forged forgeries[] = {{"as long as can be said", {23, 3, 3, 0xff, 0xff}},
                                   {"longer than a record", {23, 3, 3, 0x48, 0x01}},
                                   {"empty", {23, 3, 3, 0, 0}},
                                   {"shorter than its tag", {23, 3, 3, 0, 8}},
                                   {"a hello of SSL 2", {0x80, 0x2e, 1, 3, 3}},
                                   {"a plain handshake", {22, 3, 3, 0, 40}},
                                   {"a change of ciphers", {20, 3, 3, 0, 1}},
                                   {"of no known type", {99, 3, 3, 0, 40}},
                                   {"of another version", {23, 9, 9, 0, 40}},
                                   {"full, and not sealed", {23, 3, 3, 0x40, 0x00}}};

/* Ends in an error of its own, and gives nothing but what came before. */
static void forge(const forged *f, foal_tls version, size_t cut) FOAL_TURN;

static void forge(const forged *f, foal_tls version, size_t cut)
{
  static uint8_t wire[70000];
  pair p;
  ready_with(&p, version);
  size_t len = put_word(&p, "one", wire);
  memset(wire + len, 1, sizeof wire - len);
  memcpy(wire + len, f->head, HEADER);
  give_cipher(p.server, wire, len + cut);
  cr_assert_str_eq(hear(p.server, 0), "one");
  cr_assert_null(hear(p.server, 0));
  give_cipher(p.server, wire + len + cut, sizeof wire - len - cut);
  cr_assert_null(hear(p.server, 0), "%s", f->what);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR, "%s, %zu", f->what, cut);
  cr_assert_neq(foal_ssl_error(p.server), FOAL_OK);
  cr_assert_neq(foal_ssl_reason(p.server)[0], '\0');
  pair_end(&p);
}

Test(ssl_ahead, a_forged_header_ends_the_session, .timeout = 60)
{
  turn_of_test();
  static const size_t cuts[] = {0, 1, HEADER - 1, HEADER, HEADER + 1, 20000};
  for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++)
    for (size_t k = 0; k < sizeof cuts / sizeof cuts[0]; k++)
      forge(&forgeries[i], both[(i + k) % 2], cuts[k]);
  for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++)
    forge(&forgeries[i], both[i % 2], HEADER);
}

/* Everything that waits is sent, in buffers of the sizes that are promised. */
static void drain(pair *p, size_t len, size_t seals) FOAL_TURN;

static void drain(pair *p, size_t len, size_t seals)
{
  size_t heard = 0;
  for (foal_buf *b; foal_ssl_can_send(p->client);) {
    if (seals > 0) foal_ssl_seal(p->client);
    if (seals > 0) seals--;
    if (!foal_ssl_send(p->client, &b)) break;
    cr_assert_leq(foal_buf_len(b), FOAL__SEND_BYTES_MAX);
    foal_ssl_receive(p->server, &b);
    for (const char *text; (text = hear(p->server, 0)) != NULL; heard += heard_len())
      for (size_t i = 0; i < heard_len(); i++)
        cr_assert_eq((uint8_t)text[i], pair_pattern(heard + i));
  }
  cr_assert_eq(heard, len, "%s", foal_ssl_reason(p->server));
  cr_assert_eq(foal_ssl_queued_bytes(p->client) + foal_ssl_sealed_bytes(p->client), 0);
}

/* Around every border: of a record, of what is worth one, of a packet, of four
 * records. */
Test(ssl_ahead, every_size_arrives, .timeout = 60)
{
  turn_of_test();
  static const size_t borders[] = {4096,  4118,  16384, 20480, 49152,
                                   65058, 65160, 65536, 69632, 130320};
  static uint8_t text[140000];
  for (size_t i = 0; i < sizeof text; i++) text[i] = pair_pattern(i);
  for (int v = 0; v < 2; v++) {
    pair p;
    ready_with(&p, both[v]);
    for (size_t i = 0; i < sizeof borders / sizeof borders[0] * 7; i++) {
      size_t len = borders[i / 7] + i % 7 * 11 - 33, first = i * 997 % len;
      cr_assert_eq(say_bytes(p.client, text, first), FOAL_OK);
      if (i % 3 == 0) foal_ssl_seal(p.client);
      cr_assert_eq(say_bytes(p.client, text + first, len - first), FOAL_OK);
      drain(&p, len, i % 4);
    }
    pair_end(&p);
  }
}

/* A buffer may be a record of its own, but not at the price of a second write. */
Test(ssl_ahead, what_is_all_leaves_at_once_in_whatever_pieces)
{
  turn_of_test();
  enum { ALL = 4 * FOAL__RECORD_BYTES, SEALED = 22 };
  static const size_t pieces[][5] = {{13027, 13027, 13027, 13027, 13027},
                                     {12288, 16384, 16384, 16384, 4096},
                                     {16384, 16384, 12292, 16384, 4092},
                                     {300, 16000, 16384, 16384, 16468},
                                     {12300, 13000, 13000, 12300, 12300}};
  static uint8_t text[ALL];
  pair p;
  ready_with(&p, FOAL_TLS_1_3);
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    size_t len = 0;
    foal_buf *b;
    for (int k = 0; k < 5; len += pieces[i][k++])
      cr_assert_eq(say_bytes(p.client, text, pieces[i][k]), FOAL_OK);
    if (!foal_ssl_send(p.client, &b)) abort();
    cr_expect_geq(foal_buf_len(b), len + (size_t)4 * SEALED, "%zu", i);
    cr_expect_leq(foal_buf_len(b), FOAL__SEND_BYTES_MAX, "%zu", i);
    foal_buf_drop(&b);
    cr_expect_not(foal_ssl_can_send(p.client), "%zu", i);
  }
  pair_end(&p);
}

/* A record of this piece of the pattern, on the wire. */
static size_t put_pattern(pair *p, size_t from, size_t len, uint8_t *at) FOAL_TURN;

static size_t put_pattern(pair *p, size_t from, size_t len, uint8_t *at)
{
  uint8_t text[3000];
  cr_assert_leq(len, sizeof text);
  for (size_t i = 0; i < len; i++) text[i] = pair_pattern(from + i);
  cr_assert_eq(say_bytes(p->client, text, len), FOAL_OK);
  cipher_bytes all = take_cipher(p->client);
  memcpy(at, all.at, all.len);
  len = all.len;
  free(all.at);
  return len;
}

/* The text of a record that came alone goes where the record lay. What OpenSSL still has
 * of an earlier one must not go there. */
Test(ssl_ahead, text_takes_the_place_of_no_record_but_its_own)
{
  turn_of_test();
  static uint8_t wire[8000];
  for (int v = 0; v < 2; v++) {
    pair p;
    size_t from = 0;
    ready_with(&p, both[v]);
    for (size_t len = 1; len < 3000; len += 37) {
      size_t sizes[] = {10, len, 3000 - len}, all = 3010;
      give_cipher(p.server, wire, put_pattern(&p, from, sizes[0], wire));
      cr_assert_null(hear(p.server, all));
      size_t n = put_pattern(&p, from + sizes[0], sizes[1], wire), cut = n - 10;
      n += put_pattern(&p, from + sizes[0] + sizes[1], sizes[2], wire + n);
      give_cipher(p.server, wire, cut);
      give_cipher(p.server, wire + cut, n - cut);
      pair_hear_pattern(&p, all, from, all);
      from += all;
    }
    pair_end(&p);
  }
}

/* The rest of a record and one more: where to cut the first, and how long the second has
 * to be, so that the rest begins like a header that counts all of it. */
static size_t misleading_cut(const cipher_bytes *first, size_t frame, size_t *second)
{
  for (size_t cut = first->len / 2; cut + HEADER < first->len; cut++) {
    size_t says = HEADER + (size_t)(first->at[cut + 3] << 8 | first->at[cut + 4]);
    size_t rest = first->len - cut;
    if (says <= rest + frame || says - rest > 16384) continue;
    *second = says - rest - frame;
    return cut;
  }
  cr_assert_fail("no record of this one misleads");
  return 0;
}

/* What is sealed makes up for quiet bytes, but not for what OpenSSL holds of a record:
 * its text must not go over the record behind it. */
Test(ssl_ahead, the_rest_of_a_record_is_not_taken_for_a_record_alone)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    size_t second = 0, len = 15000, sent = 0;
    uint8_t *wire = malloc(40000);
    cr_assert_not_null(wire);
    ready_with(&p, both[i]);
    pair_send_pattern(&p, 0, 1);
    pair_hear_pattern(&p, 0, 0, 1);
    memset(wire, 'a', len);
    cr_assert_eq(say_bytes(p.client, wire, len), FOAL_OK);
    cipher_bytes a = take_cipher(p.client);
    size_t frame = a.len - len;
    size_t cut = misleading_cut(&a, frame, &second);
    memset(wire, 'b', second);
    cr_assert_eq(say_bytes(p.client, wire, second), FOAL_OK);
    cipher_bytes b = take_cipher(p.client);
    cr_assert_eq(b.len, second + frame);
    give_cipher(p.server, a.at, cut);
    cr_assert_null(hear(p.server, 0));
    for (; p.server->quiet_bytes > 0; sent++) {
      cr_assert_eq(say(p.server, "x"), FOAL_OK);
      free(take_cipher(p.server).at);
      cr_assert_lt(sent, 1000);
    }
    memcpy(wire, a.at + cut, a.len - cut);
    memcpy(wire + a.len - cut, b.at, b.len);
    give_cipher(p.server, wire, a.len - cut + b.len);
    cr_expect_eq(hear_all(p.server), len + second, "%s", foal_ssl_reason(p.server));
    free(a.at);
    free(b.at);
    free(wire);
    pair_end(&p);
  }
}

/* Whether OpenSSL gives back what it reads into as soon as it is empty. */
static bool gives_back(const pair *p)
{
  return (SSL_get_mode(p->server->tls) & SSL_MODE_RELEASE_BUFFERS) != 0;
}

/* Between the records of a burst OpenSSL keeps its block; after it, it must not. */
Test(ssl_ahead, a_burst_leaves_no_block_behind)
{
  enum { WORDS = 16 };
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    uint8_t wire[WORDS * 200];
    size_t len = 0;
    ready_with(&p, both[i]);
    for (int n = 0; n < WORDS; n++) len += put_word(&p, "word", wire + len);
    for (size_t cut = 0; cut < 26; cut++) {
      give_cipher(p.server, wire, len - cut);
      for (int n = 0; n < WORDS - 1; n++) {
        cr_assert_str_eq(hear(p.server, 4), "word");
        cr_assert(gives_back(&p));
      }
      give_cipher(p.server, wire + len - cut, cut);
      cr_assert_str_eq(hear(p.server, 4), "word", "%s", foal_ssl_reason(p.server));
      cr_assert(gives_back(&p));
      cr_assert_eq(foal__ssl_in_bytes(p.server), 0);
      if (cut + 1 < 26) {
        len = 0;
        for (int n = 0; n < WORDS; n++) len += put_word(&p, "word", wire + len);
      }
    }
    pair_end(&p);
  }
}
