/* ssl_info.c - facts about a session and its peer. Only looks; changes nothing but
 * OpenSSL's error queue, which it leaves empty.                                        */
#include "impl/check.h"
#include "impl/session.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* Whether what the handshake agreed on stands. */
static bool agreed(const foal_ssl *s)
{
  return s->status == FOAL_SSL_READY || s->status == FOAL_SSL_CLOSING ||
         s->status == FOAL_SSL_SHUT || s->status == FOAL_SSL_CLOSED;
}

const char *foal_ssl_alpn_selected(const foal_ssl *s)
{
  return agreed(s) ? s->alpn : NULL;
}

foal_ssl_status foal_ssl_state(const foal_ssl *s)
{
  return (foal_ssl_status)s->status;
}

foal_err foal_ssl_error(const foal_ssl *s)
{
  return (foal_err)s->err;
}

bool foal_ssl_end_seen(const foal_ssl *s)
{
  return s->end_seen;
}

const char *foal_ssl_reason(const foal_ssl *s)
{
  if (s->reason != NULL) return s->reason;
  return s->err == FOAL_OK ? "" : foal_err_text((foal_err)s->err);
}

int foal_ssl_alert_sent(const foal_ssl *s)
{
  return s->alert_out == FOAL__NO_ALERT ? -1 : s->alert_out;
}

int foal_ssl_alert_received(const foal_ssl *s)
{
  return s->alert_in == FOAL__NO_ALERT ? -1 : s->alert_in;
}

int foal_ssl_version(const foal_ssl *s)
{
  return agreed(s) ? SSL_version(s->tls) : 0;
}

const char *foal_ssl_cipher(const foal_ssl *s)
{
  const SSL_CIPHER *cipher = agreed(s) ? SSL_get_current_cipher(s->tls) : NULL;
  return cipher == NULL ? NULL : SSL_CIPHER_standard_name(cipher);
}

const char *foal_ssl_server_name(const foal_ssl *s)
{
  return s->tls == NULL ? NULL : SSL_get_servername(s->tls, TLSEXT_NAMETYPE_host_name);
}

bool foal_ssl_resumed(const foal_ssl *s)
{
  return agreed(s) && SSL_session_reused(s->tls) == 1;
}

foal_ssl_counts foal_ssl_bytes(const foal_ssl *s)
{
  return s->counts;
}

static X509 *peer_cert(const foal_ssl *s)
{
  return s->tls == NULL ? NULL : SSL_get0_peer_certificate(s->tls);
}

bool foal_ssl_peer_verified(const foal_ssl *s)
{
  if (!agreed(s) || (SSL_get_verify_mode(s->tls) & SSL_VERIFY_PEER) == 0) return false;
  return peer_cert(s) != NULL && SSL_get_verify_result(s->tls) == X509_V_OK;
}

/* A text that is being written: `len` counts on when the room is used up. */
typedef struct text {
  char *bytes;
  size_t size, len;
} text;

static void put_char(text *t, char c)
{
  if (t->len + 1 < t->size) t->bytes[t->len] = c;
  t->len++;
}

static void put(text *t, const char *words)
{
  while (*words != '\0') put_char(t, *words++);
}

static size_t end_text(text *t)
{
  if (t->size > 0) t->bytes[t->len < t->size ? t->len : t->size - 1] = '\0';
  foal__ossl_clear();
  return t->len;
}

/* Bytes of a stranger: nothing in them may end the line or look like another entry. */
static void put_escaped(text *t, const unsigned char *bytes, int len)
{
  static const char hex[] = "0123456789abcdef";
  for (int i = 0; i < len; i++) {
    unsigned char c = bytes[i];
    if (c > ' ' && c < 0x7f && c != ',' && c != '\\') {
      put_char(t, (char)c);
    } else {
      put(t, "\\x");
      put_char(t, hex[c >> 4]);
      put_char(t, hex[c & 15]);
    }
  }
}

size_t foal_ssl_peer_subject(const foal_ssl *s, char *bytes, size_t size)
{
  text t = {bytes, size, 0};
  X509 *cert = peer_cert(s);
  BIO *bio = cert == NULL ? NULL : BIO_new(BIO_s_mem());
  char *from = NULL;
  if (bio != NULL &&
      X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0) {
    long len = BIO_get_mem_data(bio, &from);
    for (long i = 0; i < len; i++) put_char(&t, from[i]);
  }
  BIO_free(bio);
  return end_text(&t);
}

static void put_address(text *t, const ASN1_OCTET_STRING *address)
{
  char words[INET6_ADDRSTRLEN] = "";
  int len = ASN1_STRING_length(address);
  if (len == 4 || len == 16)
    (void)inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), words,
                    sizeof words);
  put(t, words[0] == '\0' ? "?" : words);
}

