/* ssl_end.c - how a session fails, and what OpenSSL tells on the way.
 *
 * One place decides between "this side refused the peer" (FOAL_SSL_AUTH_FAIL) and
 * everything else (FOAL_SSL_ERROR). The first failure stays; later ones are echoes of it.
 * The call-backs only note facts: which alert left, how many key updates came, the
 * secrets for the key log. */
#include "impl/check.h"
#include "impl/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REASON_BYTES = 256, SECRET_BYTES = 400 };

void foal__ssl_fail(foal_ssl *s, foal_ssl_status status, foal_err err, const char *format,
                    ...)
{
  char text[REASON_BYTES];
  va_list arguments;
  foal_check(status == FOAL_SSL_ERROR || status == FOAL_SSL_AUTH_FAIL);
  foal_check(err != FOAL_OK);
  if (s->err != FOAL_OK || s->status == FOAL_SSL_DISPOSED) return;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  s->reason = OPENSSL_strdup(text);
  s->status = (uint8_t)status;
  s->err = (uint8_t)err;
  s->key_due = s->close_due = false;
  foal_bufq_clear(&s->in);
  foal__drain_clear(&s->reading);
  foal_bufq_clear(&s->text);
  foal__ossl_clear();
}

static void stopped(foal_ssl *s)
{
  switch ((foal__stop)s->stop) {
  case FOAL__STOP_HANDSHAKE_BYTES:
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_LIMIT, "more than %zu bytes of handshake",
                   s->ctx->handshake_bytes);
    return;
  case FOAL__STOP_QUIET_BYTES:
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_LIMIT, "%d bytes without application data",
                   FOAL__QUIET_BYTES_MAX);
    return;
  case FOAL__STOP_KEY_UPDATES:
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_LIMIT, "more than %d key updates without data",
                   FOAL__KEY_UPDATES_MAX);
    return;
  case FOAL__STOP_OUT_BYTES:
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_LIMIT,
                   "%u bytes that the peer caused wait to be sent", s->out_bytes);
    return;
  case FOAL__STOP_NO_MEMORY:
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_NO_MEMORY,
                   "no memory for a ciphertext buffer");
    return;
  case FOAL__STOP_ALPN_FOREIGN:
  case FOAL__STOP_ALPN_MISSING:
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_TLS_FAILED,
                   s->stop == FOAL__STOP_ALPN_MISSING
                       ? "the server takes no part in ALPN"
                       : "the server chose an ALPN name not offered");
    return;
  case FOAL__STOP_NONE:
    break;
  }
  foal_check(false && "a reason to stop");
}

/* Whether this side refused the peer's credentials. Never when the peer sent an alert:
 * then it was the peer that refused, although its certificate may lie in the session. */
static bool credentials_refused(const foal_ssl *s, const foal__ossl_facts *facts)
{
  if (s->status != FOAL_SSL_HANDSHAKE) return false;
  if ((SSL_get_verify_mode(s->tls) & SSL_VERIFY_PEER) == 0) return false;
  if (SSL_get_verify_callback(s->tls) != NULL) return false;
  return SSL_get_verify_result(s->tls) != X509_V_OK || facts->no_peer_certificate ||
         SSL_get0_peer_certificate(s->tls) != NULL;
}

static void fail_credentials(foal_ssl *s, const foal__ossl_facts *facts)
{
  long verdict = SSL_get_verify_result(s->tls);
  if (verdict != X509_V_OK)
    foal__ssl_fail(s, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED, "certificate refused: %s",
                   X509_verify_cert_error_string(verdict));
  else if (facts->no_peer_certificate)
    foal__ssl_fail(s, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED,
                   "the peer sent no certificate");
  else
    foal__ssl_fail(s, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED,
                   "the certificate was not proven: %s", foal__ossl_text(facts->newest));
}

