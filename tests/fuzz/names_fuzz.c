/* names_fuzz.c - which names a certificate is for, and what is told about a stranger's.
 *
 * The input: a common name, entries of subjectAltName as bytes, hosts to compare with. A
 * plain reference says what may match at most (`lax`) and what has to match (`strict`).
 * Between the two lies what OpenSSL refuses on purpose: a wildcard does not stand for a
 * label with "_", and is none when the labels behind it hold anything but letters, digits
 * and inner hyphens. Against X509_check_host as such the rules differ in that the common
 * name never counts, "*" is a whole label, and a text that is an address is only compared
 * with addresses.                                                                      */
#include "cast.h"
#include "input.h"
#include "ssl/impl/ctx.h"
#include "ssl/impl/verify.h"
#include "steady.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { ENTRIES_MAX = 8, NAME_BYTES = 64, HOSTS_MAX = 4, TEXT_BYTES = 4096, OTHERS = 3 };

typedef struct entry {
  int type; /* GEN_... */
  const uint8_t *at;
  size_t len;
} entry;

typedef struct subject {
  entry entries[ENTRIES_MAX];
  size_t count;
  const uint8_t *common;
  size_t common_len;
} subject;

static subject read_subject(fuzz_input *in)
{
  static const int types[] = {GEN_DNS, GEN_DNS, GEN_DNS, GEN_IPADD, GEN_URI, GEN_EMAIL};
  subject s = {.count = input_byte(in) % (ENTRIES_MAX + 1)};
  s.common_len = input_byte(in) % (NAME_BYTES + 1);
  s.common = input_take(in, &s.common_len);
  for (size_t i = 0; i < s.count; i++) {
    entry *e = &s.entries[i];
    e->type = types[input_byte(in) % (sizeof types / sizeof types[0])];
    e->len = input_byte(in);
    e->at = input_take(in, &e->len);
  }
  return s;
}

/* ---- the certificate ---- */

static void add_entry(GENERAL_NAMES *names, const entry *e)
{
  GENERAL_NAME *name = GENERAL_NAME_new();
  ASN1_STRING *bytes =
      ASN1_STRING_type_new(e->type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
  promise(name != NULL && bytes != NULL);
  promise(ASN1_STRING_set(bytes, e->at, (int)e->len) == 1);
  GENERAL_NAME_set0_value(name, e->type, bytes);
  promise(sk_GENERAL_NAME_push(names, name) > 0);
}

static X509 *certify(const subject *s, EVP_PKEY *key)
{
  X509 *cert = X509_new();
  GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
  promise(cert != NULL && names != NULL);
  for (size_t i = 0; i < s->count; i++) add_entry(names, &s->entries[i]);
  promise(X509_set_version(cert, X509_VERSION_3) == 1);
  if (s->count > 0)
    promise(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1);
  if (s->common_len > 0)
    promise(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                                       s->common, (int)s->common_len, -1, 0) == 1);
  GENERAL_NAMES_free(names);
  if (key == NULL) return cert;
  promise(X509_gmtime_adj(X509_getm_notBefore(cert), 0) != NULL);
  promise(X509_gmtime_adj(X509_getm_notAfter(cert), 86400) != NULL);
  promise(X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) > 0);
  return cert;
}

/* ---- the reference ---- */

static char lower(uint8_t c)
{
  return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool same(const uint8_t *at, size_t len, const char *text)
{
  if (strlen(text) != len) return false;
  for (size_t i = 0; i < len; i++)
    if (lower(at[i]) != text[i]) return false;
  return true;
}

static bool only(const char *text, size_t len, const char *known)
{
  for (size_t i = 0; i < len; i++)
    if (text[i] == '\0' || strchr(known, text[i]) == NULL) return false;
  return true;
}

/* "*" and at least two labels, standing for one label of the host. */
static bool stands_for(const entry *e, const char *host, bool strict)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  const char *dot = strchr(host, '.');
  if (dot == NULL || dot == host || e->len < 2 || e->at[0] != '*') return false;
  if (strchr(dot + 1, '.') == NULL || !same(e->at + 1, e->len - 1, dot)) return false;
  if (!strict) return true;
  return only(host, strlen(host), plain) && strchr(dot, '-') == NULL;
}

