/* ctx_files.c - certificates, keys, authorities and revocation lists, from files and
 * memory.
 *
 * A file is read whole, bounded, and then taken apart in memory, so that a missing file,
 * a bad PEM, a foreign key and an expired certificate are four errors with four texts.
 * Everything is parsed and checked before the context is touched. Key bytes are wiped. */
#include "ctx.h"

#include "impl/check.h"
#include "impl/ctx.h"
#include "impl/osslerr.h"
#include "impl/source.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CHAIN_MAX = 32, CLIENT_CAS_MAX = 64 };

/* OpenSSL would ask at the terminal. */
static int no_password(char *text, int size, int writing, void *arg)
{
  (void)text, (void)size, (void)writing, (void)arg;
  return -1;
}

/* Whether the PEM reader stopped because there was no further block. Empties the
 * queue. */
static bool stopped_at_end(void)
{
  unsigned long code = ERR_peek_last_error();
  bool end = code == 0 || (ERR_GET_LIB(code) == ERR_LIB_PEM &&
                           ERR_GET_REASON(code) == PEM_R_NO_START_LINE);
  if (end) ERR_clear_error();
  return end;
}

/* All certificates of the text, at least one. NULL: the error has been noted in *err. */
static STACK_OF(X509) *
    read_certs(foal_ssl_ctx *ctx, const foal__source *from, foal_err *err)
{
  BIO *bio = BIO_new_mem_buf(from->bytes, (int)from->len);
  STACK_OF(X509) *certs = sk_X509_new_null();
  bool ok = bio != NULL && certs != NULL;
  *err = FOAL_OK;
  if (!ok) *err = foal__ctx_fail(ctx, FOAL_NO_MEMORY, "%.200s", from->name);
  while (ok) {
    X509 *cert = PEM_read_bio_X509(bio, NULL, no_password, NULL);
    if (cert == NULL) break;
    if (sk_X509_push(certs, cert) > 0) continue;
    X509_free(cert);
    ok = false;
    *err = foal__ctx_fail(ctx, FOAL_NO_MEMORY, "%.200s", from->name);
  }
  if (ok && (!stopped_at_end() || sk_X509_num(certs) == 0))
    *err = foal__ctx_fail(ctx, FOAL_BAD_PEM,
                          "%.160s: certificate %d is missing or damaged; want PEM, "
                          "\"-----BEGIN CERTIFICATE-----\"",
                          from->name, sk_X509_num(certs) + 1);
  BIO_free(bio);
  if (*err == FOAL_OK) return certs;
  sk_X509_pop_free(certs, X509_free);
  return NULL;
}

static EVP_PKEY *read_key(foal_ssl_ctx *ctx, const foal__source *from, foal_err *err)
{
  foal_check(from->bytes != NULL);
  BIO *bio = BIO_new_mem_buf(from->bytes, (int)from->len);
  EVP_PKEY *key =
      bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
  BIO_free(bio);
  *err = FOAL_OK;
  if (key != NULL) {
    foal__ossl_clear();
    return key;
  }
  bool encrypted = strstr(from->bytes, "ENCRYPTED") != NULL;
  *err = foal__ctx_fail(
      ctx, FOAL_BAD_PEM,
      encrypted ? "%.160s: the key is encrypted; store it without a passphrase, "
                  "chmod 600: openssl pkey -in ... -out ..."
                : "%.160s: no usable private key in PEM form",
      from->name);
  return NULL;
}

static int64_t seconds_of(const ASN1_TIME *time_of)
{
  struct tm parts;
  memset(&parts, 0, sizeof parts);
  if (ASN1_TIME_to_tm(time_of, &parts) != 1) return INT64_MIN;
  return (int64_t)timegm(&parts);
}