static void fail_protocol(foal_ssl *s, int code, const foal__ossl_facts *facts)
{
  char alert[64] = "";
  unsigned long cause = facts->newest != 0 ? facts->newest : facts->any;
  if (s->alert_out != FOAL__NO_ALERT)
    snprintf(alert, sizeof alert, "; sent alert %d, %s", s->alert_out,
             SSL_alert_desc_string_long(s->alert_out));
  if (code == SSL_ERROR_ZERO_RETURN)
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_TLS_FAILED, "the peer left %s",
                   s->status == FOAL_SSL_HANDSHAKE ? "during the handshake"
                                                   : "in the middle of a message");
  else if (cause != 0)
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_TLS_FAILED, "%s%s", foal__ossl_text(cause),
                   alert);
  else
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_TLS_FAILED, "OpenSSL stopped with code %d%s",
                   code, alert);
}

/* Whether OpenSSL failed for want of memory. Among records the queue may also hold what
 * others left: a failure with a reason of its own is not explained by theirs. */
static bool lacked_memory(const foal_ssl *s, const foal__ossl_facts *facts)
{
  if (!facts->no_memory || s->status == FOAL_SSL_HANDSHAKE) return facts->no_memory;
  return ERR_COMMON_ERROR(facts->newest);
}

void foal__ssl_refused(foal_ssl *s, int code)
{
  foal__ossl_facts facts;
  foal_check(s->tls != NULL);
  foal__ossl_drain(&facts);
  int alert = s->stop == FOAL__STOP_NONE ? foal__ossl_alert(facts.newest) : -1;
  if (alert >= 0) s->alert_in = (uint16_t)alert;
  if (s->stop != FOAL__STOP_NONE)
    stopped(s);
  else if (alert >= 0)
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_TLS_ALERT, "the peer sent alert %d, %s", alert,
                   SSL_alert_desc_string_long(alert));
  else if (lacked_memory(s, &facts))
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_NO_MEMORY, "OpenSSL is out of memory");
  else if (credentials_refused(s, &facts))
    fail_credentials(s, &facts);
  else
    fail_protocol(s, code, &facts);
}

/* Whether a received alert is a close_notify: TLS 1.3 knows no levels. */
static bool closes(const SSL *tls, int value)
{
  bool warning = value >> 8 == SSL3_AL_WARNING || SSL_version(tls) >= TLS1_3_VERSION;
  return (value & 0xff) == SSL_AD_CLOSE_NOTIFY && warning;
}

static void on_info(const SSL *tls, int where, int value)
{
  foal_ssl *s = foal__ssl_of(tls);
  if (s == NULL) return;
  if ((where & SSL_CB_WRITE_ALERT) == SSL_CB_WRITE_ALERT &&
      (value & 0xff) != SSL_AD_CLOSE_NOTIFY)
    s->alert_out = (uint16_t)(value & 0xff);
  if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
    s->close_heard = closes(tls, value);
  if ((where & SSL_CB_LOOP) == 0) return;
  s->message_seen = true;
  OSSL_HANDSHAKE_STATE state = SSL_get_state(tls);
  if (state != TLS_ST_SR_KEY_UPDATE && state != TLS_ST_CR_KEY_UPDATE) return;
  s->update_seen = true;
  if (s->key_updates < UINT8_MAX) s->key_updates++;
}

static void on_secret(const SSL *tls, const char *line)
{
  char text[SECRET_BYTES];
  const foal_ssl *s = foal__ssl_of(tls);
  int len = snprintf(text, sizeof text, "%s\n", line);
  if (s == NULL || s->ctx->keylog_fd < 0 || len < 0 || (size_t)len >= sizeof text) return;
  /* One write, so that lines of several threads do not mix; a full disk loses the
 * line. */
  ssize_t put = write(s->ctx->keylog_fd, text, (size_t)len);
  (void)put;
  OPENSSL_cleanse(text, sizeof text);
}

void foal__session_install(foal_ssl_ctx *ctx)
{
  SSL_CTX_set_info_callback(ctx->tls, on_info);
  if (ctx->keylog_fd >= 0) SSL_CTX_set_keylog_callback(ctx->tls, on_secret);
}
