/* ctx.h - the inside of a context.
 *
 * Before `frozen` one owner writes; afterwards nobody writes anything but `count`, under
 * `lock`. The lock, not an atomic, because ssl/ has no atomics of its own and a lock is
 * an order that every tool can see. OpenSSL's callbacks run inside handshakes, on frozen
 * contexts; they only look things up here.                                             */
#ifndef FOAL_SSL_IMPL_CTX_H
#define FOAL_SSL_IMPL_CTX_H

#include "../ctx.h"
#include "../policy.h"
#include "alpn.h"
#include "verify.h"

#include <openssl/ssl.h>

enum { FOAL__KEY_TYPES_MAX = 8 };

/* When the certificate of one key type expires. */
typedef struct foal__expiry {
  int key_type;
  int64_t at_s; /* seconds since 1970 */
} foal__expiry;

typedef struct foal__sni_entry {
  char *name; /* lower case; a wildcard begins with "*." */
  foal_ssl_ctx *ctx;
} foal__sni_entry;

struct foal_ssl_ctx {
  SSL_CTX *tls;
  foal_ssl_ctx *self; /* itself, for those who hold it const */
  CRYPTO_RWLOCK *lock;
  int count;
  bool frozen;
  bool verify_peer;
  bool alpn_required;
  unsigned relax;
  unsigned verify_depth;
  unsigned tickets;
  foal_client_cert client_cert;
  foal_sni_unknown sni_unknown;
  foal_tls version_min, version_max;
  size_t handshake_bytes, write_bytes;
  uint32_t rekey_records; /* records under one key before a key update of our own */
  char *groups;           /* as OpenSSL's list */
  foal__alpn alpn_server, alpn_client;
  foal__sni_entry *sni; /* sorted when frozen */
  size_t sni_count, sni_capacity;
  foal_ticket_key *ticket_keys;
  size_t ticket_key_count;
  foal__expiry expiry[FOAL__KEY_TYPES_MAX];
  size_t expiry_count;
  STACK_OF(X509_NAME) * client_cas; /* names a server shows to its clients */
  uint8_t trust_mark[32]; /* digest over everything that decides who is trusted */
  uint8_t ticket_id[32];  /* what tickets are bound to, once frozen */
  char *self_signed_pem;
  int keylog_fd; /* -1: none */
  char detail[320];
};

/* Takes a handle: freezes first if needed. NULL: it cannot be frozen. */
foal_ssl_ctx *foal__ctx_hold(const foal_ssl_ctx *ctx);

/* Starts a setter: FOAL_FROZEN, or FOAL_OK with the detail wiped and the error queue
 * empty. */
foal_err foal__ctx_open(foal_ssl_ctx *ctx) FOAL_MUST;

/* Ends a setter that failed: writes the detail, empties the error queue, returns err. */
foal_err foal__ctx_fail(foal_ssl_ctx *ctx, foal_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Extends trust_mark by one fact. */
void foal__ctx_mark(foal_ssl_ctx *ctx, const char *kind, const void *data, size_t len);

/* Sets the groups of the key exchange; false: OpenSSL refuses, the old ones stay. */
bool foal__ctx_set_groups(foal_ssl_ctx *ctx, const char *list);

/* Remembers when the certificate of this key's type expires. */
void foal__ctx_note_expiry(foal_ssl_ctx *ctx, const X509 *leaf, const EVP_PKEY *key);

/* The parts of freezing: call-backs for ALPN and for hellos, tickets. */
void foal__alpn_install(foal_ssl_ctx *ctx);
void foal__hello_install(foal_ssl_ctx *ctx);
foal_err foal__ticket_install(foal_ssl_ctx *ctx) FOAL_MUST;
void foal__sni_clear(foal_ssl_ctx *ctx);
void foal__ticket_clear(foal_ssl_ctx *ctx);
void foal__session_install(foal_ssl_ctx *ctx);

/* Which context serves the name; NULL: none (the map and the own certificate do not have
 * it). */
const foal_ssl_ctx *foal__sni_find(const foal_ssl_ctx *ctx, const char *name);

/* The same by the policy for unknown names, "" being no name. NULL: the handshake has to
 * end. */
const foal_ssl_ctx *foal__sni_choose(const foal_ssl_ctx *ctx, const char *name);

/* Whether any two contexts under the map differ in what they want from clients. */
bool foal__sni_mixed(const foal_ssl_ctx *ctx);

/* How a server's SSL verifies its client under this context. */
void foal__ctx_apply_client_cert(const foal_ssl_ctx *ctx, SSL *tls);

#endif