static foal_err check_time(foal_ssl_ctx *ctx, const char *name, const X509 *leaf)
{
  if ((ctx->relax & FOAL_RELAX_CERT_EXPIRED) != 0) return FOAL_OK;
  char text[32] = "an unreadable date";
  int64_t now = (int64_t)time(NULL);
  int64_t begins = seconds_of(X509_get0_notBefore(leaf));
  int64_t ends = seconds_of(X509_get0_notAfter(leaf));
  if (now >= begins && now <= ends) return FOAL_OK;
  time_t which = (time_t)(now < begins ? begins : ends);
  struct tm parts;
  if (gmtime_r(&which, &parts) != NULL)
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return foal__ctx_fail(ctx, FOAL_CERT_EXPIRED,
                        "%.200s: the certificate is valid only %s %s UTC", name,
                        now < begins ? "from" : "until", text);
}

void foal__ctx_note_expiry(foal_ssl_ctx *ctx, const X509 *leaf, const EVP_PKEY *key)
{
  int type = EVP_PKEY_get_base_id(key);
  size_t i = 0;
  while (i < ctx->expiry_count && ctx->expiry[i].key_type != type) i++;
  if (i == FOAL__KEY_TYPES_MAX) return;
  ctx->expiry[i] = (foal__expiry){type, seconds_of(X509_get0_notAfter(leaf))};
  if (i == ctx->expiry_count) ctx->expiry_count++;
}

/* Checks the parsed identity and puts it into the context in one step. */
static foal_err use(foal_ssl_ctx *ctx, STACK_OF(X509) * certs, EVP_PKEY *key,
                    const foal__source *from[2])
{
  if (sk_X509_num(certs) > CHAIN_MAX)
    return foal__ctx_fail(ctx, FOAL_BAD_PEM, "%.200s: more than %d certificates",
                          from[0]->name, CHAIN_MAX);
  X509 *leaf = sk_X509_value(certs, 0);
  if (X509_check_private_key(leaf, key) != 1)
    return foal__ctx_fail(
        ctx, FOAL_KEY_MISMATCH,
        "the key of %.110s is not that of the first certificate in %.110s; "
        "the server's own certificate comes first",
        from[1]->name, from[0]->name);
  foal_err err = check_time(ctx, from[0]->name, leaf);
  if (err != FOAL_OK) return err;
  (void)sk_X509_shift(certs);
  /* An empty chain would be copied for every session. */
  STACK_OF(X509) *rest = sk_X509_num(certs) > 0 ? certs : NULL;
  int ok = SSL_CTX_use_cert_and_key(ctx->tls, leaf, key, rest, 1);
  if (ok == 1) foal__ctx_note_expiry(ctx, leaf, key);
  X509_free(leaf);
  if (ok == 1) return FOAL_OK;
  return foal__ctx_fail(ctx, FOAL_CRYPTO, "%.200s was refused", from[0]->name);
}

static foal_err use_sources(foal_ssl_ctx *ctx, const foal__source *chain,
                            const foal__source *key_text)
{
  const foal__source *from[2] = {chain, key_text};
  foal_err err;
  STACK_OF(X509) *certs = read_certs(ctx, chain, &err);
  EVP_PKEY *key = certs == NULL ? NULL : read_key(ctx, key_text, &err);
  if (certs != NULL && key != NULL) err = use(ctx, certs, key, from);
  sk_X509_pop_free(certs, X509_free);
  EVP_PKEY_free(key);
  foal__ossl_clear();
  return err;
}

foal_err foal_ssl_ctx_use_cert(foal_ssl_ctx *ctx, const char *chain_path,
                               const char *key_path)
{
  foal__source chain, key;
  foal_err err = foal__ctx_open(ctx);
  if (err == FOAL_OK) err = foal__source_read(ctx, chain_path, FOAL__SOURCE_OPEN, &chain);
  if (err != FOAL_OK) return err;
  err = foal__source_read(ctx, key_path, FOAL__SOURCE_SECRET, &key);
  if (err == FOAL_OK) {
    err = use_sources(ctx, &chain, &key);
    foal__source_forget(&key);
  }
  foal__source_forget(&chain);
  return err;
}

