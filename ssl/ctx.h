/* ctx.h - the TLS context: certificates, trust and rules for any number of sessions.
 *
 * Mutable while one owner sets it up; frozen by the first session, by the first share or
 * by foal_ssl_ctx_freeze. Frozen it is a val: immutable, shared between actors and
 * threads, counted. Every session keeps its context alive. To change a running server,
 * build a new context and give it to the listener; the old one ends with its last
 * session.
 *
 * A setter that fails leaves the context as it was, and foal_ssl_ctx_detail says what was
 * wrong, with which file, and what to do about it. The rules of the protocol (versions,
 * ciphers, ALPN, SNI, limits) are in policy.h.                                         */
#ifndef FOAL_SSL_CTX_H
#define FOAL_SSL_CTX_H

#include "../runtime/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct foal_ssl_ctx foal_ssl_ctx; /* val once frozen */

/* What a server wants from its clients. */
typedef enum foal_client_cert {
  FOAL_CLIENT_CERT_OFF,       /* not asked for */
  FOAL_CLIENT_CERT_OPTIONAL,  /* asked for; one that is not trusted ends the handshake */
  FOAL_CLIENT_CERT_REQUIRED,  /* no handshake without a trusted one */
  FOAL_CLIENT_CERT_UNVERIFIED /* asked for and not checked: pin it by its fingerprint */
} foal_client_cert;

/* Checks that can be relaxed; a set of bits. */
enum {
  FOAL_RELAX_KEY_MODE = 1,    /* accept a key file that others may read */
  FOAL_RELAX_CERT_EXPIRED = 2 /* accept a certificate outside its time of validity */
};

/** Makes a context with the secure defaults: TLS 1.2 and 1.3, forward-secret AEAD
 *  ciphers, servers verified, nothing trusted yet, no certificate yet.
 *  returns owned; NULL: out of memory, or an OpenSSL that is too old
 *  runs    anywhere */
FOAL_API foal_ssl_ctx *foal_ssl_ctx_new(void) FOAL_MUST;

/** Makes one more handle; freezes the context.
 *  ctx     val, borrowed
 *  returns owned, the same context; NULL: it cannot be frozen (foal_ssl_ctx_freeze says
 *          why)
 *  runs    anywhere, from any thread once frozen */
FOAL_API foal_ssl_ctx *foal_ssl_ctx_share(const foal_ssl_ctx *ctx) FOAL_MUST;

/** Gives one handle up; the last one, sessions included, frees the context and its keys.
 *  ctx    moved; *ctx is NULL on return; a NULL inside is ignored
 *  runs   anywhere */
FOAL_API void foal_ssl_ctx_drop(foal_ssl_ctx **ctx);

/** Freezes the context, so that it can be shared.
 *  ctx    borrowed
 *  runs   anywhere
 *  fails  FOAL_NO_MEMORY, FOAL_CRYPTO; stays unfrozen. Freezing twice is FOAL_OK */
FOAL_API foal_err foal_ssl_ctx_freeze(foal_ssl_ctx *ctx) FOAL_MUST;

/** Whether the context is frozen.
 *  ctx    borrowed
 *  runs   anywhere */
FOAL_API bool foal_ssl_ctx_frozen(const foal_ssl_ctx *ctx);

/** What was wrong at the last setter that failed: which file, what, what to do.
 *  ctx     borrowed
 *  returns one line; "" when nothing failed; dies with the next setter
 *  runs    anywhere */
FOAL_API const char *foal_ssl_ctx_detail(const foal_ssl_ctx *ctx);

/** Adds a certificate chain and its key from PEM files. One per key type: a second ECDSA
 *  one replaces the first, an RSA one is added; the client's abilities decide which is
 *  used.
 *  ctx         borrowed, unfrozen
 *  chain_path  borrowed text; leaf first, then intermediates
 *  key_path    borrowed text; may be the same file. The key must not be encrypted, and
 *              the file not readable by others (root's own files may be 0640)
 *  runs        anywhere; reads files
 *  fails       FOAL_FROZEN, FOAL_FILE_UNREADABLE, FOAL_KEY_EXPOSED, FOAL_BAD_PEM,
 *              FOAL_KEY_MISMATCH, FOAL_CERT_EXPIRED, FOAL_CRYPTO (too weak),
 *              FOAL_NO_MEMORY */
FOAL_API foal_err foal_ssl_ctx_use_cert(foal_ssl_ctx *ctx, const char *chain_path,
                                        const char *key_path) FOAL_MUST;

/** The same from memory.
 *  ctx        borrowed, unfrozen
 *  chain_pem  borrowed text
 *  key_pem    borrowed text; wipe yours afterwards
 *  runs       anywhere
 *  fails      as foal_ssl_ctx_use_cert, without the file errors */
FOAL_API foal_err foal_ssl_ctx_use_cert_pem(foal_ssl_ctx *ctx, const char *chain_pem,
                                            const char *key_pem) FOAL_MUST;

