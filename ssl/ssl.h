/* ssl.h - a TLS session without I/O: ciphertext in, plaintext out, and back.
 *
 * The session is ref: it lives in one actor and is used in its turns. It knows no socket.
 * The owner gives it what arrived (foal_ssl_receive), takes what it decrypted
 * (foal_ssl_read), gives it what is to be said (foal_ssl_write) and takes what is to be
 * sent (foal_ssl_send):
 *
 *    foal_ssl_receive(s, &cipher);
 *    while (foal_ssl_read(s, 0, &plain)) ...
 *    while (credit && foal_ssl_send(s, &cipher)) ...     and again when credit comes
 *
 * Reading can make something to send (an alert, the answer to a key update), so send
 * comes after read, also on a connection that only listens, and before a failed one is
 * closed: the alert still has to leave. Plaintext waits unencrypted until send has room
 * for it.
 *
 * Bounds: 64 KiB of handshake, 64 KiB and 32 key updates without a byte of application
 * data, 1 MiB or 4096 pieces of ciphertext that nobody reads, 64 KiB of plaintext that
 * nobody sends, 256 KiB of handshake output. Passing one that the peer controls ends the
 * session with FOAL_LIMIT. Facts about the session and its peer are in info.h.         */
#ifndef FOAL_SSL_SSL_H
#define FOAL_SSL_SSL_H

#include "../runtime/buf.h"
#include "../runtime/err.h"
#include "ctx.h"

typedef struct foal_ssl foal_ssl;               /* ref */
typedef struct foal_ssl_ticket foal_ssl_ticket; /* val */

typedef enum foal_ssl_status {
  FOAL_SSL_HANDSHAKE, /* not yet agreed */
  FOAL_SSL_READY,     /* both may speak */
  FOAL_SSL_AUTH_FAIL, /* this side refused the peer's credentials */
  FOAL_SSL_ERROR,     /* any other failure; foal_ssl_error says which */
  FOAL_SSL_CLOSING, /* the peer has finished (close_notify); this side may still write */
  FOAL_SSL_SHUT,    /* this side has finished; the peer may still write */
  FOAL_SSL_CLOSED,  /* both have finished */
  FOAL_SSL_DISPOSED /* foal_ssl_dispose was called */
} foal_ssl_status;

enum {
  FOAL_SSL_READ_MAX = FOAL_BUF_BYTES_MAX, /* the largest expect of foal_ssl_read */
  FOAL_SSL_CHUNK = 65536 /* bytes in a buffer of read(0) and send; the pool adds a few */
};

/** Makes the server's side. There is no OpenSSL object before the first byte arrives.
 *  ctx     val, borrowed; frozen by this and kept alive by the session
 *  returns owned; NULL: out of memory. A context that cannot serve shows as
 *          FOAL_SSL_ERROR
 *  runs    on a turn */
FOAL_API foal_ssl *foal_ssl_server(const foal_ssl_ctx *ctx) FOAL_TURN FOAL_MUST;

/** Makes the client's side. The first flight waits in foal_ssl_send.
 *  ctx     val, borrowed; frozen by this and kept alive by the session
 *  host    borrowed text: the name or address that the certificate must be for, also sent
 *          as SNI unless it is an address; a dot at its end is ignored. NULL or "": no
 *          name is checked and none is sent
 *  returns owned; NULL: out of memory. A bad host or a context that can never agree shows
 *          as FOAL_SSL_ERROR
 *  runs    on a turn
 *  source  RFC 6066 3, RFC 6125 6.4, SSL_set1_host(3) */
FOAL_API foal_ssl *foal_ssl_client(const foal_ssl_ctx *ctx, const char *host)
    FOAL_TURN FOAL_MUST;

/** The same, resuming an earlier session if the server still wants to.
 *  ctx      as foal_ssl_client
 *  host     as foal_ssl_client; the same as in the earlier session
 *  session  iso, borrowed: what foal_ssl_save gave. What cannot be parsed is ignored
 *  returns  as foal_ssl_client
 *  runs     on a turn */
FOAL_API foal_ssl *foal_ssl_client_resume(const foal_ssl_ctx *ctx, const char *host,
                                          const foal_buf *session)
    FOAL_TURN FOAL_READS(session) FOAL_MUST;

/** The same from a ticket that stayed in the process: cheaper, since nothing is decoded
 *  again, above all not the server's certificate.
 *  ctx      as foal_ssl_client
 *  host     as foal_ssl_client; the same as in the earlier session
 *  ticket   val, borrowed: what foal_ssl_keep gave. What does not fit (another host,
 *           other rules), or cannot be copied, is ignored: the handshake is a full one
 *  returns  as foal_ssl_client
 *  runs     on a turn */
