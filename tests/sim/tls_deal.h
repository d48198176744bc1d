/* tls_deal.h - two contexts that agree, or that one thing keeps from agreeing.
 *
 * deal_draw makes both anew in each run, so whatever they draw of randomness is drawn in
 * every run of the seed. */
#ifndef FOAL_TESTS_SIM_TLS_DEAL_H
#define FOAL_TESTS_SIM_TLS_DEAL_H

#include "kit.h"

typedef enum deal_spoiler {
  DEAL_GOOD,
  DEAL_VERSION,     /* no common version */
  DEAL_CIPHER,      /* no common cipher */
  DEAL_GROUP,       /* no common group */
  DEAL_UNTRUSTED,   /* the server's certificate is from nowhere */
  DEAL_NAME,        /* it is for another name */
  DEAL_OLD,         /* it has expired */
  DEAL_EARLY,       /* it is not valid yet */
  DEAL_TOO_DEEP,    /* too many intermediates */
  DEAL_TOO_LARGE,   /* more bytes of certificates than the client takes */
  DEAL_NO_CLIENT,   /* the server wants a certificate, the client has none */
  DEAL_BAD_CLIENT,  /* the client's is from nowhere */
  DEAL_ALPN,        /* no common protocol */
  DEAL_ALPN_SERVER, /* the server insists on ALPN, the client offers none */
  DEAL_ALPN_CLIENT, /* the other way round */
  DEAL_SNI,         /* the server refuses names that it does not know */
  DEAL_HELLO,       /* the first flight is larger than the server takes */
  DEAL_SPOILERS
} deal_spoiler;

typedef struct deal {
  foal_ssl_ctx *client, *server, *other; /* owned; other: in the map, or NULL */
  deal_spoiler spoiler;
  foal_tls version;
  const char *name, *alpn; /* asked for; expected, NULL: none */
  uint32_t ciphers;        /* in both lists, a set of bits */
  bool retries;            /* there is a HelloRetryRequest */
  bool client_verified, server_verified;
} deal;

void deal_draw(deal *out);
void deal_drop(deal *d);
bool deal_has_cipher(const deal *d, const char *name);

#endif
