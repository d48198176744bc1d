/* ssl_io.c - bytes through a session: receive and read, write and send.
 *
 * Reading: OpenSSL decrypts straight into iso buffers, sized by what can come out of the
 * ciphertext at hand, never by a length that the peer announces. Writing: plaintext waits
 * as it came; a record is made only when its ciphertext has room in the buffer that is
 * filled, so SSL_write has no reason to stop half-way. Loops follow the bytes at hand;
 * nothing recurses.                                                                    */
#include "impl/bio.h"
#include "impl/check.h"
#include "impl/session.h"

#include <limits.h>

enum {
  JOIN_BYTES = 4096,    /* leftovers up to here are joined into one buffer */
  SPARE_BYTES = 512,    /* room that plaintext may always have behind it */
  SPLIT_BYTES = 4096,   /* the smallest piece of a record made only to fill a buffer */
  ENOUGH_BYTES = 12288, /* what is a record of its own rather than copied together */
  SEALED_BYTES =
      5 + SSL3_RT_MAX_ENCRYPTED_OVERHEAD, /* a record's ciphertext beyond its text */
  SEALED_1_3_BYTES = 5 + 1 + 16,
  KEY_UPDATE_BYTES = 5 + 5 + 1 + 16 /* on the wire */
};

/* ---- in ---- */

static bool takes_input(const foal_ssl *s)
{
  return s->status == FOAL_SSL_HANDSHAKE || s->status == FOAL_SSL_READY ||
         s->status == FOAL_SSL_SHUT;
}

void foal_ssl_receive(foal_ssl *s, foal_buf **cipher)
{
  foal_check(s != NULL && cipher != NULL && *cipher != NULL);
  size_t len = foal_buf_len(*cipher);
  bool kept = len > 0 && takes_input(s);
  size_t pieces = foal_bufq_count(&s->in) + (s->reading.left > 0 ? 1 : 0);
  bool full =
      foal__ssl_in_bytes(s) + len > FOAL__IN_BYTES_MAX || pieces >= FOAL__IN_COUNT_MAX;
  if (!kept || full)
    foal_buf_drop(cipher);
  else if (foal__ssl_in_bytes(s) == 0)
    foal__drain_from(&s->reading, cipher);
  else
    foal_bufq_put(&s->in, cipher);
  if (kept) s->counts.cipher_in += len;
  if (kept && full)
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_LIMIT,
                   "no room for more ciphertext: %zu bytes in %zu pieces wait to be read",
                   foal__ssl_in_bytes(s), pieces);
  if (s->status != FOAL_SSL_HANDSHAKE) return;
  if (s->tls == NULL && (foal__ssl_in_bytes(s) == 0 || !foal__ssl_begin(s))) return;
  foal__ssl_step(s);
}

/* Whether all there is is one record in a buffer that is not much too large: then its
 * text goes there, since OpenSSL takes the whole record before it gives anything. */
static bool came_alone(const foal_ssl *s)
{
  size_t left = s->reading.left;
  if (foal_bufq_bytes(&s->in) > 0 || foal__ssl_record_ahead(s) != left || left == 0)
    return false;
  return s->reading.room <= left || s->reading.room <= SPARE_BYTES;
}

/* Makes room to decrypt into. What OpenSSL holds of an unfinished record was counted as
 * quiet, so the sum is at least what can come out; `held` is what it has decrypted. */
static bool open_fill(foal_ssl *s, size_t held)
{
  if (s->fill.room > 0) return true;
  foal__fill_finish(&s->fill, &s->plain);
  if (held == 0 && came_alone(s) && foal__fill_over(&s->fill, &s->reading)) return true;
  size_t wanted = foal__ssl_in_bytes(s) + s->quiet_bytes + held;
  if (foal__fill_open(&s->fill, wanted < FOAL_SSL_CHUNK ? wanted : FOAL_SSL_CHUNK))
    return true;
  foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_NO_MEMORY, "no memory for a plaintext buffer");
  return false;
}

/* Whether OpenSSL has only a part of a message. To have in mind a message of its own that
 * is to be sent is another matter. */
static bool is_midway(const foal_ssl *s)
{
  if (s->status != FOAL_SSL_READY && s->status != FOAL_SSL_SHUT) return false;
  return SSL_in_init(s->tls) != 0 && SSL_get_state(s->tls) != TLS_ST_OK;
}