FOAL_API foal_ssl *foal_ssl_client_again(const foal_ssl_ctx *ctx, const char *host,
                                         const foal_ssl_ticket *ticket)
    FOAL_TURN FOAL_MUST;

/** Ends the session, if it has not ended, and frees it.
 *  s      moved; *s is NULL on return; a NULL inside is ignored
 *  runs   on a turn */
FOAL_API void foal_ssl_free(foal_ssl **s) FOAL_TURN;

/* The eight functions of Pony's class SSL. */

/** The application protocol that was agreed.
 *  s       borrowed
 *  returns text that lives as long as the session; NULL: none, or not (or no longer)
 *          ready
 *  runs    on a turn
 *  source  RFC 7301 */
FOAL_API const char *foal_ssl_alpn_selected(const foal_ssl *s) FOAL_TURN;

/** What state the session is in.
 *  s      borrowed
 *  runs   on a turn */
FOAL_API foal_ssl_status foal_ssl_state(const foal_ssl *s) FOAL_TURN;

/** Takes decrypted bytes out, decrypting what is needed for it. Bytes that were decrypted
 *  before a failure or a close remain readable.
 *  s       borrowed
 *  expect  bytes, 1 .. FOAL_SSL_READ_MAX: exactly that many or nothing; what is left over
 *          or not enough stays for the next call, whatever it expects. 0: all there is,
 *          in buffers of up to FOAL_SSL_CHUNK bytes, so call again until it gives nothing
 *  plain   out-owned iso, never empty
 *  runs    on a turn
 *  fails   false: not that many are there (or the session has ended: ask foal_ssl_state).
 *          An expect above the maximum ends the session with FOAL_LIMIT */
FOAL_API bool foal_ssl_read(foal_ssl *s, size_t expect, foal_buf **plain)
    FOAL_TURN FOAL_MAKES(*plain);

/** Queues plaintext. It is encrypted when foal_ssl_send has room; small writes are
 *  gathered into full records. An empty buffer does nothing.
 *  s      borrowed
 *  plain  iso, moved, also on failure; *plain is NULL on return
 *  runs   on a turn
 *  fails  FOAL_BAD_STATE: not ready, or this side has finished; FOAL_FULL: there was no
 *         foal_ssl_write_room. The bytes are dropped. A disposed session drops them and
 *         says FOAL_OK */
FOAL_API foal_err foal_ssl_write(foal_ssl *s, foal_buf **plain)
    FOAL_TURN FOAL_TAKES(*plain) FOAL_MUST;

/** Gives it ciphertext that arrived. In the handshake this takes the next step.
 *  s       borrowed
 *  cipher  iso, moved; *cipher is NULL on return; may be empty
 *  runs    on a turn
 *  fails   no; see foal_ssl_state. After the end the bytes are dropped */
FOAL_API void foal_ssl_receive(foal_ssl *s, foal_buf **cipher)
    FOAL_TURN FOAL_TAKES(*cipher);

/** Whether foal_ssl_send would give something.
 *  s      borrowed
 *  runs   on a turn */
FOAL_API bool foal_ssl_can_send(const foal_ssl *s) FOAL_TURN;

/** Takes ciphertext that is to be sent: what the protocol has to say first, then as much
 *  of the queued plaintext as fits into one buffer, close_notify last. Call it only when
 *  there is credit, and until it gives nothing. After a failure it still gives the alert.
 *  s       borrowed
 *  cipher  out-owned iso of 1 .. FOAL_SSL_CHUNK bytes, and the frames of their records
 *  runs    on a turn
 *  fails   false: there is nothing to send, or memory is exhausted (FOAL_SSL_ERROR) */
FOAL_API bool foal_ssl_send(foal_ssl *s, foal_buf **cipher) FOAL_TURN FOAL_MAKES(*cipher);

/** Ends the session at once and gives back what it holds, unread bytes too. Everything is
 *  inert afterwards. Twice is once.
 *  s      borrowed
 *  runs   on a turn */
FOAL_API void foal_ssl_dispose(foal_ssl *s) FOAL_TURN;

/* Beyond Pony's class. */

/** As foal_ssl_write, but legal during the handshake too: what is queued leaves, in
 *  order, as soon as the session is ready.
 *  s      borrowed
 *  plain  iso, moved, also on failure; *plain is NULL on return
 *  runs   on a turn
 *  fails  FOAL_BAD_STATE: this side has finished or failed; else as foal_ssl_write */
FOAL_API foal_err foal_ssl_queue(foal_ssl *s, foal_buf **plain)
    FOAL_TURN FOAL_TAKES(*plain) FOAL_MUST;

/** How much plaintext may still be queued. One buffer may pass the bound by its length.
 *  s       borrowed
 *  returns bytes; 0 when this side has finished or failed
 *  runs    on a turn */