foal_err foal_ssl_ctx_use_cert_pem(foal_ssl_ctx *ctx, const char *chain_pem,
                                   const char *key_pem)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  foal__source chain = foal__source_text("the certificate text", chain_pem);
  foal__source key = foal__source_text("the key text", key_pem);
  return use_sources(ctx, &chain, &key);
}

/* Servers show the names of the authorities they were given to their clients. */
static bool note_authority(foal_ssl_ctx *ctx, X509 *cert)
{
  if (ctx->client_cas == NULL) ctx->client_cas = sk_X509_NAME_new_null();
  if (ctx->client_cas == NULL) return false;
  if (sk_X509_NAME_num(ctx->client_cas) >= CLIENT_CAS_MAX) return true;
  X509_NAME *name = X509_NAME_dup(X509_get_subject_name(cert));
  if (name == NULL) return false;
  if (sk_X509_NAME_push(ctx->client_cas, name) > 0) return true;
  X509_NAME_free(name);
  return false;
}

static foal_err trust_source(foal_ssl_ctx *ctx, const foal__source *from)
{
  foal_err err;
  STACK_OF(X509) *certs = read_certs(ctx, from, &err);
  X509_STORE *store = SSL_CTX_get_cert_store(ctx->tls);
  for (int i = 0; err == FOAL_OK && i < sk_X509_num(certs); i++) {
    X509 *cert = sk_X509_value(certs, i);
    if (X509_STORE_add_cert(store, cert) != 1 || !note_authority(ctx, cert))
      err = foal__ctx_fail(ctx, FOAL_CRYPTO, "%.200s: authority %d was refused",
                           from->name, i + 1);
  }
  if (certs != NULL) foal__ctx_mark(ctx, "trust", from->bytes, from->len);
  sk_X509_pop_free(certs, X509_free);
  foal__ossl_clear();
  return err;
}

foal_err foal_ssl_ctx_trust_pem(foal_ssl_ctx *ctx, const char *pem)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  foal__source from = foal__source_text("the authority text", pem);
  return trust_source(ctx, &from);
}

foal_err foal_ssl_ctx_trust_file(foal_ssl_ctx *ctx, const char *path)
{
  foal__source from;
  foal_err err = foal__ctx_open(ctx);
  if (err == FOAL_OK) err = foal__source_read(ctx, path, FOAL__SOURCE_OPEN, &from);
  if (err != FOAL_OK) return err;
  err = trust_source(ctx, &from);
  foal__source_forget(&from);
  return err;
}

foal_err foal_ssl_ctx_trust_dir(foal_ssl_ctx *ctx, const char *path)
{
  struct stat st;
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  if (path == NULL || stat(path, &st) != 0 || !S_ISDIR(st.st_mode) ||
      access(path, R_OK | X_OK) != 0)
    return foal__ctx_fail(ctx, FOAL_FILE_UNREADABLE,
                          "%.200s is no directory that can be read",
                          path == NULL ? "(no path)" : path);
  if (SSL_CTX_load_verify_dir(ctx->tls, path) != 1)
    return foal__ctx_fail(ctx, FOAL_CRYPTO, "%.200s was refused", path);
  foal__ctx_mark(ctx, "dir", path, strlen(path));
  return FOAL_OK;
}

foal_err foal_ssl_ctx_trust_system(foal_ssl_ctx *ctx)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  const char *file = secure_getenv(X509_get_default_cert_file_env());
  const char *dir = secure_getenv(X509_get_default_cert_dir_env());
  if (file == NULL) file = X509_get_default_cert_file();
  if (dir == NULL) dir = X509_get_default_cert_dir();
  if (access(file, R_OK) != 0 && access(dir, R_OK | X_OK) != 0)
    return foal__ctx_fail(ctx, FOAL_FILE_UNREADABLE,
                          "neither %.120s nor %.120s is there; install ca-certificates",
                          file, dir);
  if (SSL_CTX_set_default_verify_paths(ctx->tls) != 1)
    return foal__ctx_fail(ctx, FOAL_CRYPTO, "the system's authorities were refused");
  foal__ossl_clear();
  foal__ctx_mark(ctx, "system", "", 0);
  return FOAL_OK;
}