/* SSL_read had nothing to give: why? SSL_get_error would take what others left on the
 * error queue for the answer; but only the BIO can have run dry, and that the peer has
 * closed was told. Everything else is an end, also a close that OpenSSL did not take: one
 * alert too many, or one in the middle of a message. */
static void read_stopped(foal_ssl *s, int result)
{
  if (s->ran_dry) return;
  bool closed = s->close_heard && (SSL_get_shutdown(s->tls) & SSL_RECEIVED_SHUTDOWN) != 0;
  if (!closed || is_midway(s)) {
    foal__ssl_refused(s, SSL_get_error(s->tls, result));
    return;
  }
  s->end_seen = true;
  s->status = s->status == FOAL_SSL_SHUT ? FOAL_SSL_CLOSED : FOAL_SSL_CLOSING;
  foal_bufq_clear(&s->in);
  foal__drain_clear(&s->reading);
}

/* Between two records of a burst OpenSSL keeps its 16 KiB to read into, which it would
 * otherwise get and give back for each. */
static void keep_block(foal_ssl *s, bool keep)
{
  if (keep == s->block_kept) return;
  s->block_kept = keep;
  (void)(keep ? SSL_clear_mode(s->tls, SSL_MODE_RELEASE_BUFFERS)
              : SSL_set_mode(s->tls, SSL_MODE_RELEASE_BUFFERS));
}

static bool decrypt_once(foal_ssl *s, size_t held)
{
  size_t n = 0;
  if (!open_fill(s, held)) return false;
  keep_block(s, foal__ssl_is_followed(s));
  s->ran_dry = false;
  int ok = SSL_read_ex(s->tls, s->fill.at, s->fill.room, &n);
  if (ok == 1) {
    foal__fill_wrote(&s->fill, n);
    s->plain_bytes += (uint32_t)n;
    s->quiet_bytes = 0;
    s->key_updates = 0;
    return true;
  }
  read_stopped(s, ok);
  if (s->fill.len == 0) foal__fill_clear(&s->fill);
  foal__ossl_clear();
  return false;
}

void foal__ssl_decrypt(foal_ssl *s, size_t want)
{
  size_t held = 0; /* decrypted bytes in OpenSSL: none, unless they filled the buffer */
  while (s->status == FOAL_SSL_READY || s->status == FOAL_SSL_SHUT) {
    if (held == 0 && (s->plain_bytes >= want || foal__ssl_in_bytes(s) == 0)) break;
    if (!decrypt_once(s, held)) break;
    held = s->fill.room > 0 ? 0 : (size_t)SSL_pending(s->tls);
  }
  keep_block(s, false); /* what is written now gives its own back */
  if (!s->message_seen && !s->midway) return;
  s->message_seen = false;
  s->midway = is_midway(s);
  foal__ossl_clear(); /* a ticket may fail, and the session does not mind */
  if (!s->update_seen) return;
  s->update_seen = false;
  bool speaks = s->status == FOAL_SSL_READY || s->status == FOAL_SSL_CLOSING;
  if (speaks && SSL_get_key_update_type(s->tls) != SSL_KEY_UPDATE_NONE) s->key_due = true;
}

/* The oldest bytes as they lie; the caller has seen that there are some. */
static bool take_oldest(foal_ssl *s, foal_buf **plain) FOAL_MAKES(*plain);
static bool take_joined(foal_ssl *s, size_t len, foal_buf **plain) FOAL_MAKES(*plain);
static bool take_exactly(foal_ssl *s, size_t len, foal_buf **plain) FOAL_MAKES(*plain);

static bool take_oldest(foal_ssl *s, foal_buf **plain)
{
  if (foal_bufq_count(&s->plain) == 0) return foal__fill_take(&s->fill, plain);
  return foal_bufq_take(&s->plain, plain);
}

/* The first len bytes, copied out of several buffers. */
static bool take_joined(foal_ssl *s, size_t len, foal_buf **plain)
{
  foal_buf *b;
  if (!foal_buf_new(plain, len)) return false;
  while (foal_buf_len(*plain) < len && foal_bufq_take(&s->plain, &b)) {
    size_t n = len - foal_buf_len(*plain);
    n = n < foal_buf_len(b) ? n : foal_buf_len(b);
    (void)foal_buf_append(*plain, foal_buf_data(b), n);
    foal_buf_consume(b, n);
    if (foal_buf_len(b) > 0)
      foal_bufq_put_back(&s->plain, &b);
    else
      foal_buf_drop(&b);
  }
  foal_check(foal_buf_len(*plain) == len);
  return true;
}

