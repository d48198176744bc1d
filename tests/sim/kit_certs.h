/* kit_certs.h - one certificate by a wish; for kit.c.
 *
 * Same wishes in the same order, same certificates, in any process: see kit_certs.c. They
 * are never freed, as the texts are used by every run. */
#ifndef FOAL_TESTS_SIM_KIT_CERTS_H
#define FOAL_TESTS_SIM_KIT_CERTS_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct kit_made {
  X509 *cert;
  EVP_PKEY *key;
  char *pem, *chain, *key_pem;
} kit_made;

typedef struct kit_wish {
  const char *name;
  const char *alt;        /* "DNS:a.test,IP:127.0.0.1"; NULL: an authority */
  const kit_made *issuer; /* NULL: signs itself */
  const char *from, *to;  /* NULL: long ago, far away */
  size_t padding;         /* bytes that nobody reads */
  bool p256, client;
} kit_wish;

kit_made *kit_make(const kit_wish *wish);

#endif