static bool fits(const subject *s, const foal__host *host, bool strict)
{
  for (size_t i = 0; i < s->count; i++) {
    const entry *e = &s->entries[i];
    if (host->kind == FOAL__HOST_NAME && e->type == GEN_DNS &&
        (same(e->at, e->len, host->text) || stands_for(e, host->text, strict)))
      return true;
    if (host->kind == FOAL__HOST_ADDRESS && e->type == GEN_IPADD &&
        e->len == host->address_len && memcmp(e->at, host->address, e->len) == 0)
      return true;
  }
  return false;
}

static void check_host(const subject *s, X509 *cert, const char *text)
{
  foal__host host, again;
  foal__host_parse(&host, text);
  promise(ERR_peek_error() == 0);
  bool found = foal__verify_matches(cert, &host);
  promise(ERR_peek_error() == 0);
  promise(!found || fits(s, &host, false));
  promise(found || !fits(s, &host, true));
  if (host.kind != FOAL__HOST_NAME && host.kind != FOAL__HOST_ADDRESS) return;
  promise(strlen(host.text) > 0 && strlen(host.text) <= FOAL__HOST_MAX);
  foal__host_parse(&again, host.text);
  promise(again.kind == host.kind && strcmp(again.text, host.text) == 0);
  promise(memcmp(again.address, host.address, sizeof host.address) == 0);
}

/* ---- the map of a server ---- */

static const foal_ssl_ctx *other_ctx(unsigned which)
{
  cast_spec spec = cast_read((uint8_t)which, 0);
  return cast_server_ctx(&spec);
}

static const foal_ssl_ctx *expected(const foal_ssl_ctx *ctx, char **patterns,
                                    size_t count, const char *name)
{
  foal__host host, pattern;
  const foal_ssl_ctx *exact = NULL, *wild = NULL;
  foal__host_parse(&host, name);
  if (host.kind != FOAL__HOST_NAME) return NULL;
  const char *dot = strchr(host.text, '.');
  for (size_t i = 0; i < count; i++) {
    if (!foal__pattern_parse(&pattern, patterns[i])) continue;
    if (strcmp(pattern.text, host.text) == 0) exact = other_ctx((unsigned)(i % OTHERS));
    if (pattern.text[0] == '*' && dot != NULL && strcmp(pattern.text + 1, dot) == 0)
      wild = other_ctx((unsigned)(i % OTHERS));
  }
  if (exact != NULL || wild != NULL) return exact != NULL ? exact : wild;
  return strcmp(host.text, "a.test") == 0 ? ctx : NULL;
}

static void check_map(fuzz_input *in)
{
  char *texts[HOSTS_MAX + 1];
  size_t count = input_byte(in) % (HOSTS_MAX + 1);
  const test_cert *own = cast_server();
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  promise(ctx != NULL);
  promise(foal_ssl_ctx_use_cert_pem(ctx, own->chain, own->key_pem) == FOAL_OK);
  for (size_t i = 0; i < count; i++) {
    foal__host pattern;
    texts[i] = input_text(in, input_byte(in));
    bool good = foal__pattern_parse(&pattern, texts[i]);
    foal_err err = foal_ssl_ctx_sni(ctx, texts[i], other_ctx((unsigned)(i % OTHERS)));
    promise(err == (good ? FOAL_OK : FOAL_BAD_NAME));
    promise(good == (foal_ssl_ctx_detail(ctx)[0] == '\0'));
  }
  for (int i = 0; i < HOSTS_MAX; i++) {
    char *name = input_text(in, input_byte(in));
    promise(foal__sni_find(ctx, name) == expected(ctx, texts, count, name));
    free(name);
  }
  for (size_t i = 0; i < count; i++) free(texts[i]);
  promise(foal_ssl_ctx_freeze(ctx) == FOAL_OK);
  foal_ssl_ctx_drop(&ctx);
  promise(ERR_peek_error() == 0);
}

