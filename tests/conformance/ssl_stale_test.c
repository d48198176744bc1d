/* ssl_stale_test.c - the thread's error queue: whatever anybody left on it, before every
 * single call of a whole dialogue, changes nothing; and no call leaves anything.
 *
 * A dialogue is run once with a clean queue and written down: every result, state, error,
 * reason and fact. With each kind of dirt the same has to be written down again. In the
 * clean run the queue is looked at before every call.                                  */
#include "ssl/impl/ctx.h"
#include "ssl/impl/session.h"
#include "ssl_ways.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdarg.h>

static void must(foal_err err)
{
  cr_assert_eq(err, FOAL_OK, "%s", foal_err_name(err));
}

/* ---- dirt ---- */

typedef enum dirt {
  CLEAN,
  NO_CERTIFICATE, /* what makes a server call it an authentication failure */
  ALERT,          /* what makes it the peer's refusal */
  NO_MEMORY,
  SYSTEM, /* what turns SSL_ERROR_SSL into SSL_ERROR_SYSCALL */
  TRUNCATED,
  EVERYTHING, /* more than the queue holds */
  DIRTS
} dirt;

static void leave(dirt kind)
{
  switch (kind) {
  case NO_CERTIFICATE:
    ERR_raise(ERR_LIB_SSL, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
    break;
  case ALERT:
    ERR_raise_data(ERR_LIB_SSL, SSL_R_TLSV1_ALERT_UNKNOWN_CA, "SSL alert number 48");
    break;
  case NO_MEMORY:
    ERR_raise(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE);
    break;
  case SYSTEM:
    ERR_raise_data(ERR_LIB_SYS, EIO, "reading somebody else's socket");
    break;
  case TRUNCATED:
    ERR_raise(ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING);
    break;
  case EVERYTHING:
    for (int i = 0; i < 24; i++) leave((dirt)(NO_CERTIFICATE + i % 5));
    break;
  case CLEAN:
  case DIRTS:
    break;
  }
}

/* ---- a dialogue that is written down ---- */

typedef struct talk {
  dirt kind;
  pair *p;
  const char *host;
  size_t len;
  char log[64 << 10];
} talk;

/* Before every call. */
static void soil(const talk *t)
{
  if (t->kind == CLEAN)
    cr_assert_eq(ERR_peek_error(), 0, "left behind, after:\n%s", t->log);
  leave(t->kind);
}

static void note(talk *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(talk *t, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(t->log + t->len, sizeof t->log - t->len, format, arguments);
  va_end(arguments);
  cr_assert(n >= 0 && t->len + (size_t)n < sizeof t->log, "the log is too small");
  t->len += (size_t)n;
}

/* One call, its queue soiled, its number written down. */
#define ASK(call) (soil(t), note(t, #call " %lld\n", (long long)(call)))

static void note_text(talk *t, const char *what, const char *text)
{
  note(t, "%s '%s'\n", what, text == NULL ? "(none)" : text);
}

/* Every question there is. */
static void look(talk *t, const foal_ssl *s) FOAL_TURN;

static void look(talk *t, const foal_ssl *s)
{
  char text[256];
  uint8_t bytes[FOAL_FINGERPRINT_BYTES];
  const foal_ssl_exporter what = {.label = "EXPORTER-conformance"};
  ASK(foal_ssl_state(s));
  ASK(foal_ssl_error(s));
  ASK(foal_ssl_alert_sent(s));
  ASK(foal_ssl_alert_received(s));
  ASK(foal_ssl_version(s));
  ASK(foal_ssl_resumed(s));
  ASK(foal_ssl_peer_verified(s));
  ASK(foal_ssl_can_send(s));
  ASK(foal_ssl_end_seen(s));
  ASK(foal_ssl_write_room(s));
  ASK(foal_ssl_queued_bytes(s));
  ASK(foal_ssl_sealed_bytes(s) > 0);
  ASK(foal_ssl_bytes(s).plain_in);
  ASK(foal_ssl_peer_subject(s, text, sizeof text));
  ASK(foal_ssl_peer_names(s, text, sizeof text));
  ASK(foal_ssl_peer_matches(s, "a.test"));
  ASK(foal_ssl_peer_fingerprint(s, bytes));
  ASK(foal_ssl_export(s, &what, bytes, sizeof bytes));
  soil(t);
  note_text(t, "reason", foal_ssl_reason(s));
  soil(t);
  note_text(t, "alpn", foal_ssl_alpn_selected(s));
  soil(t);
  note_text(t, "cipher", foal_ssl_cipher(s));
  soil(t);
  note_text(t, "name", foal_ssl_server_name(s));
}

/* All that `from` has to say, in pieces; true: something was said. */
static bool carry(talk *t, foal_ssl *from, foal_ssl *to) FOAL_TURN;

static bool carry(talk *t, foal_ssl *from, foal_ssl *to)
{
  foal_buf *b;
  bool some = false;
  for (soil(t); foal_ssl_send(from, &b); soil(t)) {
    size_t len = foal_buf_len(b);
    for (size_t at = 0; at < len; at += 331) {
      soil(t);
      give_cipher(to, foal_buf_data(b) + at, len - at < 331 ? len - at : 331);
    }
    foal_buf_drop(&b);
    some = true;
  }
  return some;
}

static void exchange(talk *t) FOAL_TURN;

static void exchange(talk *t)
{
  for (int round = 0; round < 20; round++) {
    bool there = carry(t, t->p->client, t->p->server);
    bool back = carry(t, t->p->server, t->p->client);
    if (!there && !back) break;
  }
  look(t, t->p->client);
  look(t, t->p->server);
}

static void read_some(talk *t, foal_ssl *s, size_t expect) FOAL_TURN;

static void read_some(talk *t, foal_ssl *s, size_t expect)
{
  soil(t);
  const char *text = hear(s, expect);
  note(t, "read(%zu) %zu ", expect, heard_len());
  note_text(t, "", text);
}

/* Everything that can be done with two sessions, whether they let themselves or not. */
static void converse(talk *t, const foal_buf *saved) FOAL_TURN FOAL_READS(saved);

static void converse(talk *t, const foal_buf *saved)
{
  pair *p = t->p;
  soil(t);
  p->server = foal_ssl_server(p->server_ctx);
  soil(t);
  p->client = saved == NULL ? foal_ssl_client(p->client_ctx, t->host)
                            : foal_ssl_client_resume(p->client_ctx, t->host, saved);
  exchange(t);
  read_some(t, p->client, 0);
  ASK(say(p->client, "from the client"));
  ASK(say(p->server, "from the server"));
  exchange(t);
  read_some(t, p->server, 100);
  read_some(t, p->server, 5);
  read_some(t, p->client, 0);
  ASK(foal_ssl_key_update(p->client, true));
  ASK(say(p->client, "again"));
  soil(t);
  foal_ssl_seal(p->client);
  exchange(t);
  read_some(t, p->server, 0);
  read_some(t, p->client, 0);
  soil(t);
  foal_ssl_close(p->client);
  exchange(t);
  read_some(t, p->server, 0);
  ASK(say(p->server, "still"));
  soil(t);
  foal_ssl_close(p->server);
  exchange(t);
  read_some(t, p->client, 0);
  ASK(foal_ssl_receive_end(p->client));
  ASK(foal_ssl_receive_end(p->server));
  exchange(t);
  soil(t);
  foal_ssl_dispose(p->client);
  look(t, p->client);
}

static void part(talk *t) FOAL_TURN;

static void part(talk *t)
{
  soil(t);
  foal_ssl_free(&t->p->client);
  soil(t);
  foal_ssl_free(&t->p->server);
}

/* What the peer says is damaged on its way, or is no TLS at all. */
static void mishear(talk *t) FOAL_TURN;

static void mishear(talk *t)
{
  static const char text[] = "220 mail.test ESMTP ready\r\n";
  pair *p = t->p;
  ASK(say(p->client, "damaged"));
  soil(t);
  cipher_bytes all = take_cipher(p->client);
  if (all.len > 0) all.at[all.len - 1] ^= 1;
  soil(t);
  give_cipher(p->server, all.at, all.len);
  free(all.at);
  read_some(t, p->server, 0);
  exchange(t);
  read_some(t, p->client, 0);
  part(t);
  soil(t);
  p->server = foal_ssl_server(p->server_ctx);
  soil(t);
  p->client = foal_ssl_client(p->client_ctx, t->host);
  soil(t);
  give_cipher(p->server, text, strlen(text));
  soil(t);
  give_cipher(p->client, text, strlen(text));
  exchange(t);
  part(t);
}

/* Twice the same dialogue, the second one resumed if the first gave something for it. */
static void whole_dialogue(talk *t) FOAL_TURN;

static void whole_dialogue(talk *t)
{
  foal_buf *saved;
  pair *p = t->p;
  soil(t);
  p->server = foal_ssl_server(p->server_ctx);
  soil(t);
  p->client = foal_ssl_client(p->client_ctx, t->host);
  exchange(t);
  read_some(t, p->client, 0);
  soil(t);
  bool resumable = foal_ssl_save(p->client, &saved);
  part(t);
  note(t, "saved %d\n", resumable);
  if (resumable) {
    converse(t, saved);
    foal_buf_drop(&saved);
    part(t);
  }
  converse(t, NULL);
  part(t);
  soil(t);
  p->server = foal_ssl_server(p->server_ctx);
  soil(t);
  p->client = foal_ssl_client(p->client_ctx, t->host);
  exchange(t);
  mishear(t);
}

/* ---- what they talk about ---- */

static void nothing_wrong(pair *p)
{
  (void)p;
}

static void trust_nobody(pair *p)
{
  foal_ssl_ctx_drop(&p->client_ctx);
  p->client_ctx = ctx_with(NULL, NULL);
}

static void want_client(pair *p)
{
  must(foal_ssl_ctx_trust_pem(p->server_ctx, p->cast.root->pem));
  must(foal_ssl_ctx_client_cert(p->server_ctx, FOAL_CLIENT_CERT_REQUIRED));
}

static void show_client(pair *p)
{
  want_client(p);
  must(foal_ssl_ctx_use_cert_pem(p->client_ctx, p->cast.client->chain,
                                 p->cast.client->key_pem));
}

static void speak_otherwise(pair *p)
{
  static const char *const ours[] = {"h2"}, *const theirs[] = {"spdy"};
  must(foal_ssl_ctx_alpn_server(p->server_ctx, ours, 1));
  must(foal_ssl_ctx_alpn_client(p->client_ctx, theirs, 1));
}

typedef struct subject {
  void (*prepare)(pair *p);
  const char *host;
} subject;

static const subject subjects[] = {
    {nothing_wrong, "a.test"}, {show_client, "a.test"},   {nothing_wrong, "b.test"},
    {trust_nobody, "a.test"},  {want_client, "a.test"},   {speak_otherwise, "a.test"},
    {nothing_wrong, "a test"}, {nothing_wrong, "::ffff"},
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects, GOOD_SUBJECTS = 2 };

/* Where the two differ, and what was said before. */
static void expect_same(const talk *clean, const talk *dirty)
{
  size_t at = 0;
  if (clean->len == dirty->len && memcmp(clean->log, dirty->log, clean->len) == 0) return;
  while (clean->log[at] == dirty->log[at]) at++;
  size_t from = at > 400 ? at - 400 : 0;
  cr_expect_str_eq(dirty->log + from, clean->log + from, "dirt %d with %s",
                   (int)dirty->kind, dirty->host);
}

Test(conf_traps, stale_error_queue_between_turns)
{
  static talk talks[2];
  turn_of_test();
  for (int i = 0; i < SUBJECTS * 2; i++) {
    pair p;
    pair_prepare(&p);
    subjects[i / 2].prepare(&p);
    pair_only(&p, i % 2 == 0 ? FOAL_TLS_1_2 : FOAL_TLS_1_3);
    for (dirt kind = CLEAN; kind < DIRTS; kind++) {
      talk *t = &talks[kind != CLEAN];
      *t = (talk){.kind = kind, .p = &p, .host = subjects[i / 2].host};
      whole_dialogue(t);
      ERR_clear_error();
      if (kind != CLEAN) expect_same(&talks[0], t);
    }
    bool understood = strstr(talks[0].log, "'from the server'") != NULL;
    cr_expect_eq(understood, i / 2 < GOOD_SUBJECTS, "%s", talks[0].log);
    pair_end(&p);
  }
}

/* ---- where else dirt comes from ---- */

/* Setters of contexts that fail in between clean up, and sessions do not see them. */
Test(conf_traps, failed_set_up_of_a_context_harms_no_session)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    pair_begin(&p, "a.test");
    foal_ssl_ctx *bad = foal_ssl_ctx_new();
    cr_assert_not_null(bad);
    for (int round = 0; round < 8; round++) {
      foal_ssl *from = round % 2 == 0 ? p.client : p.server;
      foal_ssl *to = round % 2 == 0 ? p.server : p.client;
      cr_expect_neq(foal_ssl_ctx_use_cert_pem(bad, "no", "key"), FOAL_OK);
      cr_expect_neq(foal_ssl_ctx_trust_pem(bad, "nobody"), FOAL_OK);
      cr_expect_neq(foal_ssl_ctx_ciphers(bad, "NONSENSE"), FOAL_OK);
      cr_expect_eq(ERR_peek_error(), 0);
      cipher_bytes all = take_cipher(from);
      for (size_t at = 0; at < all.len; at += ways[i].cut)
        give_cipher(to, all.at + at,
                    all.len - at < ways[i].cut ? all.len - at : ways[i].cut);
      free(all.at);
      cr_expect_null(hear(to, 0));
    }
    expect_state(p.client, FOAL_SSL_READY);
    expect_state(p.server, FOAL_SSL_READY);
    foal_ssl_ctx_drop(&bad);
    pair_end(&p);
  }
}

