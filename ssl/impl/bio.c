/* bio.c - the one BIO of a session; see bio.h.
 *
 * Runs only under OpenSSL, which runs only under foal_ssl_receive, read and send: always
 * in the turn that owns the session. It moves bytes and counts them, nothing else.     */
#include "bio.h"

#include "check.h"

#include <openssl/crypto.h>
#include <string.h>

enum { FLIGHT_BYTES = 4096 }; /* the first buffer of a handshake flight */

static BIO_METHOD *method;
static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;

/* How many bytes OpenSSL may read before it has to come up with something. */
static uint32_t quiet_left(foal_ssl *s)
{
  bool handshake = s->status == FOAL_SSL_HANDSHAKE;
  size_t max = handshake ? s->ctx->handshake_bytes : (size_t)FOAL__QUIET_BYTES_MAX;
  if (s->key_updates > FOAL__KEY_UPDATES_MAX) {
    s->stop = FOAL__STOP_KEY_UPDATES;
    return 0;
  }
  if (s->quiet_bytes >= max) {
    s->stop = handshake ? FOAL__STOP_HANDSHAKE_BYTES : FOAL__STOP_QUIET_BYTES;
    return 0;
  }
  return (uint32_t)(max - s->quiet_bytes);
}

/* How many of the n bytes at `reading` belong to the record that has begun. OpenSSL reads
 * ahead as far as it is given; what it held of a next record nobody would ask for. */
static size_t within_record(foal_ssl *s, size_t n)
{
  const uint8_t *at = s->reading.at;
  size_t i = 0;
  if (s->header_got == 0 && n >= SSL3_RT_HEADER_LENGTH) {
    i = s->header_got = SSL3_RT_HEADER_LENGTH;
    s->record_left = (uint16_t)(at[3] << 8 | at[4]);
  }
  for (; s->header_got < SSL3_RT_HEADER_LENGTH && i < n; i++, s->header_got++)
    s->record_left = (uint16_t)(s->record_left << 8 | at[i]);
  if (s->header_got < SSL3_RT_HEADER_LENGTH) return i;
  size_t body = n - i < s->record_left ? n - i : s->record_left;
  s->record_left = (uint16_t)(s->record_left - body);
  if (s->record_left == 0) s->header_got = 0;
  return i + body;
}

/* Whether OpenSSL may be told to come again is known without asking it. */
static void forget_retry(foal_ssl *s, BIO *bio)
{
  if (!s->retry_told) return;
  s->retry_told = false;
  BIO_clear_retry_flags(bio);
}

static int bio_read(BIO *bio, char *data, size_t len, size_t *got)
{
  foal_ssl *s = (foal_ssl *)BIO_get_data(bio);
  *got = 0;
  forget_retry(s, bio);
  if (s->reading.left == 0 && !foal__drain_open(&s->reading, &s->in)) {
    s->ran_dry = s->retry_told = true;
    BIO_set_retry_read(bio);
    return 0;
  }
  size_t left = quiet_left(s), n = s->reading.left;
  if (left == 0) return 0;
  n = n < len ? n : len;
  n = n < left ? n : left;
  if (s->reads_ahead) n = within_record(s, n);
  memcpy(data, s->reading.at, n);
  foal__drain_read(&s->reading, n);
  s->quiet_bytes += (uint32_t)n;
  *got = n;
  return 1;
}

bool foal__bio_reserve(foal_ssl *s, size_t len)
{
  if (s->writing.room >= len) return true;
  foal__fill_finish(&s->writing, &s->out);
  if (!foal__fill_open(&s->writing, len)) return false;
  size_t max = len > FOAL__SEND_BYTES ? len : FOAL__SEND_BYTES;
  if (s->writing.room > max) s->writing.room = (uint32_t)max;
  return true;
}

/* Appends what fits into the buffer being filled, making one if there is none. */
static size_t append(foal_ssl *s, const char *data, size_t len)
{
  foal__fill *to = &s->writing;
  if (to->room == 0 && !foal__bio_reserve(s, len > FLIGHT_BYTES ? len : FLIGHT_BYTES))
    return 0;
  size_t n = len < to->room ? len : to->room;
  memcpy(to->at, data, n);
  foal__fill_wrote(to, n);
  s->out_bytes += (uint32_t)n;
  return n;
}

static int bio_write(BIO *bio, const char *data, size_t len, size_t *put)
{
  foal_ssl *s = (foal_ssl *)BIO_get_data(bio);
  *put = 0;
  forget_retry(s, bio);
  size_t max =
      s->status == FOAL_SSL_HANDSHAKE ? FOAL__FLIGHT_BYTES_MAX : FOAL__OUT_BYTES_MAX;
  if (len > max || s->out_bytes > max - len) {
    s->stop = FOAL__STOP_OUT_BYTES;
    return 0;
  }
  for (size_t at = 0; at < len;) {
    size_t n = append(s, data + at, len - at);
    if (n == 0) {
      s->stop = FOAL__STOP_NO_MEMORY;
      return 0;
    }
    at += n;
  }
  *put = len;
  return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

static void make_method(void)
{
  BIO_METHOD *m =
      BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "foal session");
  if (m == NULL) return;
  if (BIO_meth_set_read_ex(m, bio_read) == 1 &&
      BIO_meth_set_write_ex(m, bio_write) == 1 && BIO_meth_set_ctrl(m, bio_ctrl) == 1)
    method = m;
  else
    BIO_meth_free(m);
}

bool foal__bio_ready(void)
{
  return CRYPTO_THREAD_run_once(&method_once, make_method) == 1 && method != NULL;
}

BIO *foal__bio_new(foal_ssl *s)
{
  foal_check(s != NULL && method != NULL);
  BIO *bio = BIO_new(method);
  if (bio == NULL) return NULL;
  BIO_set_data(bio, s);
  BIO_set_init(bio, 1);
  return bio;
}

foal_ssl *foal__ssl_of(const SSL *tls)
{
  BIO *bio = SSL_get_rbio(tls);
  return bio == NULL ? NULL : (foal_ssl *)BIO_get_data(bio);
}
