/* certs.c - see certs.h. */
#include "certs.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DAY_S = 24 * 60 * 60, DAYS = 30 };

static void need(bool ok, const char *what)
{
  if (ok) return;
  fprintf(stderr, "test certificate: %s failed\n", what);
  ERR_print_errors_fp(stderr);
  abort();
}

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  need(extension != NULL && X509_add_ext(cert, extension, -1) == 1, value);
  X509_EXTENSION_free(extension);
}

static void extend_raw_dns(X509 *cert, const cert_spec *spec)
{
  GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
  GENERAL_NAME *name = GENERAL_NAME_new();
  ASN1_IA5STRING *text = ASN1_IA5STRING_new();
  need(names != NULL && name != NULL && text != NULL, "memory");
  need(ASN1_STRING_set(text, spec->raw_dns, (int)spec->raw_dns_len) == 1, "raw name");
  GENERAL_NAME_set0_value(name, GEN_DNS, text);
  need(sk_GENERAL_NAME_push(names, name) > 0, "memory");
  need(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1, "raw extension");
  GENERAL_NAMES_free(names);
}

static void extend_padding(X509 *cert, size_t len)
{
  ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
  ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
  unsigned char *filler = calloc(1, len);
  need(object != NULL && bytes != NULL && filler != NULL, "memory");
  need(ASN1_OCTET_STRING_set(bytes, filler, (int)len) == 1, "padding");
  X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, bytes);
  need(extension != NULL && X509_add_ext(cert, extension, -1) == 1, "padding extension");
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(bytes);
  ASN1_OBJECT_free(object);
  free(filler);
}

static char *text_of(BIO *bio)
{
  char *bytes = NULL;
  long len = BIO_get_mem_data(bio, &bytes);
  char *text = malloc((size_t)len + 1);
  need(text != NULL, "memory");
  memcpy(text, bytes, (size_t)len);
  text[len] = '\0';
  BIO_free(bio);
  return text;
}

static char *pem_of(X509 *cert)
{
  BIO *bio = BIO_new(BIO_s_mem());
  need(bio != NULL && PEM_write_bio_X509(bio, cert) == 1, "PEM");
  return text_of(bio);
}

static char *key_pem_of(EVP_PKEY *key)
{
  BIO *bio = BIO_new(BIO_s_mem());
  need(bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1,
       "PEM");
  return text_of(bio);
}

/* Its own PEM, then that of its issuers up to the one below the root. */
static char *chain_of(const test_cert *made, const test_cert *issuer)
{
  bool root = issuer == NULL || X509_self_signed(issuer->cert, 0) == 1;
  const char *rest = root ? "" : issuer->chain;
  size_t len = strlen(made->pem) + strlen(rest) + 1;
  char *chain = malloc(len);
  need(chain != NULL, "memory");
  snprintf(chain, len, "%s%s", made->pem, rest);
  return chain;
}

static void set_subject(X509 *cert, const cert_spec *spec)
{
  X509_NAME *name = X509_get_subject_name(cert);
  need(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
                                  (const unsigned char *)"Foal test", -1, -1, 0) == 1,
       "subject");
  if (spec->name != NULL)
    need(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    (const unsigned char *)spec->name, -1, -1, 0) == 1,
         "subject");
}