/* All revocation lists of the text, at least one. NULL: the error has been noted in
 * *err. */
static STACK_OF(X509_CRL) *
    read_crls(foal_ssl_ctx *ctx, const foal__source *from, foal_err *err)
{
  BIO *bio = BIO_new_mem_buf(from->bytes, (int)from->len);
  STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
  *err = bio == NULL || crls == NULL ? FOAL_NO_MEMORY : FOAL_OK;
  while (*err == FOAL_OK) {
    X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, no_password, NULL);
    if (crl == NULL) break;
    if (sk_X509_CRL_push(crls, crl) > 0) continue;
    X509_CRL_free(crl);
    *err = FOAL_NO_MEMORY;
  }
  int count = crls == NULL ? 0 : sk_X509_CRL_num(crls);
  if (*err == FOAL_OK && (!stopped_at_end() || count == 0)) *err = FOAL_BAD_PEM;
  BIO_free(bio);
  if (*err == FOAL_OK) return crls;
  *err = foal__ctx_fail(ctx, *err, "%.200s: revocation list %d is missing or damaged",
                        from->name, count + 1);
  sk_X509_CRL_pop_free(crls, X509_CRL_free);
  return NULL;
}

static foal_err add_crls(foal_ssl_ctx *ctx, const foal__source *from)
{
  foal_err err;
  X509_STORE *store = SSL_CTX_get_cert_store(ctx->tls);
  STACK_OF(X509_CRL) *crls = read_crls(ctx, from, &err);
  if (crls == NULL) return err;
  for (int i = 0; err == FOAL_OK && i < sk_X509_CRL_num(crls); i++)
    if (X509_STORE_add_crl(store, sk_X509_CRL_value(crls, i)) != 1)
      err = foal__ctx_fail(ctx, FOAL_CRYPTO, "%.200s: revocation list %d was refused",
                           from->name, i + 1);
  sk_X509_CRL_pop_free(crls, X509_CRL_free);
  if (err != FOAL_OK) return err;
  foal__ossl_clear();
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  foal__ctx_mark(ctx, "crl", from->bytes, from->len);
  return FOAL_OK;
}

foal_err foal_ssl_ctx_crl_pem(foal_ssl_ctx *ctx, const char *pem)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  foal__source from = foal__source_text("the revocation text", pem);
  return add_crls(ctx, &from);
}

foal_err foal_ssl_ctx_crl_file(foal_ssl_ctx *ctx, const char *path)
{
  foal__source from;
  foal_err err = foal__ctx_open(ctx);
  if (err == FOAL_OK) err = foal__source_read(ctx, path, FOAL__SOURCE_OPEN, &from);
  if (err != FOAL_OK) return err;
  err = add_crls(ctx, &from);
  foal__source_forget(&from);
  return err;
}

foal_err foal_ssl_ctx_relax(foal_ssl_ctx *ctx, unsigned what)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  if ((what & ~(unsigned)(FOAL_RELAX_KEY_MODE | FOAL_RELAX_CERT_EXPIRED)) != 0)
    return foal__ctx_fail(ctx, FOAL_BAD_ARGUMENT, "no such bits to relax: 0x%x", what);
  ctx->relax = what;
  return FOAL_OK;
}

bool foal_ssl_ctx_can_serve(const foal_ssl_ctx *ctx)
{
  return SSL_CTX_get0_certificate(ctx->tls) != NULL;
}

int64_t foal_ssl_ctx_expires_s(const foal_ssl_ctx *ctx)
{
  int64_t first = INT64_MAX;
  if (ctx->expiry_count == 0) return first;
  for (size_t i = 0; i < ctx->expiry_count; i++)
    if (ctx->expiry[i].at_s < first) first = ctx->expiry[i].at_s;
  return first - (int64_t)time(NULL);
}
