/* certs.h - certificates for tests, made when they are needed and never stored.
 *
 * cert_make signs what the spec asks for, whether sensible or not. Whatever fails here is
 * a broken test: the helpers end the program.                                          */
#ifndef FOAL_TESTS_TLS_CERTS_H
#define FOAL_TESTS_TLS_CERTS_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct test_cert {
  X509 *cert;
  EVP_PKEY *key;
  char *pem;   /* the certificate alone */
  char *chain; /* with its issuers, without the root */
  char *key_pem;
} test_cert;

typedef struct cert_spec {
  const char *name;        /* common name; NULL: none */
  const char *alt;         /* "DNS:a.test,IP:127.0.0.1"; NULL: none */
  const char *raw_dns;     /* a DNS entry with bytes that text cannot have */
  size_t raw_dns_len;      /* bytes */
  const test_cert *issuer; /* NULL: signs itself */
  bool authority;          /* may sign others */
  bool rsa;                /* RSA-2048 instead of P-256 */
  int rsa_bits;            /* another size */
  int from_days, for_days; /* validity relative to now; 0, 0: from yesterday, 30 days */
  const char *usage;       /* extended key usage; NULL: serverAuth,clientAuth */
  const char *constraints; /* "permitted;DNS:b.test", on an authority; NULL: none */
  size_t padding_bytes;    /* an extension of this size that nobody reads */
} cert_spec;

test_cert *cert_make(const cert_spec *spec);
void cert_free(test_cert *cert);

/* A revocation list of the issuer; revoked may be NULL. To be freed with free. */
char *cert_crl(const test_cert *issuer, const test_cert *revoked);

/* The same, valid for one day from this day on, relative to now. */
char *cert_crl_from(const test_cert *issuer, const test_cert *revoked, int from_days);

/* Writes a text to a new file with this mode; its path is to be freed with free. */
char *cert_file(const char *text, unsigned mode);

#endif
