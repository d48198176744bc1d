/* policy.h - the rules of a TLS context: versions, ciphers, ALPN, SNI, tickets, limits.
 *
 * Part of the context's set-up (ctx.h): all of these want an unfrozen context, leave it
 * as it was when they fail, and leave a line in foal_ssl_ctx_detail. Without any call the
 * defaults are those of Mozilla's intermediate profile without its DHE suites.         */
#ifndef FOAL_SSL_POLICY_H
#define FOAL_SSL_POLICY_H

#include "ctx.h"

/* Protocol versions. */
typedef enum foal_tls { FOAL_TLS_1_2 = 0x0303, FOAL_TLS_1_3 = 0x0304 } foal_tls;

/* What a server does with a name (SNI) that it does not know. */
typedef enum foal_sni_unknown {
  FOAL_SNI_UNKNOWN_AUTO, /* reject when there are two names or more, else the default */
  FOAL_SNI_UNKNOWN_DEFAULT, /* go on with the context's own certificate */
  FOAL_SNI_UNKNOWN_REJECT   /* end the handshake with unrecognized_name */
} foal_sni_unknown;

enum {
  FOAL_ALPN_NAMES_MAX = 16,    /* names in one ALPN list */
  FOAL_SNI_NAMES_MAX = 4096,   /* names in one SNI map */
  FOAL_TICKETS_MAX = 8,        /* session tickets per handshake */
  FOAL_TICKET_KEYS_MAX = 8,    /* ticket keys in one context */
  FOAL_HANDSHAKE_BYTES = 65536 /* handshake input, unless set */
};

/* One key that encrypts session tickets. All hosts that share it resume each other's
 * sessions. Rotate: a new context with the new key first and the old ones behind it. */
typedef struct foal_ticket_key {
  uint8_t name[16];
  uint8_t mac[32];
  uint8_t cipher[32];
} foal_ticket_key;

/** Sets the range of protocol versions. 1.2 to 1.3 unless set.
 *  ctx    borrowed, unfrozen
 *  min    the lowest
 *  max    the highest, not below min
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_VERSION */
FOAL_API foal_err foal_ssl_ctx_versions(foal_ssl_ctx *ctx, foal_tls min, foal_tls max)
    FOAL_MUST;

/** The bounds of that range.
 *  ctx    borrowed
 *  runs   anywhere */
FOAL_API foal_tls foal_ssl_ctx_min_version(const foal_ssl_ctx *ctx);

/** See foal_ssl_ctx_min_version.
 *  ctx    borrowed
 *  runs   anywhere */
FOAL_API foal_tls foal_ssl_ctx_max_version(const foal_ssl_ctx *ctx);

/** Sets the cipher suites of TLS 1.2.
 *  ctx    borrowed, unfrozen
 *  list   borrowed text in OpenSSL's syntax
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_CIPHERS
 *  source ciphers(1) */
FOAL_API foal_err foal_ssl_ctx_ciphers(foal_ssl_ctx *ctx, const char *list) FOAL_MUST;

/** Sets the cipher suites of TLS 1.3.
 *  ctx    borrowed, unfrozen
 *  list   borrowed text: names with colons between
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_CIPHERS
 *  source SSL_CTX_set_ciphersuites(3) */
FOAL_API foal_err foal_ssl_ctx_suites(foal_ssl_ctx *ctx, const char *list) FOAL_MUST;

/** Sets the groups of the key exchange. X25519, P-256 and P-384 unless set.
 *  ctx    borrowed, unfrozen
 *  list   borrowed text: names with colons between
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_CIPHERS
 *  source SSL_CTX_set1_groups_list(3) */
FOAL_API foal_err foal_ssl_ctx_groups(foal_ssl_ctx *ctx, const char *list) FOAL_MUST;

/** Sets what servers speak, best first. The first that the client offers too is chosen;
 *  when there is none the handshake ends with no_application_protocol.
 *  ctx    borrowed, unfrozen
 *  names  borrowed array of count texts of 1 .. 255 bytes
 *  count  1 .. FOAL_ALPN_NAMES_MAX; 0: ALPN is not answered
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_ALPN, FOAL_NO_MEMORY
 *  source RFC 7301 3.2 */
FOAL_API foal_err foal_ssl_ctx_alpn_server(foal_ssl_ctx *ctx, const char *const *names,
                                           size_t count) FOAL_MUST;

/** Sets what clients offer, best first. A server that answers with another one is
 *  refused.
 *  ctx    borrowed, unfrozen
 *  names  borrowed array of count texts of 1 .. 255 bytes
 *  count  1 .. FOAL_ALPN_NAMES_MAX; 0: ALPN is not offered
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_ALPN, FOAL_NO_MEMORY
 *  source RFC 7301 3.1 */
FOAL_API foal_err foal_ssl_ctx_alpn_client(foal_ssl_ctx *ctx, const char *const *names,
                                           size_t count) FOAL_MUST;

/** Whether a peer that does not take part in ALPN is refused, with the alert
 *  no_application_protocol. Off unless set.
 *  ctx    borrowed, unfrozen
 *  on     true: refused
 *  runs   anywhere
 *  fails  FOAL_FROZEN */
