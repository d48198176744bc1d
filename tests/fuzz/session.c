/* session.c - see session.h. */
#include "session.h"

#include "runtime/impl/buf_head.h"
#include "ssl/impl/session.h"
#include "steady.h"

#include <openssl/err.h>
#include <string.h>

enum { HEAD_BYTES = 5, SEALED_BYTES = 16 + 1, SLACK_BYTES = 1024, TEXT_MAX = 32768 };

/* ---- text ---- */

/* Bytes that differ by their place in a stream. */
static uint8_t pattern(size_t i)
{
  return (uint8_t)(i * 31 + (i >> 8) * 7 + 1);
}

static bool is_pattern(const foal_buf *b, size_t from) FOAL_READS(b)
{
  const uint8_t *at = foal_buf_data(b);
  for (size_t i = 0; i < foal_buf_len(b); i++)
    if (at[i] != pattern(from + i)) return false;
  return true;
}

/* ---- what must hold ---- */

#define BIT(status) (1u << FOAL_SSL_##status)
#define FAILED      (BIT(AUTH_FAIL) | BIT(ERROR))
#define AGREED      (BIT(READY) | BIT(CLOSING) | BIT(SHUT) | BIT(CLOSED))

/* Where a session may be one call later. */
static const unsigned reach[] = {
    [FOAL_SSL_HANDSHAKE] = BIT(HANDSHAKE) | BIT(READY) | FAILED | BIT(DISPOSED),
    [FOAL_SSL_READY] = BIT(READY) | BIT(CLOSING) | BIT(SHUT) | BIT(ERROR) | BIT(DISPOSED),
    [FOAL_SSL_AUTH_FAIL] = BIT(AUTH_FAIL) | BIT(DISPOSED),
    [FOAL_SSL_ERROR] = BIT(ERROR) | BIT(DISPOSED),
    [FOAL_SSL_CLOSING] = BIT(CLOSING) | BIT(CLOSED) | BIT(ERROR) | BIT(DISPOSED),
    [FOAL_SSL_SHUT] = BIT(SHUT) | BIT(CLOSED) | BIT(ERROR) | BIT(DISPOSED),
    [FOAL_SSL_CLOSED] = BIT(CLOSED) | BIT(ERROR) | BIT(DISPOSED),
    [FOAL_SSL_DISPOSED] = BIT(DISPOSED)};

static void watch_bounds(const foal_ssl *s) FOAL_TURN;

static void watch_bounds(const foal_ssl *s)
{
  promise(foal_bufq_bytes(&s->plain) + s->fill.len == s->plain_bytes);
  promise(foal_bufq_bytes(&s->out) + s->writing.len == s->out_bytes);
  promise(s->tls == NULL || s->err != FOAL_OK || SSL_pending(s->tls) == 0);
  promise(foal__ssl_in_bytes(s) <= FOAL__IN_BYTES_MAX);
  promise(s->out_bytes <= FOAL__FLIGHT_BYTES_MAX);
  promise(s->ctx == NULL || foal_bufq_bytes(&s->text) < s->ctx->write_bytes + TEXT_MAX);
}

/* A client is ready before it is judged by the server, but for what it said in its
 * hello. */
static bool may_agree(const session_run *r)
{
  const cast_spec *spec = &r->spec;
  if (!cast_client_accepts(spec) || !cast_client_understands(spec)) return false;
  if (!cast_server_understands(spec)) return false;
  return !r->server || cast_server_accepts(spec);
}

