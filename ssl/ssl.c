/* ssl.c - the life of a session: made, agreed, closed, disposed, freed.
 *
 * Everything here runs in the turn of the actor that owns the session. The OpenSSL object
 * of a server is made when the first byte arrives, so that a connection that stays silent
 * costs no more than struct foal_ssl.                                                  */
#include "ssl.h"

#include "impl/bio.h"
#include "impl/check.h"
#include "impl/library.h"
#include "impl/session.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

static int live;

static void count_live(int change)
{
  int now = 0;
  (void)CRYPTO_atomic_add(&live, change, &now, NULL);
  foal_check(now >= 0);
}

size_t foal_ssl_live_count(void)
{
  int now = 0;
  (void)CRYPTO_atomic_add(&live, 0, &now, NULL);
  return now > 0 ? (size_t)now : 0;
}

static foal_ssl *make(const foal_ssl_ctx *ctx, bool server)
{
  foal_check(ctx != NULL);
  foal_ssl *s = OPENSSL_zalloc(sizeof *s);
  if (s == NULL) return NULL;
  s->ctx = foal__ctx_hold(ctx);
  if (s->ctx == NULL) {
    OPENSSL_free(s);
    return NULL;
  }
  s->server = server;
  s->status = FOAL_SSL_HANDSHAKE;
  s->alert_in = s->alert_out = FOAL__NO_ALERT;
  foal_bufq_bound(&s->text, s->ctx->write_bytes);
  count_live(1);
  return s;
}

foal_ssl *foal_ssl_server(const foal_ssl_ctx *ctx)
{
  foal_ssl *s = make(ctx, true);
  if (s != NULL && !foal_ssl_ctx_can_serve(s->ctx))
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_BAD_STATE,
                   "the context has no certificate to serve with");
  return s;
}

bool foal__ssl_begin(foal_ssl *s)
{
  foal_check(s->tls == NULL);
  foal__ossl_clear();
  SSL *tls = SSL_new(s->ctx->tls);
  BIO *bio = tls == NULL ? NULL : foal__bio_new(s);
  if (bio == NULL) {
    SSL_free(tls);
    foal__ossl_clear();
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_NO_MEMORY, "no memory for a TLS session");
    return false;
  }
  SSL_set_bio(tls, bio, bio);
  s->tls = tls;
  if (s->server) {
    SSL_set_accept_state(tls);
    foal__ctx_apply_client_cert(s->ctx, tls);
  } else {
    SSL_set_connect_state(tls);
    SSL_set_verify(tls, s->ctx->verify_peer ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
  }
  return true;
}

/* Tells OpenSSL whom to ask for and whom to accept. */
static bool aim(foal_ssl *s, foal__host *host)
{
  if (host->kind == FOAL__HOST_NONE) return true;
  if (host->kind == FOAL__HOST_NAME && SSL_set_tlsext_host_name(s->tls, host->text) != 1)
    return false;
  return !s->ctx->verify_peer || foal__verify_expect(s->tls, host);
}

static void begin_client(foal_ssl *s, foal__host *host, SSL_SESSION *earlier)
{
  if (host->kind == FOAL__HOST_BAD) {
    foal__ssl_fail(
        s, FOAL_SSL_ERROR, FOAL_BAD_NAME,
        "the host is neither a name nor an address (international names: xn--)");
    return;
  }
  if (!foal__ssl_begin(s)) return;
  if (!aim(s, host) || (earlier != NULL && SSL_set_session(s->tls, earlier) != 1)) {
    foal__ossl_clear();
    foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_NO_MEMORY, "no memory for a TLS session");
    return;
  }
  foal__ssl_step(s);
}

foal_ssl *foal_ssl_client(const foal_ssl_ctx *ctx, const char *text)
{
  foal__host host;
  foal_ssl *s = make(ctx, false);
  if (s == NULL) return NULL;
  foal__host_parse(&host, text);
  begin_client(s, &host, NULL);
  return s;
}

/* Whether the session was made under the same rules and, as resuming skips the check of
 * names, for the same host. OpenSSL would fail the handshake for the former. */