/* ---- what is told about a stranger ---- */

static void check_text(const foal_ssl *s,
                       size_t (*show)(const foal_ssl *, char *, size_t), size_t commas)
    FOAL_TURN;

static void check_text(const foal_ssl *s,
                       size_t (*show)(const foal_ssl *, char *, size_t), size_t commas)
{
  char whole[TEXT_BYTES * 4], part[16];
  size_t len = show(s, whole, sizeof whole), found = 0;
  promise(len < sizeof whole && strlen(whole) == len);
  promise(show(s, NULL, 0) == len);
  promise(show(s, part, sizeof part) == len);
  promise(strncmp(part, whole, sizeof part - 1) == 0);
  for (size_t i = 0; i < len; i++) {
    promise(whole[i] >= ' ' && whole[i] <= '~');
    if (whole[i] == ',') found++;
  }
  promise(commas == SIZE_MAX || found == commas);
}

static void check_told(const subject *s, const foal_ssl *server) FOAL_TURN;

static void check_told(const subject *s, const foal_ssl *server)
{
  uint8_t mark[FOAL_FINGERPRINT_BYTES];
  promise(foal_ssl_state(server) == FOAL_SSL_READY);
  promise(!foal_ssl_peer_verified(server) && foal_ssl_peer_fingerprint(server, mark));
  check_text(server, foal_ssl_peer_names, s->count == 0 ? 0 : s->count - 1);
  check_text(server, foal_ssl_peer_subject, SIZE_MAX);
  promise(ERR_peek_error() == 0);
}

static char *pem_of(X509 *cert)
{
  char *bytes = NULL;
  BIO *bio = BIO_new(BIO_s_mem());
  promise(bio != NULL && PEM_write_bio_X509(bio, cert) == 1 &&
          BIO_write(bio, "", 1) == 1);
  (void)BIO_get_mem_data(bio, &bytes);
  char *pem = strdup(bytes);
  promise(pem != NULL);
  BIO_free(bio);
  return pem;
}

/* The stranger connects to a server that looks at certificates without judging. */
static void visit(const subject *s)
{
  cast_spec spec = {.want = FOAL_CLIENT_CERT_UNVERIFIED};
  foal_ssl_ctx *server_ctx = cast_server_ctx(&spec), *ctx = foal_ssl_ctx_new();
  X509 *cert = certify(s, cast_client()->key);
  char *pem = pem_of(cert);
  cast_turn();
  promise(ctx != NULL && foal_ssl_ctx_trust_pem(ctx, cast_root()->pem) == FOAL_OK);
  if (foal_ssl_ctx_use_cert_pem(ctx, pem, cast_client()->key_pem) == FOAL_OK) {
    foal_ssl *server = foal_ssl_server(server_ctx);
    foal_ssl *client = foal_ssl_client(ctx, "a.test");
    promise(server != NULL && client != NULL);
    cast_pump(client, server);
    check_told(s, server);
    foal_ssl_free(&server);
    foal_ssl_free(&client);
  }
  free(pem);
  X509_free(cert);
  foal_ssl_ctx_drop(&ctx);
  promise(foal_ssl_live_count() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
  fuzz_input in = {bytes, len};
  if (len > TEXT_BYTES) return 0;
  (void)other_ctx(0), (void)other_ctx(1), (void)other_ctx(2);
  steady_begin(6);
  uint8_t how = input_byte(&in);
  if (how % 8 == 7) {
    check_map(&in);
    return 0;
  }
  subject s = read_subject(&in);
  if (how % 8 == 6) {
    visit(&s);
    return 0;
  }
  X509 *cert = certify(&s, NULL);
  for (int i = 0; i < HOSTS_MAX; i++) {
    char *host = input_text(&in, input_byte(&in));
    check_host(&s, cert, host);
    free(host);
  }
  X509_free(cert);
  return 0;
}