FOAL_API foal_err foal_ssl_ctx_alpn_required(foal_ssl_ctx *ctx, bool on) FOAL_MUST;

/** Serves a name with another context: its certificates, trust, client-certificate rule,
 *  ciphers, suites, groups and, when it has a list, its ALPN; ALPN is required when
 *  either requires it. Versions, tickets and limits stay those of this one. A session is
 *  resumed only under the name that it was made for. When contexts under one map differ
 *  in what they want from clients, none gives tickets.
 *  ctx    borrowed, unfrozen
 *  name   borrowed text: "www.example.com", or "*.example.com" for one label of any text
 *  other  val, shared; frozen by this
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_NAME, FOAL_BAD_ARGUMENT (no certificate, or ctx itself),
 *         FOAL_FULL, FOAL_NO_MEMORY
 *  source RFC 6066 3 */
FOAL_API foal_err foal_ssl_ctx_sni(foal_ssl_ctx *ctx, const char *name,
                                   const foal_ssl_ctx *other) FOAL_MUST;

/** What happens with a name that is neither in the map nor in the context's certificate.
 *  A client that sends no name gets the context's own certificate.
 *  ctx    borrowed, unfrozen
 *  what   one of the enumerators
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_ARGUMENT
 *  source RFC 6066 3 */
FOAL_API foal_err foal_ssl_ctx_sni_unknown(foal_ssl_ctx *ctx, foal_sni_unknown what)
    FOAL_MUST;

/** How many session tickets a server gives per handshake. 1 unless set; 0 turns
 *  resumption off. There is never a session cache.
 *  ctx    borrowed, unfrozen
 *  count  0 .. FOAL_TICKETS_MAX
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_ARGUMENT */
FOAL_API foal_err foal_ssl_ctx_tickets(foal_ssl_ctx *ctx, unsigned count) FOAL_MUST;

/** Sets the keys of the tickets. Without, the context has a random one of its own.
 *  ctx    borrowed, unfrozen
 *  keys   borrowed array; the first encrypts, all decrypt, and an old one's ticket is
 *         renewed; one of TLS 1.3 is with each resumption
 *  count  1 .. FOAL_TICKET_KEYS_MAX
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_ARGUMENT, FOAL_NO_MEMORY
 *  source RFC 5077 4 */
FOAL_API foal_err foal_ssl_ctx_ticket_keys(foal_ssl_ctx *ctx, const foal_ticket_key *keys,
                                           size_t count) FOAL_MUST;

/** The same from a file: the keys one behind the other, each 80 random bytes in the
 *  order of foal_ticket_key. One key is what nginx's ssl_session_ticket_key reads, too.
 *  The file's bytes are wiped from memory after reading.
 *  ctx    borrowed, unfrozen
 *  path   borrowed text; not readable by others, as a key file (foal_ssl_ctx_use_cert)
 *  runs   anywhere; reads the file
 *  fails  FOAL_FROZEN, FOAL_FILE_UNREADABLE, FOAL_KEY_EXPOSED, FOAL_BAD_ARGUMENT (not 1
 *         .. FOAL_TICKET_KEYS_MAX whole keys), FOAL_NO_MEMORY
 *  source RFC 5077 4 */
FOAL_API foal_err foal_ssl_ctx_ticket_key_file(foal_ssl_ctx *ctx, const char *path)
    FOAL_MUST;

/** Appends the secrets of every session to a file, for protocol analysers. Whoever can
 *  read it can read everything: never in production. Where a name leads to another
 *  context (foal_ssl_ctx_sni), nothing is written unless that one has a key log, too.
 *  ctx    borrowed, unfrozen
 *  path   borrowed text; made with mode 0600
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_FILE_UNREADABLE
 *  source SSL_CTX_set_keylog_callback(3) */
FOAL_API foal_err foal_ssl_ctx_keylog(foal_ssl_ctx *ctx, const char *path) FOAL_MUST;

/** How many bytes of handshake a peer may send before it is ready.
 *  ctx    borrowed, unfrozen
 *  bytes  1024 .. 1048576; FOAL_HANDSHAKE_BYTES unless set
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_ARGUMENT */
FOAL_API foal_err foal_ssl_ctx_handshake_bytes(foal_ssl_ctx *ctx, size_t bytes) FOAL_MUST;

/** How many bytes of certificates a peer may send. 32 KiB unless set.
 *  ctx    borrowed, unfrozen
 *  bytes  1024 .. 1048576
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_ARGUMENT */
FOAL_API foal_err foal_ssl_ctx_cert_bytes(foal_ssl_ctx *ctx, size_t bytes) FOAL_MUST;

/** How many bytes of plaintext a session may queue. 64 KiB unless set.
 *  ctx    borrowed, unfrozen
 *  bytes  1 .. 16777216
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_ARGUMENT */
FOAL_API foal_err foal_ssl_ctx_write_bytes(foal_ssl_ctx *ctx, size_t bytes) FOAL_MUST;

#endif