typedef struct errand {
  foal_ssl *from, *to;
  dirt kind;
  size_t cut;
} errand;

/* A turn on a thread that has seen other things. */
static void *run_errand(void *arg)
{
  const errand *e = (const errand *)arg;
  turn_of_test();
  leave(e->kind);
  cipher_bytes all = take_cipher(e->from);
  for (size_t at = 0; at < all.len; at += e->cut) {
    leave(e->kind);
    give_cipher(e->to, all.at + at, all.len - at < e->cut ? all.len - at : e->cut);
  }
  free(all.at);
  leave(e->kind);
  cr_expect_null(hear(e->to, 0));
  return NULL;
}

/* Actors move between threads, and each thread has a queue of its own. */
Test(conf_traps, stale_error_queues_of_other_threads)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    pair_begin(&p, "a.test");
    for (int round = 0; round < 6; round++) {
      pthread_t thread;
      bool there = round % 2 == 0;
      errand e = {there ? p.client : p.server, there ? p.server : p.client,
                  (dirt)(NO_CERTIFICATE + round), ways[i].cut};
      cr_assert_eq(pthread_create(&thread, NULL, run_errand, &e), 0);
      cr_assert_eq(pthread_join(thread, NULL), 0);
      cr_expect_eq(ERR_peek_error(), 0);
    }
    expect_state(p.client, FOAL_SSL_READY);
    expect_state(p.server, FOAL_SSL_READY);
    pair_end(&p);
  }
}
