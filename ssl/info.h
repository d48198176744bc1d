/* info.h - facts about a session and its peer.
 *
 * All of these only look. Before the facts are known, and after foal_ssl_dispose, they
 * give nothing: NULL, 0, false or -1. Texts from the peer's certificate are escaped:
 * every byte outside printable ASCII, and every comma inside a name, is written as
 * \xx.                                                                                 */
#ifndef FOAL_SSL_INFO_H
#define FOAL_SSL_INFO_H

#include "policy.h"
#include "ssl.h"

/* What went through a session. */
typedef struct foal_ssl_counts {
  uint64_t plain_in;   /* decrypted bytes that were taken out */
  uint64_t plain_out;  /* bytes that were encrypted; the rest of the queue has not left */
  uint64_t cipher_in;  /* bytes received */
  uint64_t cipher_out; /* bytes handed out by foal_ssl_send */
} foal_ssl_counts;

/* Which secret is exported: RFC 5705 4. */
typedef struct foal_ssl_exporter {
  const char *label;
  const uint8_t *context; /* NULL: none */
  size_t context_len;     /* bytes */
} foal_ssl_exporter;

enum { FOAL_FINGERPRINT_BYTES = 32 };

/** What went wrong, for the log: which alert, which limit, what about the certificate.
 *  s       borrowed
 *  returns one line that lives as long as the session; "" when nothing failed
 *  runs    on a turn */
FOAL_API const char *foal_ssl_reason(const foal_ssl *s) FOAL_TURN;

/** The alert that ended the session, if this side sent one.
 *  s       borrowed
 *  returns its number; -1: none. close_notify does not count
 *  runs    on a turn
 *  source  RFC 8446 6 */
FOAL_API int foal_ssl_alert_sent(const foal_ssl *s) FOAL_TURN;

/** The alert that ended the session, if the peer sent one.
 *  s       borrowed
 *  returns its number; -1: none. close_notify does not count
 *  runs    on a turn
 *  source  RFC 8446 6 */
FOAL_API int foal_ssl_alert_received(const foal_ssl *s) FOAL_TURN;

/** The protocol version that was agreed.
 *  s       borrowed
 *  returns a foal_tls; 0: not yet
 *  runs    on a turn */
FOAL_API int foal_ssl_version(const foal_ssl *s) FOAL_TURN;

/** The cipher suite that was agreed, by its standard name.
 *  s       borrowed
 *  returns constant text; NULL: not yet
 *  runs    on a turn */
FOAL_API const char *foal_ssl_cipher(const foal_ssl *s) FOAL_TURN;

/** The name that the client asked for (SNI).
 *  s       borrowed
 *  returns text that lives as long as the session; NULL: none
 *  runs    on a turn */
FOAL_API const char *foal_ssl_server_name(const foal_ssl *s) FOAL_TURN;

/** Whether the session resumed an earlier one.
 *  s      borrowed
 *  runs   on a turn */
FOAL_API bool foal_ssl_resumed(const foal_ssl *s) FOAL_TURN;

/** What went through.
 *  s       borrowed
 *  returns the counts, kept beyond foal_ssl_dispose
 *  runs    on a turn */
FOAL_API foal_ssl_counts foal_ssl_bytes(const foal_ssl *s) FOAL_TURN;

/** Whether the peer sent a certificate, proved it, and it was verified and found good.
 *  s      borrowed
 *  runs   on a turn */
FOAL_API bool foal_ssl_peer_verified(const foal_ssl *s) FOAL_TURN;

/** Writes the subject of the peer's certificate.
 *  s       borrowed
 *  text    out, size bytes, always ended with NUL when size is not 0
 *  size    bytes
 *  returns the length of the whole text, as snprintf does; 0: there is no certificate
 *  runs    on a turn
 *  source  RFC 2253 */
FOAL_API size_t foal_ssl_peer_subject(const foal_ssl *s, char *text, size_t size)
    FOAL_TURN;

/** Writes the names of the peer's certificate: "DNS:a.example, IP:192.0.2.1, URI:...,
 *  ...".
 *  s       borrowed
 *  text    out, size bytes, always ended with NUL when size is not 0
 *  size    bytes
 *  returns the length of the whole text, as snprintf does; 0: there are none
 *  runs    on a turn
 *  source  RFC 5280 4.2.1.6 */
FOAL_API size_t foal_ssl_peer_names(const foal_ssl *s, char *text, size_t size) FOAL_TURN;

/** Whether the peer's certificate is for this name or address, by the rules for servers.
 *  s      borrowed
 *  host   borrowed text
 *  runs   on a turn */
FOAL_API bool foal_ssl_peer_matches(const foal_ssl *s, const char *host) FOAL_TURN;

/** The SHA-256 of the peer's certificate, for pinning.
 *  s      borrowed
 *  out    out, FOAL_FINGERPRINT_BYTES bytes
 *  runs   on a turn
 *  fails  false: there is no certificate */
FOAL_API bool foal_ssl_peer_fingerprint(const foal_ssl *s, uint8_t *out)
    FOAL_TURN FOAL_MUST;

/** The peer's certificate itself, for what the functions above do not tell.
 *  s      borrowed
 *  der    out-owned iso: the DER bytes of the leaf, as d2i_X509(3) takes them
 *  runs   on a turn
 *  fails  false: there is no certificate, or out of memory
 *  source RFC 5280 4.1 */
FOAL_API bool foal_ssl_peer_cert(const foal_ssl *s, foal_buf **der)
    FOAL_TURN FOAL_MAKES(*der);

/** Derives a secret that both sides share.
 *  s      borrowed
 *  what   borrowed: label and context
 *  out    out, len bytes
 *  len    bytes
 *  runs   on a turn
 *  fails  FOAL_BAD_STATE: not ready yet; FOAL_CRYPTO
 *  source RFC 5705, RFC 8446 7.5 */
FOAL_API foal_err foal_ssl_export(const foal_ssl *s, const foal_ssl_exporter *what,
                                  uint8_t *out, size_t len) FOAL_TURN FOAL_MUST;

#endif
