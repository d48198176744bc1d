/* selfsign.c - a throw-away certificate in memory, for tests and first steps.
 *
 * ECDSA P-256, valid from an hour ago for 30 days, not an authority. Its key never leaves
 * the context; its PEM text can be asked for and trusted.                              */
#include "ctx.h"

#include "impl/check.h"
#include "impl/ctx.h"
#include "impl/osslerr.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { HOUR_S = 3600, VALID_S = 30 * 24 * HOUR_S, SERIAL_BITS = 127 };

static bool extend(X509 *cert, int nid, const char *value)
{
  X509V3_CTX context;
  X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  bool ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return ok;
}

static bool set_serial(X509 *cert)
{
  BIGNUM *number = BN_new();
  bool ok = number != NULL &&
            BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
            BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
  BN_free(number);
  return ok;
}

static bool set_name(X509 *cert, const foal__host *host)
{
  /* A common name holds 64 characters at most; the names that count are in the
 * extension. */
  char common[65];
  snprintf(common, sizeof common, "%.64s", host->text);
  X509_NAME *name = X509_get_subject_name(cert);
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    (const unsigned char *)common, -1, -1, 0) == 1 &&
         X509_set_issuer_name(cert, name) == 1;
}

static bool set_extensions(X509 *cert, const foal__host *host)
{
  char names[FOAL__HOST_MAX + 64];
  bool local = strcmp(host->text, "localhost") == 0;
  snprintf(names, sizeof names, "%s:%s%s", host->kind == FOAL__HOST_NAME ? "DNS" : "IP",
           host->text, local ? ",IP:127.0.0.1,IP:::1" : "");
  return extend(cert, NID_basic_constraints, "critical,CA:FALSE") &&
         extend(cert, NID_key_usage, "critical,digitalSignature") &&
         extend(cert, NID_ext_key_usage, "serverAuth,clientAuth") &&
         extend(cert, NID_subject_key_identifier, "hash") &&
         extend(cert, NID_subject_alt_name, names);
}

static X509 *make_cert(EVP_PKEY *key, const foal__host *host)
{
  X509 *cert = X509_new();
  time_t now = time(NULL);
  if (cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
      X509_time_adj_ex(X509_getm_notBefore(cert), 0, -HOUR_S, &now) != NULL &&
      X509_time_adj_ex(X509_getm_notAfter(cert), 0, VALID_S, &now) != NULL &&
      X509_set_pubkey(cert, key) == 1 && set_name(cert, host) &&
      set_extensions(cert, host) && X509_sign(cert, key, EVP_sha256()) > 0)
    return cert;
  X509_free(cert);
  return NULL;
}

static char *to_pem(X509 *cert)
{
  BIO *bio = BIO_new(BIO_s_mem());
  char *bytes = NULL, *text = NULL;
  if (bio != NULL && PEM_write_bio_X509(bio, cert) == 1) {
    long len = BIO_get_mem_data(bio, &bytes);
    if (len > 0) text = OPENSSL_strndup(bytes, (size_t)len);
  }
  BIO_free(bio);
  return text;
}

foal_err foal_ssl_ctx_self_signed(foal_ssl_ctx *ctx, const char *text)
{
  foal__host host;
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  foal__host_parse(&host, text);
  if (host.kind != FOAL__HOST_NAME && host.kind != FOAL__HOST_ADDRESS)
    return foal__ctx_fail(ctx, FOAL_BAD_NAME,
                          "\"%.200s\" is neither a host name nor an address",
                          text == NULL ? "" : text);
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *cert = key == NULL ? NULL : make_cert(key, &host);
  char *pem = cert == NULL ? NULL : to_pem(cert);
  if (pem != NULL && SSL_CTX_use_cert_and_key(ctx->tls, cert, key, NULL, 1) == 1) {
    OPENSSL_free(ctx->self_signed_pem);
    ctx->self_signed_pem = pem;
    foal__ctx_note_expiry(ctx, cert, key);
  } else {
    err = foal__ctx_fail(ctx, FOAL_CRYPTO, "no certificate could be made for %.200s",
                         host.text);
    OPENSSL_free(pem);
  }
  X509_free(cert);
  EVP_PKEY_free(key);
  foal__ossl_clear();
  return err;
}

const char *foal_ssl_ctx_self_signed_pem(const foal_ssl_ctx *ctx)
{
  return ctx->self_signed_pem;
}