static bool take_exactly(foal_ssl *s, size_t len, foal_buf **plain)
{
  foal_buf *b;
  foal__fill_finish(&s->fill, &s->plain);
  if (!foal_bufq_take(&s->plain, &b)) return false;
  size_t first = foal_buf_len(b);
  bool split = first > len && foal_buf_split(b, len, plain);
  foal_bufq_put_back(&s->plain, &b);
  if (first > len) return split;
  if (first == len) return foal_bufq_take(&s->plain, plain);
  return take_joined(s, len, plain);
}

/* Whether read(0) gives its leftovers in one piece by a copy: only when that is cheap. */
static bool worth_joining(const foal_ssl *s)
{
  bool several = foal_bufq_count(&s->plain) > (s->fill.len > 0 ? 0u : 1u);
  return several && s->plain_bytes <= JOIN_BYTES;
}

bool foal_ssl_read(foal_ssl *s, size_t expect, foal_buf **plain)
{
  foal_check(s != NULL && plain != NULL);
  if (expect > FOAL_SSL_READ_MAX) {
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_LIMIT,
                   "read of %zu bytes at once, more than %d", expect, FOAL_SSL_READ_MAX);
    return false;
  }
  foal__ssl_decrypt(s, expect > 0 ? expect : FOAL_SSL_CHUNK);
  foal__ssl_settle_end(s);
  if (s->plain_bytes == 0 || s->plain_bytes < expect) return false;
  size_t len = expect == 0 && worth_joining(s) ? s->plain_bytes : expect;
  bool ok = len > 0 ? take_exactly(s, len, plain) : take_oldest(s, plain);
  if (!ok) {
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_NO_MEMORY, "no memory for a plaintext buffer");
    return false;
  }
  s->plain_bytes -= (uint32_t)foal_buf_len(*plain);
  s->counts.plain_in += foal_buf_len(*plain);
  return true;
}

/* ---- out ---- */

static bool speaks(const foal_ssl *s)
{
  return s->status == FOAL_SSL_READY || s->status == FOAL_SSL_CLOSING;
}

static foal_err enqueue(foal_ssl *s, bool early, foal_buf **plain) FOAL_TAKES(*plain);

static foal_err enqueue(foal_ssl *s, bool early, foal_buf **plain)
{
  foal_check(s != NULL && plain != NULL && *plain != NULL);
  bool disposed = s->status == FOAL_SSL_DISPOSED;
  bool open = speaks(s) || (early && s->status == FOAL_SSL_HANDSHAKE);
  bool empty = foal_buf_len(*plain) == 0;
  bool full = foal_bufq_room(&s->text) == 0;
  if (open && !empty && !full)
    foal_bufq_put(&s->text, plain);
  else
    foal_buf_drop(plain);
  if (disposed) return FOAL_OK;
  if (!open) return FOAL_BAD_STATE;
  return full && !empty ? FOAL_FULL : FOAL_OK;
}

foal_err foal_ssl_write(foal_ssl *s, foal_buf **plain)
{
  return enqueue(s, false, plain);
}

foal_err foal_ssl_queue(foal_ssl *s, foal_buf **plain)
{
  return enqueue(s, true, plain);
}

size_t foal_ssl_write_room(const foal_ssl *s)
{
  return speaks(s) || s->status == FOAL_SSL_HANDSHAKE ? foal_bufq_room(&s->text) : 0;
}

size_t foal_ssl_queued_bytes(const foal_ssl *s)
{
  return foal_bufq_bytes(&s->text);
}

bool foal__ssl_encrypt_due(const foal_ssl *s)
{
  if (s->status != FOAL_SSL_READY && s->status != FOAL_SSL_CLOSING &&
      s->status != FOAL_SSL_SHUT && s->status != FOAL_SSL_CLOSED)
    return false;
  if (s->close_sent || s->midway) return false;
  return s->close_due || s->key_due || foal_bufq_bytes(&s->text) > 0;
}

bool foal_ssl_can_send(const foal_ssl *s)
{
  foal_check(s != NULL);
  return s->out_bytes > 0 || foal__ssl_encrypt_due(s);
}

static size_t sealed_bytes(const foal_ssl *s)
{
  return s->tls_1_3 ? SEALED_1_3_BYTES : SEALED_BYTES;
}

