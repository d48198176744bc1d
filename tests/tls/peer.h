/* peer.h - what peer_server and peer_client share: a TLS context made of words as they
 * stand on a command line, and what is known of a session, as text.
 *
 * The words, in any order: --cert CHAIN KEY, --cert-pem CHAIN KEY (through memory),
 * --trust F, --trust-pem F, --trust-dir DIR, --trust-system, --depth N, --crl F,
 * --client-cert W, --versions MIN MAX, --ciphers L, --suites L, --groups L, --alpn NAME,
 * --alpn-required, --tickets N, --ticket-keys F, --keylog F, --unknown W, --no-verify,
 * --export LABEL LEN; what stands behind --name NAME is for the context that serves this
 * name. Tests only.                                                                    */
#ifndef FOAL_TESTS_TLS_PEER_H
#define FOAL_TESTS_TLS_PEER_H

#include <foal.h>

enum { PEER_FACTS_BYTES = 4096, PEER_EXPORT_BYTES_MAX = 64, PEER_WORDS_MAX = 64 };

/* What the words ask for. */
typedef struct peer_plan {
  foal_ssl_ctx *ctx;
  const char *export_label; /* points into the words; NULL: nothing is exported */
  size_t export_len;        /* bytes */
} peer_plan;

/* Makes the plan; false: `why` says what is wrong, and nothing was made. */
bool peer_plan_make(peer_plan *plan, char *const *words, char *why, size_t size);

/* One line each: version, cipher, alpn, sni, resumed, verified, subject, names,
 * fingerprint, export; what there is none of is "-". Returns the length. */
size_t peer_facts(const foal_ssl *s, const peer_plan *plan, char *text) FOAL_TURN;

#endif