static void set_extensions(X509 *cert, X509 *issuer, const cert_spec *spec)
{
  if (spec->authority) {
    extend(cert, issuer, NID_basic_constraints, "critical,CA:TRUE");
    extend(cert, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    extend(cert, issuer, NID_basic_constraints, "critical,CA:FALSE");
    extend(cert, issuer, NID_key_usage, "critical,digitalSignature");
    extend(cert, issuer, NID_ext_key_usage,
           spec->usage == NULL ? "serverAuth,clientAuth" : spec->usage);
  }
  extend(cert, issuer, NID_subject_key_identifier, "hash");
  if (spec->alt != NULL) extend(cert, issuer, NID_subject_alt_name, spec->alt);
  if (spec->raw_dns != NULL) extend_raw_dns(cert, spec);
  if (spec->constraints != NULL)
    extend(cert, issuer, NID_name_constraints, spec->constraints);
  if (spec->padding_bytes > 0) extend_padding(cert, spec->padding_bytes);
}

static void set_times(X509 *cert, const cert_spec *spec)
{
  bool given = spec->from_days != 0 || spec->for_days != 0;
  int from = given ? spec->from_days : -1, days = given ? spec->for_days : DAYS;
  time_t now = time(NULL);
  need(X509_time_adj_ex(X509_getm_notBefore(cert), from, 0, &now) != NULL, "time");
  need(X509_time_adj_ex(X509_getm_notAfter(cert), from + days, 0, &now) != NULL, "time");
}

test_cert *cert_make(const cert_spec *spec)
{
  static long serial = 1000;
  test_cert *made = calloc(1, sizeof *made);
  need(made != NULL, "memory");
  int bits = spec->rsa_bits == 0 ? 2048 : spec->rsa_bits;
  made->key = spec->rsa ? EVP_RSA_gen((unsigned)bits) : EVP_EC_gen("P-256");
  made->cert = X509_new();
  need(made->key != NULL && made->cert != NULL, "key");
  X509 *issuer = spec->issuer == NULL ? made->cert : spec->issuer->cert;
  EVP_PKEY *signer = spec->issuer == NULL ? made->key : spec->issuer->key;
  need(X509_set_version(made->cert, X509_VERSION_3) == 1, "version");
  need(ASN1_INTEGER_set(X509_get_serialNumber(made->cert), ++serial) == 1, "serial");
  set_times(made->cert, spec);
  set_subject(made->cert, spec);
  need(X509_set_issuer_name(made->cert, X509_get_subject_name(issuer)) == 1, "issuer");
  need(X509_set_pubkey(made->cert, made->key) == 1, "public key");
  set_extensions(made->cert, issuer, spec);
  need(X509_sign(made->cert, signer, EVP_sha256()) > 0, "signature");
  made->pem = pem_of(made->cert);
  made->key_pem = key_pem_of(made->key);
  made->chain = chain_of(made, spec->issuer);
  return made;
}

void cert_free(test_cert *cert)
{
  if (cert == NULL) return;
  X509_free(cert->cert);
  EVP_PKEY_free(cert->key);
  free(cert->pem);
  free(cert->chain);
  free(cert->key_pem);
  free(cert);
}

char *cert_crl(const test_cert *issuer, const test_cert *revoked)
{
  return cert_crl_from(issuer, revoked, 0);
}

char *cert_crl_from(const test_cert *issuer, const test_cert *revoked, int from_days)
{
  X509_CRL *crl = X509_CRL_new();
  long from_s = (long)from_days * DAY_S;
  ASN1_TIME *now = X509_gmtime_adj(NULL, from_s);
  ASN1_TIME *later = X509_gmtime_adj(NULL, from_s + DAY_S);
  need(crl != NULL && now != NULL && later != NULL, "memory");
  need(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1, "version");
  need(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->cert)) == 1, "issuer");
  need(X509_CRL_set1_lastUpdate(crl, now) == 1, "time");
  need(X509_CRL_set1_nextUpdate(crl, later) == 1, "time");
  if (revoked != NULL) {
    X509_REVOKED *entry = X509_REVOKED_new();
    need(entry != NULL, "memory");
    need(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->cert)) == 1,
         "serial");
    need(X509_REVOKED_set_revocationDate(entry, now) == 1, "time");
    need(X509_CRL_add0_revoked(crl, entry) == 1, "entry");
  }
  need(X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0,
       "signature");
  BIO *bio = BIO_new(BIO_s_mem());
  need(bio != NULL && PEM_write_bio_X509_CRL(bio, crl) == 1, "PEM");
  ASN1_TIME_free(now);
  ASN1_TIME_free(later);
  X509_CRL_free(crl);
  return text_of(bio);
}

char *cert_file(const char *text, unsigned mode)
{
  const char *dir = getenv("TMPDIR");
  char path[512];
  snprintf(path, sizeof path, "%s/foal-test-XXXXXX", dir == NULL ? P_tmpdir : dir);
  int fd = mkstemp(path);
  need(fd >= 0, "temporary file");
  need(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "temporary file");
  need(fchmod(fd, (mode_t)mode) == 0, "mode");
  (void)close(fd);
  char *copy = strdup(path);
  need(copy != NULL, "memory");
  return copy;
}
