/* kit_certs.c - certificates whose every byte is decided by this file.
 *
 * Private keys are numbers, dates are absolute, and all authorities sign with Ed25519, so
 * the same certificates come out in every process and nothing random is drawn. What fails
 * here is a broken test: it ends the program. */
#include "kit_certs.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_BYTES = 32, POINT_BYTES = 65 };

static void need(bool ok, const char *what)
{
  if (ok) return;
  fprintf(stderr, "certificate for the simulation: %s failed\n", what);
  ERR_print_errors_fp(stderr);
  abort();
}

static EVP_PKEY *p256_key(const uint8_t *raw)
{
  EVP_PKEY *key = NULL;
  uint8_t point[POINT_BYTES];
  BIGNUM *number = BN_bin2bn(raw, KEY_BYTES, NULL);
  EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  EC_POINT *public = group == NULL ? NULL : EC_POINT_new(group);
  OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
  EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  need(number != NULL && public != NULL && build != NULL && maker != NULL, "memory");
  need(EC_POINT_mul(group, public, number, NULL, NULL, NULL) == 1, "public key");
  need(EC_POINT_point2oct(group, public, POINT_CONVERSION_UNCOMPRESSED, point,
                          sizeof point, NULL) == sizeof point,
       "public key");
  need(OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1",
                                       0) == 1 &&
           OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1 &&
           OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                            sizeof point) == 1,
       "key");
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
  need(EVP_PKEY_fromdata_init(maker) == 1 &&
           EVP_PKEY_fromdata(maker, &key, EVP_PKEY_KEYPAIR, params) == 1,
       "key");
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(build);
  EVP_PKEY_CTX_free(maker);
  EC_POINT_free(public);
  EC_GROUP_free(group);
  BN_free(number);
  return key;
}

static EVP_PKEY *key_from(uint8_t number, bool p256)
{
  uint8_t raw[KEY_BYTES];
  memset(raw, 0x5a, sizeof raw);
  raw[KEY_BYTES - 1] = number;
  if (p256) return p256_key(raw);
  return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, sizeof raw);
}

static void extend(X509 *cert, int nid, const char *value)
{
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
  need(extension != NULL && X509_add_ext(cert, extension, -1) == 1, value);
  X509_EXTENSION_free(extension);
}

static void pad(X509 *cert, size_t len)
{
  ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
  ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
  uint8_t *filler = calloc(1, len);
  need(object != NULL && bytes != NULL && filler != NULL, "memory");
  need(ASN1_OCTET_STRING_set(bytes, filler, (int)len) == 1, "padding");
  X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, bytes);
  need(extension != NULL && X509_add_ext(cert, extension, -1) == 1, "padding");
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(bytes);
  ASN1_OBJECT_free(object);
  free(filler);
}

static char *text_of(BIO *bio)
{
  char *bytes = NULL;
  long len = BIO_get_mem_data(bio, &bytes);
  char *text = calloc(1, (size_t)len + 1);
  need(text != NULL && len > 0, "PEM");
  memcpy(text, bytes, (size_t)len);
  BIO_free(bio);
  return text;
}

static void write_pem(kit_made *made)
{
  BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
  need(cert != NULL && PEM_write_bio_X509(cert, made->cert) == 1, "PEM");
  need(key != NULL && PEM_write_bio_PrivateKey(key, made->key, 0, 0, 0, 0, 0) == 1,
       "PEM");
  made->pem = text_of(cert);
  made->key_pem = text_of(key);
}

/* Its own PEM and those of its issuers up to the one below the root. */
static void write_chain(kit_made *made, const kit_made *issuer)
{
  bool root = issuer == NULL || X509_self_signed(issuer->cert, 0) == 1;
  const char *rest = root ? "" : issuer->chain;
  size_t size = strlen(made->pem) + strlen(rest) + 1;
  made->chain = calloc(1, size);
  need(made->chain != NULL, "memory");
  snprintf(made->chain, size, "%s%s", made->pem, rest);
}

static void set_names(X509 *cert, X509 *issuer, const kit_wish *wish)
{
  X509_NAME *name = X509_get_subject_name(cert);
  need(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                  (const unsigned char *)wish->name, -1, -1, 0) == 1,
       "subject");
  need(X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1, "issuer");
}

kit_made *kit_make(const kit_wish *wish)
{
  static long serial = 1000;
  kit_made *made = calloc(1, sizeof *made);
  need(made != NULL, "memory");
  made->key = key_from((uint8_t)++serial, wish->p256);
  made->cert = X509_new();
  need(made->key != NULL && made->cert != NULL, "key");
  X509 *issuer = wish->issuer == NULL ? made->cert : wish->issuer->cert;
  EVP_PKEY *signer = wish->issuer == NULL ? made->key : wish->issuer->key;
  need(X509_set_version(made->cert, X509_VERSION_3) == 1, "version");
  need(ASN1_INTEGER_set(X509_get_serialNumber(made->cert), serial) == 1, "serial");
  const char *from = wish->from != NULL ? wish->from : "20000101000000Z";
  const char *to = wish->to != NULL ? wish->to : "20990101000000Z";
  need(ASN1_TIME_set_string(X509_getm_notBefore(made->cert), from) == 1, "time");
  need(ASN1_TIME_set_string(X509_getm_notAfter(made->cert), to) == 1, "time");
  set_names(made->cert, issuer, wish);
  need(X509_set_pubkey(made->cert, made->key) == 1, "public key");
  extend(made->cert, NID_basic_constraints,
         wish->alt == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
  extend(made->cert, NID_key_usage,
         wish->alt == NULL ? "critical,keyCertSign,cRLSign"
                           : "critical,digitalSignature");
  if (wish->alt != NULL) {
    extend(made->cert, NID_ext_key_usage, wish->client ? "clientAuth" : "serverAuth");
    extend(made->cert, NID_subject_alt_name, wish->alt);
  }
  if (wish->padding > 0) pad(made->cert, wish->padding);
  need(X509_sign(made->cert, signer, NULL) > 0, "signature");
  write_pem(made);
  write_chain(made, wish->issuer);
  return made;
}