static void put_name(text *t, const GENERAL_NAME *name)
{
  const ASN1_STRING *string = NULL;
  const char *kind = NULL;
  if (name->type == GEN_DNS) {
    kind = "DNS:";
    string = name->d.dNSName;
  } else if (name->type == GEN_URI) {
    kind = "URI:";
    string = name->d.uniformResourceIdentifier;
  } else if (name->type == GEN_EMAIL) {
    kind = "email:";
    string = name->d.rfc822Name;
  } else if (name->type != GEN_IPADD) {
    return;
  }
  if (t->len > 0) put(t, ", ");
  put(t, kind == NULL ? "IP:" : kind);
  if (string == NULL)
    put_address(t, name->d.iPAddress);
  else
    put_escaped(t, ASN1_STRING_get0_data(string), ASN1_STRING_length(string));
}

size_t foal_ssl_peer_names(const foal_ssl *s, char *bytes, size_t size)
{
  text t = {bytes, size, 0};
  X509 *cert = peer_cert(s);
  GENERAL_NAMES *names =
      cert == NULL
          ? NULL
          : (GENERAL_NAMES *)X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
    put_name(&t, sk_GENERAL_NAME_value(names, i));
  GENERAL_NAMES_free(names);
  return end_text(&t);
}

bool foal_ssl_peer_matches(const foal_ssl *s, const char *text_of_host)
{
  foal__host host;
  foal__host_parse(&host, text_of_host);
  return foal__verify_matches(peer_cert(s), &host);
}

bool foal_ssl_peer_fingerprint(const foal_ssl *s, uint8_t *out)
{
  unsigned len = 0;
  X509 *cert = peer_cert(s);
  bool ok = cert != NULL && X509_digest(cert, EVP_sha256(), out, &len) == 1;
  foal__ossl_clear();
  foal_check(!ok || len == FOAL_FINGERPRINT_BYTES);
  return ok;
}

bool foal_ssl_peer_cert(const foal_ssl *s, foal_buf **der)
{
  X509 *cert = peer_cert(s);
  int len = cert == NULL ? 0 : i2d_X509(cert, NULL);
  foal__ossl_clear();
  if (len <= 0 || !foal_buf_new(der, (size_t)len)) return false;
  unsigned char *to = foal_buf_tail(*der);
  (void)i2d_X509(cert, &to);
  foal_buf_extend(*der, (size_t)len);
  return true;
}

foal_err foal_ssl_export(const foal_ssl *s, const foal_ssl_exporter *what, uint8_t *out,
                         size_t len)
{
  foal_check(what != NULL && what->label != NULL && out != NULL);
  if (!agreed(s)) return FOAL_BAD_STATE;
  foal__ossl_clear();
  int ok =
      SSL_export_keying_material(s->tls, out, len, what->label, strlen(what->label),
                                 what->context, what->context_len, what->context != NULL);
  foal__ossl_clear();
  return ok == 1 ? FOAL_OK : FOAL_CRYPTO;
}

/* What a client could resume; NULL: nothing. */
static SSL_SESSION *resumable(const foal_ssl *s)
{
  SSL_SESSION *session = !agreed(s) || s->server ? NULL : SSL_get_session(s->tls);
  if (session == NULL || SSL_SESSION_is_resumable(session) != 1) return NULL;
  /* A session resumed with another group is a copy without the ticket. */
  return SSL_SESSION_has_ticket(session) == 1 ? session : NULL;
}

bool foal_ssl_save(const foal_ssl *s, foal_buf **out)
{
  SSL_SESSION *session = resumable(s);
  if (session == NULL) return false;
  int len = i2d_SSL_SESSION(session, NULL);
  if (len <= 0 || len > FOAL_BUF_BYTES_MAX || !foal_buf_new(out, (size_t)len)) {
    foal__ossl_clear();
    return false;
  }
  unsigned char *to = foal_buf_tail(*out);
  (void)i2d_SSL_SESSION(session, &to);
  foal_buf_extend(*out, (size_t)len);
  foal_buf_mark_secret(*out);
  foal__ossl_clear();
  return true;
}

foal_ssl_ticket *foal_ssl_keep(const foal_ssl *s)
{
  SSL_SESSION *session = resumable(s);
  SSL_SESSION *copy = session == NULL ? NULL : SSL_SESSION_dup(session);
  foal__ossl_clear();
  return (foal_ssl_ticket *)(void *)copy;
}

foal_ssl_ticket *foal_ssl_ticket_share(const foal_ssl_ticket *ticket)
{
  SSL_SESSION *session = foal__ticket_session(ticket);
  foal_check(session != NULL);
  foal_check(SSL_SESSION_up_ref(session) == 1);
  return (foal_ssl_ticket *)(void *)session;
}

void foal_ssl_ticket_drop(foal_ssl_ticket **ticket)
{
  foal_check(ticket != NULL);
  SSL_SESSION_free(foal__ticket_session(*ticket));
  *ticket = NULL;
}