static bool still_good(const foal_ssl *s, SSL_SESSION *session, const foal__host *host)
{
  unsigned len = 0;
  const unsigned char *id = SSL_SESSION_get0_id_context(session, &len);
  if (len != sizeof s->ctx->ticket_id || memcmp(id, s->ctx->ticket_id, len) != 0)
    return false;
  if (!s->ctx->verify_peer || host->kind == FOAL__HOST_NONE) return true;
  return foal__verify_matches(SSL_SESSION_get0_peer(session), host);
}

/* The saved session; NULL: it is not one, or cannot be used here. */
static SSL_SESSION *earlier_session(const foal_ssl *s, const foal__host *host,
                                    const foal_buf *saved) FOAL_READS(saved)
{
  const unsigned char *bytes = foal_buf_data(saved);
  foal__ossl_clear();
  SSL_SESSION *session = d2i_SSL_SESSION(NULL, &bytes, (long)foal_buf_len(saved));
  foal__ossl_clear();
  if (session != NULL && still_good(s, session, host)) return session;
  SSL_SESSION_free(session);
  return NULL;
}

/* The session that begins may mark what it was made from as spoiled, hence a copy. */
foal_ssl *foal_ssl_client_again(const foal_ssl_ctx *ctx, const char *text,
                                const foal_ssl_ticket *ticket)
{
  foal__host host;
  foal_check(ticket != NULL);
  foal_ssl *s = make(ctx, false);
  if (s == NULL) return NULL;
  foal__host_parse(&host, text);
  foal__ossl_clear();
  SSL_SESSION *earlier = SSL_SESSION_dup(foal__ticket_session(ticket));
  bool good = earlier != NULL && still_good(s, earlier, &host);
  foal__ossl_clear(); /* without a copy, or with one that does not fit, it begins anew */
  begin_client(s, &host, good ? earlier : NULL);
  SSL_SESSION_free(earlier);
  return s;
}

foal_ssl *foal_ssl_client_resume(const foal_ssl_ctx *ctx, const char *text,
                                 const foal_buf *saved)
{
  foal__host host;
  foal_ssl *s = make(ctx, false);
  if (s == NULL) return NULL;
  foal__host_parse(&host, text);
  SSL_SESSION *earlier = earlier_session(s, &host, saved);
  begin_client(s, &host, earlier);
  SSL_SESSION_free(earlier);
  return s;
}

/* OpenSSL has checked already, except what a resumed session brings along from a time
 * with other rules. */
static bool accept_peer(foal_ssl *s)
{
  int mode = SSL_get_verify_mode(s->tls);
  bool present = SSL_get0_peer_certificate(s->tls) != NULL;
  bool needed = !s->server || (mode & SSL_VERIFY_FAIL_IF_NO_PEER_CERT) != 0;
  if ((mode & SSL_VERIFY_PEER) == 0 || SSL_get_verify_callback(s->tls) != NULL)
    return true;
  if (present ? SSL_get_verify_result(s->tls) == X509_V_OK : !needed) return true;
  foal__ssl_fail(s, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED,
                 "the peer of the resumed session was never verified");
  return false;
}

/* Another kind of key has no use for the numbers: they are wiped and given back. */
static void empty_key(EVP_PKEY *key)
{
  (void)EVP_PKEY_set_type(key, EVP_PKEY_HMAC);
  EVP_PKEY_free(key);
}

/* The keys of the exchange have done their work. OpenSSL would keep them, the secret one
 * too, for as long as the connection lives. */
static void forget_exchange(SSL *tls)
{
  EVP_PKEY *key = NULL;
  if (SSL_get_tmp_key(tls, &key) == 1) empty_key(key);
  key = NULL;
  if (SSL_get_peer_tmp_key(tls, &key) == 1) empty_key(key);
}

static void become_ready(foal_ssl *s)
{
  forget_exchange(s->tls);
  if (!accept_peer(s)) return;
  s->status = FOAL_SSL_READY;
  s->tls_1_3 = SSL_version(s->tls) >= TLS1_3_VERSION;
  /* Not earlier: a handshake may begin with a hello in the format of SSL 2. */
  SSL_set_read_ahead(s->tls, 1);
  s->reads_ahead = true;
  s->quiet_bytes = 0;
  s->key_updates = 0;
}

