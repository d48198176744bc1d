/* session.h - the inside of a session.
 *
 *   in    ciphertext that OpenSSL has not read: `reading`, the one it reads, then `in`
 *   plain plaintext that has been decrypted: `plain`, then `fill`, the one being filled
 *   text  plaintext that waits to be encrypted
 *   out   ciphertext that waits to be taken: `out`, then `writing`, the one being filled
 *
 * Invariant: between calls OpenSSL holds no decrypted byte (SSL_pending is 0), so there
 * is something to decrypt only when `in` is not empty. That ends when the session fails:
 * what OpenSSL holds then is never asked for again. `tls` is NULL before the first byte
 * of a server and after dispose.                                                       */
#ifndef FOAL_SSL_IMPL_SESSION_H
#define FOAL_SSL_IMPL_SESSION_H

#include "../../runtime/bufq.h"
#include "../info.h"
#include "../ssl.h"
#include "ctx.h"
#include "fill.h"
#include "osslerr.h"

enum {
  FOAL__IN_BYTES_MAX = 1 << 20,       /* ciphertext that nobody reads */
  FOAL__IN_COUNT_MAX = 4096,          /* the same in buffers */
  FOAL__FLIGHT_BYTES_MAX = 256 << 10, /* handshake output that nobody takes */
  FOAL__OUT_BYTES_MAX = 96 << 10,     /* any output that nobody takes, once ready */
  FOAL__QUIET_BYTES_MAX = 64 << 10,   /* input without application data, once ready */
  FOAL__KEY_UPDATES_MAX = 32,         /* key updates without application data */
  FOAL__RECORD_BYTES = SSL3_RT_MAX_PLAIN_LENGTH,
  /* A write that goes on with the next one is no longer than the largest packet that
   * systems make of it: the few bytes beyond would be one of their own, which is timed,
   * sent and received like a large one. */
  FOAL__SEND_BYTES = 45 * 1448,
  FOAL__SEND_BYTES_MAX = 4 * (FOAL__RECORD_BYTES + 22), /* four records that are all */
  FOAL__NO_ALERT = 0xffff
};

/* Which bound the BIO ran into, or what a call-back refused: they can only make OpenSSL
 * fail, this says why. */
typedef enum foal__stop {
  FOAL__STOP_NONE,
  FOAL__STOP_HANDSHAKE_BYTES,
  FOAL__STOP_QUIET_BYTES,
  FOAL__STOP_KEY_UPDATES,
  FOAL__STOP_OUT_BYTES,
  FOAL__STOP_NO_MEMORY,
  FOAL__STOP_ALPN_FOREIGN, /* a client was given a protocol it did not offer */
  FOAL__STOP_ALPN_MISSING  /* a client was given none, and wants one */
} foal__stop;

struct foal_ssl {
  SSL *tls;
  foal_ssl_ctx *ctx; /* counted */
  char *reason;      /* owned; NULL: see err */
  const char *alpn;
  foal_bufq in;
  foal_bufq plain;
  foal_bufq text;
  foal_bufq out;
  foal__drain reading;
  foal__fill fill;
  foal__fill writing;
  uint32_t plain_bytes; /* in plain and fill */
  uint32_t out_bytes;   /* in out and writing */
  uint32_t quiet_bytes; /* read by OpenSSL since the last plaintext */
  uint32_t records;     /* written under the present key */
  uint16_t alert_in, alert_out;
  uint16_t record_left; /* of the record that OpenSSL reads; before: its length so far */
  uint8_t status;       /* foal_ssl_status */
  uint8_t err;          /* foal_err */
  uint8_t stop;         /* foal__stop */
  uint8_t key_updates;
  uint8_t header_got; /* bytes of that record's header */
  bool server : 1;
  bool close_due : 1;    /* close_notify is to be sent when text is empty */
  bool close_sent : 1;   /* it was given to OpenSSL */
  bool close_heard : 1;  /* the peer's close_notify reached OpenSSL */
  bool end_seen : 1;     /* and all before it was read */
  bool ended : 1;        /* the transport's end */
  bool key_due : 1;      /* a key update is to be sent */
  bool keys_new : 1;     /* nothing was sealed, nothing sent since the last one of ours */
  bool hello_seen : 1;   /* a server knows which context serves */
  bool tls_1_3 : 1;      /* what was agreed */
  bool reads_ahead : 1;  /* OpenSSL takes a record at once, header and all */
  bool ran_dry : 1;      /* this read ended because there was nothing more to read */
  bool block_kept : 1;   /* OpenSSL keeps what it reads into */
  bool retry_told : 1;   /* the BIO says so */
  bool message_seen : 1; /* OpenSSL has handled a message of a handshake */
  bool midway : 1;       /* and has only a part of the next: it can write nothing */
  bool update_seen : 1;  /* the peer has new keys, and may want us to have some */
  foal_ssl_counts counts;
};

/* The functions below run in the turn that the public ones were called in. */

/* How much ciphertext OpenSSL has not read. */
static inline size_t foal__ssl_in_bytes(const foal_ssl *s)
{
  return s->reading.left + foal_bufq_bytes(&s->in);
}

/* The length of the record that comes next; 0: its header is not there in one piece. */
static inline size_t foal__ssl_record_ahead(const foal_ssl *s)
{
  const uint8_t *at = s->reading.at;
  if (s->reading.left < SSL3_RT_HEADER_LENGTH || s->header_got > 0) return 0;
  return SSL3_RT_HEADER_LENGTH + (size_t)(at[3] << 8 | at[4]);
}

/* Whether something is there behind it. */
static inline bool foal__ssl_is_followed(const foal_ssl *s)
{
  size_t len = foal__ssl_record_ahead(s);
  return len > 0 && foal__ssl_in_bytes(s) > len;
}

/* Makes the session's SSL; false: the session has failed. */
bool foal__ssl_begin(foal_ssl *s);

/* Has new keys made before the next record; false: not possible. */
bool foal__ssl_rekey(foal_ssl *s, bool ask_peer);

/* Takes one step of the handshake. */
void foal__ssl_step(foal_ssl *s);

/* Decrypts until `want` bytes are there or nothing is left to decrypt. */
void foal__ssl_decrypt(foal_ssl *s, size_t want);

/* Encrypts what fits into one buffer. */
void foal__ssl_encrypt(foal_ssl *s);

/* Whether foal__ssl_encrypt would make something. */
bool foal__ssl_encrypt_due(const foal_ssl *s);

/* Ends the session because OpenSSL refused with this SSL_get_error code. */
void foal__ssl_refused(foal_ssl *s, int code);

/* As a client: takes the server's choice of a protocol; false: it will not do, `stop`
 * says why. */
bool foal__alpn_accept(foal_ssl *s, const SSL *tls);

/* Ends the session; the reason is formatted. */
void foal__ssl_fail(foal_ssl *s, foal_ssl_status status, foal_err err, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

/* If the transport has ended and everything was read, decides how it ended. */
void foal__ssl_settle_end(foal_ssl *s);

/* A ticket is an SSL_SESSION that no SSL refers to, so nobody writes to it. */
static inline SSL_SESSION *foal__ticket_session(const foal_ssl_ticket *ticket)
{
  return (SSL_SESSION *)(uintptr_t)ticket;
}

/* The session of an SSL, for OpenSSL's callbacks; NULL: not one of ours. */
foal_ssl *foal__ssl_of(const SSL *tls);

#endif