/** Makes a throw-away ECDSA P-256 certificate, for tests and first steps. Valid 30 days.
 *  ctx    borrowed, unfrozen
 *  host   borrowed text: a DNS name or an IP address; "localhost" adds 127.0.0.1 and ::1
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_NAME, FOAL_NO_MEMORY, FOAL_CRYPTO */
FOAL_API foal_err foal_ssl_ctx_self_signed(foal_ssl_ctx *ctx, const char *host) FOAL_MUST;

/** The certificate of foal_ssl_ctx_self_signed, to be trusted by a client.
 *  ctx     borrowed
 *  returns PEM text; NULL when none was made
 *  runs    anywhere */
FOAL_API const char *foal_ssl_ctx_self_signed_pem(const foal_ssl_ctx *ctx);

/** Relaxes checks of files and certificates that are loaded afterwards.
 *  ctx    borrowed, unfrozen
 *  what   FOAL_RELAX_ bits; replaces the earlier set
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_ARGUMENT */
FOAL_API foal_err foal_ssl_ctx_relax(foal_ssl_ctx *ctx, unsigned what) FOAL_MUST;

/** Whether servers can be made from it: it has a certificate.
 *  ctx    borrowed
 *  runs   anywhere */
FOAL_API bool foal_ssl_ctx_can_serve(const foal_ssl_ctx *ctx);

/** When the first of its certificates expires. Warn when it is less than 14 days away.
 *  ctx     borrowed
 *  returns seconds from now, negative when it has expired; INT64_MAX without a
 *          certificate
 *  runs    anywhere */
FOAL_API int64_t foal_ssl_ctx_expires_s(const foal_ssl_ctx *ctx);

/** Trusts the authorities of a PEM file. Nothing is trusted unless it is told to be.
 *  ctx    borrowed, unfrozen
 *  path   borrowed text
 *  runs   anywhere; reads the file
 *  fails  FOAL_FROZEN, FOAL_FILE_UNREADABLE, FOAL_BAD_PEM, FOAL_NO_MEMORY, FOAL_CRYPTO */
FOAL_API foal_err foal_ssl_ctx_trust_file(foal_ssl_ctx *ctx, const char *path) FOAL_MUST;

/** Trusts the authorities of a PEM text.
 *  ctx    borrowed, unfrozen
 *  pem    borrowed text
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_PEM, FOAL_NO_MEMORY, FOAL_CRYPTO */
FOAL_API foal_err foal_ssl_ctx_trust_pem(foal_ssl_ctx *ctx, const char *pem) FOAL_MUST;

/** Trusts a directory of hashed PEM files (openssl rehash). Files are read in handshakes.
 *  ctx    borrowed, unfrozen
 *  path   borrowed text
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_FILE_UNREADABLE, FOAL_NO_MEMORY, FOAL_CRYPTO
 *  source SSL_CTX_load_verify_dir(3) */
FOAL_API foal_err foal_ssl_ctx_trust_dir(foal_ssl_ctx *ctx, const char *path) FOAL_MUST;

/** Trusts what the system trusts.
 *  ctx    borrowed, unfrozen
 *  runs   anywhere; reads files
 *  fails  FOAL_FROZEN, FOAL_FILE_UNREADABLE (there is no such store), FOAL_CRYPTO
 *  source SSL_CTX_set_default_verify_paths(3) */
FOAL_API foal_err foal_ssl_ctx_trust_system(foal_ssl_ctx *ctx) FOAL_MUST;

/** Adds revocation lists and turns their check on, for the whole chain: from now on every
 *  authority in use needs a list.
 *  ctx    borrowed, unfrozen
 *  pem    borrowed text
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_PEM, FOAL_NO_MEMORY, FOAL_CRYPTO */
FOAL_API foal_err foal_ssl_ctx_crl_pem(foal_ssl_ctx *ctx, const char *pem) FOAL_MUST;

/** The same from a file.
 *  ctx    borrowed, unfrozen
 *  path   borrowed text
 *  runs   anywhere; reads the file
 *  fails  as foal_ssl_ctx_crl_pem, and FOAL_FILE_UNREADABLE */
FOAL_API foal_err foal_ssl_ctx_crl_file(foal_ssl_ctx *ctx, const char *path) FOAL_MUST;

/** Whether clients verify the server's chain and name. On unless turned off.
 *  ctx    borrowed, unfrozen
 *  on     false: anybody in the middle can pose as the server
 *  runs   anywhere
 *  fails  FOAL_FROZEN */
FOAL_API foal_err foal_ssl_ctx_verify_peer(foal_ssl_ctx *ctx, bool on) FOAL_MUST;

/** What servers want from their clients. Off unless set.
 *  ctx    borrowed, unfrozen
 *  want   one of the enumerators
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_ARGUMENT */
FOAL_API foal_err foal_ssl_ctx_client_cert(foal_ssl_ctx *ctx, foal_client_cert want)
    FOAL_MUST;

/** How many intermediates a chain may have. 4 unless set.
 *  ctx    borrowed, unfrozen
 *  depth  0 .. 100
 *  runs   anywhere
 *  fails  FOAL_FROZEN, FOAL_BAD_ARGUMENT */
FOAL_API foal_err foal_ssl_ctx_verify_depth(foal_ssl_ctx *ctx, unsigned depth) FOAL_MUST;

#endif