void session_watch(session_run *r)
{
  const foal_ssl *s = r->subject;
  foal_ssl_status now = foal_ssl_state(s);
  unsigned bit = 1u << now;
  promise(ERR_peek_error() == 0);
  promise((reach[r->status] & bit) != 0);
  if (now != FOAL_SSL_DISPOSED)
    promise((foal_ssl_error(s) != FOAL_OK) == ((bit & FAILED) != 0));
  promise((foal_ssl_error(s) != FOAL_OK) == (foal_ssl_reason(s)[0] != '\0'));
  if ((bit & AGREED) != 0)
    promise(may_agree(r));
  else
    promise(foal_ssl_alpn_selected(s) == NULL && foal_ssl_version(s) == 0);
  if ((bit & (FAILED | BIT(DISPOSED))) != 0 && now != r->status) {
    /* What was decrypted may still be read, and nothing else. */
    size_t max = r->heard + s->plain_bytes;
    r->heard_max = max < r->heard_max ? max : r->heard_max;
  }
  if (now == FOAL_SSL_AUTH_FAIL) promise(r->heard == 0 && s->plain_bytes == 0);
  watch_bounds(s);
  r->status = now;
}

/* ---- the wire ---- */

void session_give(session_run *r, const uint8_t *at, size_t len)
{
  foal_buf *b;
  bool ok = foal_buf_from(&b, at, len);
  if (!ok) abort();
  foal_ssl_receive(r->subject, &b);
  session_watch(r);
}

void session_tamper(session_run *r)
{
  bool sealed = r->status == FOAL_SSL_READY || r->status == FOAL_SSL_SHUT;
  size_t max = r->next == 0 ? 0 : r->records[r->next - 1].said;
  r->tampered = true;
  if (sealed && max < r->heard_max) r->heard_max = max;
}

void session_pass(session_run *r, size_t cut)
{
  if (r->next == r->record_count) return;
  session_record *one = &r->records[r->next++];
  if (cut == 0) cut = one->len;
  for (size_t at = 0; at < one->len; at += cut)
    session_give(r, one->at + at, one->len - at < cut ? one->len - at : cut);
}

static void add_record(session_run *r, const uint8_t *at, size_t len, size_t said)
{
  session_record *one = &r->records[r->record_count++];
  one->at = malloc(len);
  promise(one->at != NULL);
  memcpy(one->at, at, len);
  one->len = len;
  one->said = said;
  one->lost = false;
}

/* Cuts honest bytes into records; `before` and `after`: the peer's text in the stream
 * at their beginning and at their end. */
static void cut_records(session_run *r, cast_bytes all, size_t before, size_t after)
{
  size_t at = 0;
  while (at < all.len) {
    promise(all.len - at >= HEAD_BYTES);
    size_t len = HEAD_BYTES + ((size_t)all.at[at + 3] << 8 | all.at[at + 4]);
    promise(all.len - at >= len);
    size_t text = len > HEAD_BYTES + SEALED_BYTES ? len - HEAD_BYTES - SEALED_BYTES : 0;
    if (all.at[at] == SSL3_RT_APPLICATION_DATA) before += text;
    if (before > after) before = after;
    if (r->record_count < SESSION_RECORDS_MAX) {
      add_record(r, all.at + at, len, before);
    } else {
      r->tampered = true;
    }
    at += len;
  }
}

void session_collect(session_run *r)
{
  foal_buf *b;
  cast_bytes all = {NULL, 0};
  size_t before = (size_t)foal_ssl_bytes(r->peer).plain_out;
  if (r->record_count == SESSION_RECORDS_MAX) r->tampered = true;
  if (r->record_count == SESSION_RECORDS_MAX) return;
  while (foal_ssl_send(r->peer, &b)) {
    all.at = realloc(all.at, all.len + foal_buf_len(b));
    promise(all.at != NULL);
    memcpy(all.at + all.len, foal_buf_data(b), foal_buf_len(b));
    all.len += foal_buf_len(b);
    foal_buf_drop(&b);
  }
  cut_records(r, all, before, (size_t)foal_ssl_bytes(r->peer).plain_out);
  free(all.at);
}

