/* hello.c - what a server decides when a client has introduced itself: which context
 * serves it, whether its name and its offer will do, what its session is bound to.
 *
 * OpenSSL asks before it has chosen anything, be it version, suite, group or session, so
 * the context that a name leads to counts as a whole. It asks again when a client answers
 * a HelloRetryRequest; that hello has to lead to the same context. Looks into the bytes
 * of the hello and into frozen contexts only; no user code runs.                       */
#include "impl/check.h"
#include "impl/ctx.h"
#include "impl/session.h"

#include <openssl/evp.h>
#include <openssl/tls1.h>
#include <string.h>

enum { GOOD = -1, NAME_BYTES = TLSEXT_MAXLEN_host_name, HEAD_BYTES = 5 };

/* RFC 6066 3: the length of a list, and in it a type, a length and a name. There is one
 * type and no two names of one type, so there is one entry. Returns GOOD or an alert. */
static int read_name(const unsigned char *at, size_t len, char *name)
{
  if (len <= HEAD_BYTES) return SSL_AD_DECODE_ERROR;
  size_t list = (size_t)at[0] << 8 | at[1], bytes = (size_t)at[3] << 8 | at[4];
  if (list != len - 2 || at[2] != TLSEXT_NAMETYPE_host_name || bytes != len - HEAD_BYTES)
    return SSL_AD_DECODE_ERROR;
  if (bytes > NAME_BYTES || memchr(at + HEAD_BYTES, '\0', bytes) != NULL)
    return SSL_AD_UNRECOGNIZED_NAME;
  memcpy(name, at + HEAD_BYTES, bytes);
  name[bytes] = '\0';
  return GOOD;
}

/* Once chosen, a context stays: the second hello may not ask for another one. */
static int serve_with(foal_ssl *s, SSL *tls, const foal_ssl_ctx *chosen)
{
  bool again = s->hello_seen;
  s->hello_seen = true;
  if (SSL_get_SSL_CTX(tls) == chosen->tls) return GOOD;
  if (again) return SSL_AD_ILLEGAL_PARAMETER;
  if (SSL_set_SSL_CTX(tls, chosen->tls) == NULL) return SSL_AD_INTERNAL_ERROR;
  foal__ctx_apply_client_cert(chosen, tls);
  if (strcmp(chosen->groups, s->ctx->groups) != 0 &&
      SSL_set1_groups_list(tls, chosen->groups) != 1)
    return SSL_AD_INTERNAL_ERROR;
  return GOOD;
}

static bool takes_part_in_alpn(SSL *tls)
{
  const unsigned char *data;
  size_t len;
  return SSL_client_hello_get0_ext(
             tls, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &len) == 1;
}

/* RFC 6066 3: no session is resumed under another name. OpenSSL resumes only what has the
 * same session id context, so the name is made a part of it. */
static bool bind_session(SSL *tls, const foal_ssl_ctx *chosen, const char *name)
{
  uint8_t facts[sizeof chosen->ticket_id + NAME_BYTES], id[sizeof chosen->ticket_id];
  size_t len = strlen(name);
  unsigned id_len = 0;
  if (len == 0 || (SSL_get_options(tls) & SSL_OP_NO_TICKET) != 0) return true;
  memcpy(facts, chosen->ticket_id, sizeof id);
  memcpy(facts + sizeof id, name, len);
  return EVP_Digest(facts, sizeof id + len, id, &id_len, EVP_sha256(), NULL) == 1 &&
         SSL_set_session_id_context(tls, id, id_len) == 1;
}

static int judge(foal_ssl *s, SSL *tls)
{
  char name[NAME_BYTES + 1] = "";
  const unsigned char *at;
  size_t len;
  int verdict = GOOD;
  if (SSL_client_hello_get0_ext(tls, TLSEXT_TYPE_server_name, &at, &len) == 1)
    verdict = read_name(at, len, name);
  if (verdict != GOOD) return verdict;
  const foal_ssl_ctx *chosen = foal__sni_choose(s->ctx, name);
  if (chosen == NULL) return SSL_AD_UNRECOGNIZED_NAME;
  verdict = serve_with(s, tls, chosen);
  if (verdict != GOOD) return verdict;
  if ((s->ctx->alpn_required || chosen->alpn_required) && !takes_part_in_alpn(tls))
    return SSL_AD_NO_APPLICATION_PROTOCOL;
  return bind_session(tls, chosen, name) ? GOOD : SSL_AD_INTERNAL_ERROR;
}

static int on_hello(SSL *tls, int *alert, void *arg)
{
  foal_ssl *s = foal__ssl_of(tls);
  (void)arg;
  int verdict = s == NULL ? SSL_AD_INTERNAL_ERROR : judge(s, tls);
  if (verdict == GOOD) return SSL_CLIENT_HELLO_SUCCESS;
  *alert = verdict;
  return SSL_CLIENT_HELLO_ERROR;
}

/* On a server, what OpenSSL needs to remember the name. On a client, the first place
 * where the server's choice of a protocol is known, and the last where an alert can say
 * that it will not do. */
static int on_server_name(SSL *tls, int *alert, void *arg)
{
  foal_ssl *s = foal__ssl_of(tls);
  (void)arg;
  if (SSL_is_server(tls))
    return SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name) == NULL
               ? SSL_TLSEXT_ERR_NOACK
               : SSL_TLSEXT_ERR_OK;
  if (s == NULL || foal__alpn_accept(s, tls)) return SSL_TLSEXT_ERR_NOACK;
  *alert = s->stop == FOAL__STOP_ALPN_MISSING ? SSL_AD_NO_APPLICATION_PROTOCOL
                                              : SSL_AD_ILLEGAL_PARAMETER;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void foal__hello_install(foal_ssl_ctx *ctx)
{
  SSL_CTX_set_client_hello_cb(ctx->tls, on_hello, NULL);
  SSL_CTX_set_tlsext_servername_callback(ctx->tls, on_server_name);
}
