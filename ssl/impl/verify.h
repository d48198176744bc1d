/* verify.h - names: what a host may look like, and which certificate it matches.
 *
 * The rules: full-length comparison; an address only against an iPAddress entry, in
 * binary; the common name never; a wildcard only as the whole leftmost label with two
 * labels behind it. Clients check inside the handshake, so that the server gets an alert
 * and no data.                                                                         */
#ifndef FOAL_SSL_IMPL_VERIFY_H
#define FOAL_SSL_IMPL_VERIFY_H

#include "../../runtime/err.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

enum { FOAL__HOST_MAX = 253 };

typedef enum foal__host_kind {
  FOAL__HOST_BAD,
  FOAL__HOST_NONE, /* empty */
  FOAL__HOST_NAME,
  FOAL__HOST_ADDRESS
} foal__host_kind;

/* A host as it is compared and sent: lower case, no dot at its end, no zone. */
typedef struct foal__host {
  foal__host_kind kind;
  unsigned char address[16];
  size_t address_len; /* 4 or 16 */
  char text[FOAL__HOST_MAX + 3];
} foal__host;

/* Fills it from a user's text, which may be NULL. Leaves the error queue empty. */
void foal__host_parse(foal__host *host, const char *text);

/* Like a host name, but "*.x.y" is allowed too. */
bool foal__pattern_parse(foal__host *host, const char *text);

/* Makes the handshake check the host. False: out of memory. */
bool foal__verify_expect(SSL *tls, const foal__host *host);

/* Whether the certificate is for the host. */
bool foal__verify_matches(X509 *cert, const foal__host *host);

#endif