/* What a buffer that is nearly full still takes: a record is made only to fill it when it
 * is worth the cost, and so is what it leaves for the next buffer, or `more` follows. */
static size_t last_record(const foal_ssl *s, bool more)
{
  size_t text = foal_bufq_bytes(&s->text), sealed = sealed_bytes(s);
  size_t fits = s->writing.room > sealed ? s->writing.room - sealed : 0;
  if (fits < SPLIT_BYTES) return 0;
  return more || text - fits >= SPLIT_BYTES ? fits : 0;
}

/* How much text the next record takes, so that its ciphertext fits into the buffer being
 * filled. 0: not now; the buffer has to leave first, or memory is exhausted. */
static size_t next_record(foal_ssl *s, bool more)
{
  size_t text = foal_bufq_bytes(&s->text), sealed = sealed_bytes(s);
  size_t len = text < FOAL__RECORD_BYTES ? text : FOAL__RECORD_BYTES;
  if (s->writing.room >= len + sealed) return len;
  if (s->out_bytes > 0) return last_record(s, more);
  size_t wanted = text + sealed * ((text + FOAL__RECORD_BYTES - 1) / FOAL__RECORD_BYTES);
  if (wanted > FOAL__SEND_BYTES_MAX) wanted = FOAL__SEND_BYTES;
  if (foal__bio_reserve(s, wanted)) return len;
  foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_NO_MEMORY, "no memory for a ciphertext buffer");
  return 0;
}

/* A peer that only listens may renew keys, too: each record for it makes up for one
 * update. */
static void forgive(foal_ssl *s)
{
  if (s->key_updates > 0) s->key_updates--;
  s->quiet_bytes -= s->quiet_bytes < KEY_UPDATE_BYTES ? s->quiet_bytes : KEY_UPDATE_BYTES;
}

/* Encrypts one record; fewer bytes than asked when the peer wants small records. 0:
 * failed, which is the end whatever the reason. */
static size_t seal(foal_ssl *s, const uint8_t *text, size_t len)
{
  size_t n = 0;
  int ok = SSL_write_ex(s->tls, text, len, &n);
  if (ok != 1) {
    foal__ssl_refused(s, SSL_get_error(s->tls, ok));
    return 0;
  }
  foal_check(n > 0 && n <= len);
  s->counts.plain_out += n;
  s->records++;
  s->keys_new = false;
  forgive(s);
  return n;
}

/* Whether a buffer may be a record of its own, which can make one more of them: not if
 * just that keeps the last text out of the buffer that takes all. */
static bool may_add_record(const foal_ssl *s, bool more)
{
  size_t text = foal_bufq_bytes(&s->text), sealed = sealed_bytes(s);
  size_t all = text + sealed * ((text + FOAL__RECORD_BYTES - 1) / FOAL__RECORD_BYTES);
  return more || all > s->writing.room || all + sealed <= s->writing.room;
}

/* Moves the first bytes of `text` into `all`: up to len, or, if it `may_end` before, up
 * to a border from which on a buffer waits that would have to be cut, when enough is
 * there. */
static void gather(foal_ssl *s, foal_buf *all, size_t len, bool may_end) FOAL_USES(all);
static void gather(foal_ssl *s, foal_buf *all, size_t len, bool may_end)
{
  foal_buf *b;
  while (foal_buf_len(all) < len && foal_bufq_take(&s->text, &b)) {
    size_t n = len - foal_buf_len(all);
    bool whole = foal_buf_len(b) <= n, enough = foal_buf_len(all) >= ENOUGH_BYTES;
    if (!whole && enough && may_end) {
      foal_bufq_put_back(&s->text, &b);
      return;
    }
    if (whole) n = foal_buf_len(b);
    (void)foal_buf_append(all, foal_buf_data(b), n);
    foal_buf_consume(b, n);
    if (whole)
      foal_buf_drop(&b);
    else
      foal_bufq_put_back(&s->text, &b);
  }
}

/* One record out of several small buffers. */
static bool seal_gathered(foal_ssl *s, size_t len, bool may_end)
{
  foal_buf *all;
  if (!foal_buf_new(&all, len)) {
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_NO_MEMORY, "no memory to gather a record");
    return false;
  }
  gather(s, all, len, may_end);
  size_t n = seal(s, foal_buf_data(all), foal_buf_len(all));
  foal_buf_consume(all, n);
  if (n > 0 && foal_buf_len(all) > 0)
    foal_bufq_put_back(&s->text, &all);
  else
    foal_buf_drop(&all);
  return n > 0;
}