FOAL_API size_t foal_ssl_write_room(const foal_ssl *s) FOAL_TURN;

/** How much plaintext waits to be encrypted.
 *  s       borrowed
 *  returns bytes
 *  runs    on a turn */
FOAL_API size_t foal_ssl_queued_bytes(const foal_ssl *s) FOAL_TURN;

/** Encrypts full records out of the queued plaintext now, into the buffer that the next
 *  foal_ssl_send gives, and one that fills what is left of that. What remains is less
 *  than such a record, or does not fit. For owners that fill one large write with small
 *  pieces, go on with the next one, and want each piece's memory back at once; call it
 *  only when there is credit.
 *  s      borrowed
 *  runs   on a turn */
FOAL_API void foal_ssl_seal(foal_ssl *s) FOAL_TURN;

/** How much ciphertext waits to be taken by foal_ssl_send.
 *  s       borrowed
 *  returns bytes
 *  runs    on a turn */
FOAL_API size_t foal_ssl_sealed_bytes(const foal_ssl *s) FOAL_TURN;

/** Finishes this side: what is queued leaves first, close_notify last. The peer may go
 *  on; what it sends remains readable. In a handshake or after the end it does nothing.
 *  s      borrowed
 *  runs   on a turn
 *  source RFC 8446 6.1 */
FOAL_API void foal_ssl_close(foal_ssl *s) FOAL_TURN;

/** Tells it that the transport has ended. What was received stays readable. Without the
 *  peer's close_notify in it the session then ends with FOAL_TRUNCATED.
 *  s       borrowed
 *  returns FOAL_CLEAN: close_notify was seen; FOAL_TRUNCATED: it is missing; FOAL_OK: not
 *          known before the rest has been read; after a failure, its error
 *  runs    on a turn */
FOAL_API foal_err foal_ssl_receive_end(foal_ssl *s) FOAL_TURN;

/** Whether the peer's close_notify has been seen.
 *  s      borrowed
 *  runs   on a turn */
FOAL_API bool foal_ssl_end_seen(const foal_ssl *s) FOAL_TURN;

/** Why the session failed.
 *  s       borrowed
 *  returns FOAL_OK: it did not. Else FOAL_TLS_FAILED, FOAL_TLS_ALERT, FOAL_AUTH_FAILED,
 *          FOAL_TRUNCATED, FOAL_LIMIT, FOAL_BAD_NAME, FOAL_BAD_STATE (no certificate to
 *          serve with), FOAL_NO_MEMORY
 *  runs    on a turn */
FOAL_API foal_err foal_ssl_error(const foal_ssl *s) FOAL_TURN;

/** Makes new keys for what this side sends.
 *  s         borrowed
 *  ask_peer  whether the peer shall do the same
 *  runs      on a turn
 *  fails     FOAL_BAD_STATE: not ready, this side has finished, or TLS 1.2
 *  source    RFC 8446 4.6.3 */
FOAL_API foal_err foal_ssl_key_update(foal_ssl *s, bool ask_peer) FOAL_TURN FOAL_MUST;

/** Saves what a client needs to resume: a ticket and its secret. Keep it secret too.
 *  Under TLS 1.3 it is there once the server's ticket has been read.
 *  s       borrowed
 *  out     out-owned iso, marked secret
 *  runs    on a turn
 *  fails   false: nothing to resume yet, or out of memory
 *  source  RFC 8446 4.6.1 */
FOAL_API bool foal_ssl_save(const foal_ssl *s, foal_buf **out) FOAL_TURN FOAL_MAKES(*out);

/** Keeps the same as it is, for this process. Nothing changes it any more, and nothing
 *  that becomes of the session spoils it. Under TLS 1.3 each connection should resume
 *  with the ticket of the one before: who sees one twice knows it was the same client.
 *  s       borrowed
 *  returns owned; NULL: nothing to resume yet, or out of memory
 *  runs    on a turn
 *  source  RFC 8446 4.6.1, C.4 */
FOAL_API foal_ssl_ticket *foal_ssl_keep(const foal_ssl *s) FOAL_TURN FOAL_MUST;

/** Makes one more handle.
 *  ticket  val, borrowed
 *  returns owned, the same ticket
 *  runs    anywhere */
FOAL_API foal_ssl_ticket *foal_ssl_ticket_share(const foal_ssl_ticket *ticket) FOAL_MUST;

/** Gives one handle up; the last one wipes and frees the secret.
 *  ticket  moved; *ticket is NULL on return; a NULL inside is ignored
 *  runs    anywhere */
FOAL_API void foal_ssl_ticket_drop(foal_ssl_ticket **ticket);

/** How many sessions exist in this process. For leak checks and metrics.
 *  runs   anywhere */
FOAL_API size_t foal_ssl_live_count(void);

#endif