void session_reply(session_run *r)
{
  foal_buf *b;
  for (;;) {
    bool can = foal_ssl_can_send(r->subject);
    bool sent = foal_ssl_send(r->subject, &b);
    if (sent) {
      promise(can);
      promise(foal_buf_len(b) > 0 && foal_buf_len(b) <= FOAL_SSL_CHUNK + SLACK_BYTES);
      foal_ssl_receive(r->peer, &b);
    }
    promise(sent || !can || foal_ssl_error(r->subject) != FOAL_OK);
    session_watch(r);
    if (!sent) break;
  }
  while (foal_ssl_read(r->peer, 0, &b)) {
    promise(is_pattern(b, r->learnt));
    r->learnt += foal_buf_len(b);
    promise(r->learnt <= r->told);
    foal_buf_drop(&b);
  }
}

void session_flow(session_run *r, unsigned rounds)
{
  for (unsigned i = 0; i < rounds; i++) {
    session_collect(r);
    bool moved = r->next < r->record_count || foal_ssl_can_send(r->subject);
    while (r->next < r->record_count) session_pass(r, 0);
    session_reply(r);
    if (!moved) return;
  }
}

/* ---- both ends ---- */

bool session_read(session_run *r, size_t expect)
{
  foal_buf *b;
  if (!foal_ssl_read(r->subject, expect, &b)) {
    session_watch(r);
    return false;
  }
  size_t len = foal_buf_len(b);
  promise(expect == 0 ? len > 0 && len <= FOAL_SSL_CHUNK + SLACK_BYTES : len == expect);
  promise(is_pattern(b, r->heard));
  r->heard += len;
  promise(r->heard <= r->said && r->heard <= r->heard_max);
  foal_buf_drop(&b);
  session_watch(r);
  return true;
}

static foal_err write_pattern(foal_ssl *s, size_t from, size_t len, bool early) FOAL_TURN;

static foal_err write_pattern(foal_ssl *s, size_t from, size_t len, bool early)
{
  foal_buf *b;
  uint8_t *text = malloc(len + 1);
  promise(text != NULL);
  for (size_t i = 0; i < len; i++) text[i] = pattern(from + i);
  bool ok = foal_buf_from(&b, text, len);
  free(text);
  if (!ok) abort();
  return early ? foal_ssl_queue(s, &b) : foal_ssl_write(s, &b);
}

void session_say(session_run *r, size_t len)
{
  len %= TEXT_MAX;
  if (write_pattern(r->peer, r->said, len, true) == FOAL_OK) r->said += len;
}

void session_tell(session_run *r, size_t len, bool early)
{
  len %= TEXT_MAX;
  bool room = foal_ssl_write_room(r->subject) > 0;
  bool open = r->status == FOAL_SSL_READY || r->status == FOAL_SSL_CLOSING ||
              (early && r->status == FOAL_SSL_HANDSHAKE);
  foal_err err = write_pattern(r->subject, r->told, len, early);
  session_watch(r);
  if (r->status == FOAL_SSL_DISPOSED) {
    promise(err == FOAL_OK);
  } else if (!open) {
    promise(err == FOAL_BAD_STATE);
  } else {
    promise(err == (room || len == 0 ? FOAL_OK : FOAL_FULL));
    if (err == FOAL_OK) r->told += len;
  }
}

void session_open(session_run *r)
{
  foal_ssl_ctx *ctx = cast_server_ctx(&r->spec);
  foal_ssl *client = cast_new_client(&r->spec);
  foal_ssl *server = foal_ssl_server(ctx);
  promise(server != NULL);
  r->subject = r->server ? server : client;
  r->peer = r->server ? client : server;
  r->status = FOAL_SSL_HANDSHAKE;
  r->heard_max = SIZE_MAX;
  session_watch(r);
}

void session_close(session_run *r)
{
  for (size_t i = 0; i < r->record_count; i++) free(r->records[i].at);
  foal_ssl_free(&r->subject);
  foal_ssl_free(&r->peer);
  promise(ERR_peek_error() == 0);
  promise(foal_ssl_live_count() == 0);
  promise(foal__bufs_live_elsewhere() == 0);
}