static bool seal_next(foal_ssl *s, bool more)
{
  foal_buf *b;
  size_t len = next_record(s, more);
  bool may_add = may_add_record(s, more);
  if (len == 0 || !foal_bufq_take(&s->text, &b)) return false;
  size_t whole = foal_buf_len(b);
  if (whole < len && (whole < ENOUGH_BYTES || !may_add)) {
    foal_bufq_put_back(&s->text, &b);
    return seal_gathered(s, len, may_add);
  }
  size_t n = seal(s, foal_buf_data(b), whole < len ? whole : len);
  foal_buf_consume(b, n);
  if (n > 0 && foal_buf_len(b) > 0)
    foal_bufq_put_back(&s->text, &b);
  else
    foal_buf_drop(&b);
  return n > 0;
}

/* Sends the key update that is due: the peer's request is answered at once, not with the
 * next data as OpenSSL would. */
static bool seal_key_update(foal_ssl *s)
{
  size_t n = 0;
  s->key_due = false;
  if (SSL_get_key_update_type(s->tls) == SSL_KEY_UPDATE_NONE) return true;
  foal__ossl_clear();
  int ok = SSL_write_ex(s->tls, "", 0, &n);
  if (ok != 1) {
    foal__ssl_refused(s, SSL_get_error(s->tls, ok));
    return false;
  }
  foal__ossl_clear();
  s->records = 0;
  return true;
}

static void seal_close(foal_ssl *s)
{
  s->close_sent = true;
  foal__ossl_clear();
  int ok = SSL_shutdown(s->tls);
  if (ok < 0) foal__ssl_refused(s, SSL_get_error(s->tls, ok));
  foal__ossl_clear();
}

void foal__ssl_encrypt(foal_ssl *s)
{
  if (!foal__ssl_encrypt_due(s) || foal_bufq_count(&s->out) > 0) return;
  if (s->records >= s->ctx->rekey_records && speaks(s)) (void)foal__ssl_rekey(s, false);
  bool ok = !s->key_due || seal_key_update(s);
  while (ok && foal_bufq_bytes(&s->text) > 0) ok = seal_next(s, false);
  if (ok && s->close_due && !s->close_sent) seal_close(s);
}

/* The text of the record that goes next while more is to follow: a whole one, or what
 * fills the buffer. 0: the buffer is as good as full. */
static size_t worthy_record(const foal_ssl *s)
{
  size_t sealed = sealed_bytes(s);
  size_t fits = s->writing.room > sealed ? s->writing.room - sealed : 0;
  size_t len = s->out_bytes == 0 || fits > FOAL__RECORD_BYTES ? FOAL__RECORD_BYTES : fits;
  return len < SPLIT_BYTES ? 0 : len;
}

void foal_ssl_seal(foal_ssl *s)
{
  foal_check(s != NULL);
  size_t len = worthy_record(s);
  if (len == 0 || foal_bufq_bytes(&s->text) < len || !foal__ssl_encrypt_due(s)) return;
  if (foal_bufq_count(&s->out) > 0 || s->key_due || s->records >= s->ctx->rekey_records)
    return;
  /* More is to follow: the buffer is as large as a write may be. Without memory for it,
   * foal_ssl_send tries again with what it needs. */
  if (s->out_bytes == 0 && !foal__bio_reserve(s, FOAL__SEND_BYTES)) return;
  while (len > 0 && foal_bufq_bytes(&s->text) >= len && seal_next(s, true))
    len = worthy_record(s);
}

size_t foal_ssl_sealed_bytes(const foal_ssl *s)
{
  foal_check(s != NULL);
  return s->out_bytes;
}

static void handed_out(foal_ssl *s, size_t len)
{
  foal_check(len > 0 && len <= s->out_bytes);
  s->out_bytes -= (uint32_t)len;
  s->counts.cipher_out += len;
  s->keys_new = false;
}

bool foal_ssl_send(foal_ssl *s, foal_buf **cipher)
{
  foal_check(s != NULL && cipher != NULL);
  foal__ssl_encrypt(s);
  if (s->out_bytes == 0 && !foal__fill_is_open(&s->writing)) return false;
  if (!foal_bufq_take(&s->out, cipher) && !foal__fill_take(&s->writing, cipher))
    return false;
  handed_out(s, foal_buf_len(*cipher));
  return true;
}