void foal__ssl_step(foal_ssl *s)
{
  foal_check(s->status == FOAL_SSL_HANDSHAKE && s->tls != NULL);
  OSSL_LIB_CTX *before = foal__library_enter();
  foal__ossl_clear();
  int done = SSL_do_handshake(s->tls);
  int code = done == 1 ? SSL_ERROR_NONE : SSL_get_error(s->tls, done);
  foal__library_leave(before);
  if (code == SSL_ERROR_NONE)
    become_ready(s);
  else if (code != SSL_ERROR_WANT_READ)
    foal__ssl_refused(s, code);
  foal__ossl_clear();
}

void foal_ssl_close(foal_ssl *s)
{
  foal_check(s != NULL);
  if (s->status == FOAL_SSL_READY)
    s->status = FOAL_SSL_SHUT;
  else if (s->status == FOAL_SSL_CLOSING)
    s->status = FOAL_SSL_CLOSED;
  else
    return;
  s->close_due = true;
}

void foal__ssl_settle_end(foal_ssl *s)
{
  bool open = s->status == FOAL_SSL_HANDSHAKE || s->status == FOAL_SSL_READY ||
              s->status == FOAL_SSL_SHUT;
  if (!s->ended || !open || foal__ssl_in_bytes(s) > 0) return;
  foal__ssl_fail(s, FOAL_SSL_ERROR, FOAL_TRUNCATED, "the transport ended %s",
                 s->status == FOAL_SSL_HANDSHAKE ? "during the handshake"
                                                 : "without close_notify");
}

foal_err foal_ssl_receive_end(foal_ssl *s)
{
  foal_check(s != NULL);
  s->ended = true;
  foal__ssl_settle_end(s);
  if (s->err != FOAL_OK) return (foal_err)s->err;
  return s->end_seen ? FOAL_CLEAN : FOAL_OK;
}

bool foal__ssl_rekey(foal_ssl *s, bool ask_peer)
{
  /* A side that waits would pile up more of them than the peer bears: reading, OpenSSL
   * puts each one in front of the data that waits. */
  if (s->keys_new && !ask_peer) return true;
  foal__ossl_clear();
  int kind = ask_peer ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
  /* OpenSSL refuses a second one while one is due; one is enough. */
  bool due = SSL_get_key_update_type(s->tls) != SSL_KEY_UPDATE_NONE;
  bool ok = s->tls_1_3 && (due || SSL_key_update(s->tls, kind) == 1);
  foal__ossl_clear();
  s->key_due = s->key_due || ok;
  s->keys_new = s->keys_new || ok;
  return ok;
}

foal_err foal_ssl_key_update(foal_ssl *s, bool ask_peer)
{
  foal_check(s != NULL);
  bool may_write = s->status == FOAL_SSL_READY || s->status == FOAL_SSL_CLOSING;
  return may_write && foal__ssl_rekey(s, ask_peer) ? FOAL_OK : FOAL_BAD_STATE;
}

void foal_ssl_dispose(foal_ssl *s)
{
  foal_check(s != NULL);
  if (s->status == FOAL_SSL_DISPOSED) return;
  s->status = FOAL_SSL_DISPOSED;
  SSL_free(s->tls);
  s->tls = NULL;
  s->alpn = NULL;
  foal_bufq_clear(&s->in);
  foal_bufq_clear(&s->plain);
  foal_bufq_clear(&s->text);
  foal_bufq_clear(&s->out);
  foal__drain_clear(&s->reading);
  foal__fill_clear(&s->fill);
  foal__fill_clear(&s->writing);
  s->plain_bytes = s->out_bytes = 0;
  s->key_due = s->close_due = false;
  foal_ssl_ctx_drop(&s->ctx);
  foal__ossl_clear();
}

void foal_ssl_free(foal_ssl **handle)
{
  foal_check(handle != NULL);
  foal_ssl *s = *handle;
  *handle = NULL;
  if (s == NULL) return;
  foal_ssl_dispose(s);
  OPENSSL_free(s->reason);
  OPENSSL_free(s);
  count_live(-1);
}
