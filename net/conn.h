/* conn.h - a connection: plain or TLS, client or server, the same. What a protocol can do
 * with it; what happens to a protocol is in protocol.h.
 *
 * All of it may be called in any handler and behaviour of the connection's actor. No
 * handler is called from inside: what follows comes later.
 *
 * Backpressure. Writing is always accepted; foal_conn_room says how much still should be.
 * When a write leaves no room, one `sendable` follows as soon as there is room again. If
 * it was made in `received`, or the queue grows by 192 KiB more, nothing is read from the
 * peer until then (other writes do not stop reading: two sides that stream to each other
 * would block each other; a relay that mutes itself when it is 64 KiB ahead stays below
 * that). Who ignores all that is cut off at queue_bytes_max with FOAL_LIMIT. */
#ifndef FOAL_CONN_H
#define FOAL_CONN_H

#include "../runtime/buf.h"
#include "../runtime/err.h"
#include "../ssl/ctx.h"
#include "../ssl/ssl.h"

typedef struct foal_conn foal_conn; /* ref: lives in its actor */

enum {
  FOAL_RECEIPTS_MAX = 4096, /* receipts that one connection can owe */
  FOAL_ADDR_TEXT_BYTES = 72 /* bytes of the text of an address and port, with its NUL */
};

/* Settings of a socket that can be changed while it works: foal_conn_set. */
typedef enum foal_conn_option {
  FOAL_CONN_NAGLE,         /* 0 or 1: gather small segments, RFC 896; off unless set */
  FOAL_CONN_KEEPALIVE_S,   /* seconds of silence until the peer is probed; 0: never */
  FOAL_CONN_RECEIVE_BYTES, /* the system's receive buffer, SO_RCVBUF */
  FOAL_CONN_SEND_BYTES     /* the system's send buffer, SO_SNDBUF */
} foal_conn_option;

/* What is the same for every connection of a listener or a client. Zero: the default. */
typedef struct foal_conn_options {
  const void *context; /* borrowed, must outlive foal_run; see foal_conn_context */
  /* Times, and the reasons they end a connection with. */
  uint32_t connect_ms;   /* look-up of the name and all attempts, FOAL_TIMEOUT_CONNECT;
                            default 30000 */
  uint32_t handshake_ms; /* from accept or connect to `opened`, FOAL_TIMEOUT_HANDSHAKE;
                            default 10000 */
  uint32_t idle_ms;      /* no byte in either direction, FOAL_TIMEOUT_IDLE; default 0:
                            never */
  uint32_t write_ms;     /* the peer takes nothing, FOAL_TIMEOUT_WRITE; default 30000 */
  uint32_t linger_ms;    /* at close: waiting for the peer's end; default 2000 */
  /* Amounts. */
  uint32_t linger_bytes;    /* of the peer, thrown away at close; default 65536 */
  uint32_t room_bytes;      /* plaintext queue that counts as full; default 32768 */
  uint32_t queue_bytes_max; /* plaintext queue that ends the connection with FOAL_LIMIT;
                               default 4 MiB */
  /* The socket. */
  uint32_t keepalive_s;   /* FOAL_CONN_KEEPALIVE_S; default 0: never */
  uint32_t receive_bytes; /* FOAL_CONN_RECEIVE_BYTES; default: the system's */
  uint32_t send_bytes;    /* FOAL_CONN_SEND_BYTES; default: the system's */
  bool nagle;             /* FOAL_CONN_NAGLE; default off */
} foal_conn_options;

/* What went through a connection, as the protocol sees it, plain and TLS together. */
typedef struct foal_conn_counts {
  uint64_t received; /* bytes given to `received` */
  uint64_t accepted; /* bytes taken by foal_conn_write and foal_conn_send */
  uint64_t
      waiting; /* bytes that have not left for the socket; with what TLS added to them */
} foal_conn_counts;

/** Takes the bytes to be sent, in order. Before `opened`, and after foal_conn_finish,
 *  foal_conn_close or the end, they are dropped; who has some earlier keeps them in a
 *  foal_bufq.
 *  conn   ref, borrowed
 *  data   iso, moved; *data is NULL on return
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_write(foal_conn *conn, foal_buf **data)
    FOAL_TURN FOAL_TAKES(*data);

/** As foal_conn_write, with an answer now and a receipt later: exactly one
 *  T_on_receipt(self, token, how) follows an accepted piece, in the order of sending and
 *  before `closed`. FOAL_OK: the operating system has taken its last byte, encrypted; any
 *  other reason: that is not known, and never will be. To send several buffers as one
 *  piece, write all but the last.
 *  conn   ref, borrowed; its handlers are those of FOAL_PROTOCOL_RECEIPTS
 *  data   iso, moved, also on failure; *data is NULL on return; may be empty
 *  token  any number; handed back by the receipt
 *  runs   on a turn of the connection's actor
 *  fails  FOAL_BAD_STATE: not open (yet, or any more), or finished; FOAL_FULL: the queue
 *         would pass queue_bytes_max, or FOAL_RECEIPTS_MAX receipts are owed;
 *         FOAL_NO_MEMORY. The bytes are dropped, no receipt follows, nothing else changes
 *  source lori's send: accepted at once, then exactly one of sent and failed */
FOAL_API foal_err foal_conn_send(foal_conn *conn, foal_buf **data, uint64_t token)
    FOAL_TURN FOAL_TAKES(*data) FOAL_MUST;

/** How many bytes should still be written now; 0: wait for `sendable`, which follows.
 *  conn   ref, borrowed
 *  runs   on a turn of the connection's actor */
FOAL_API size_t foal_conn_room(foal_conn *conn) FOAL_TURN;

/** Ends the sending side only: what was written goes out, then close_notify and FIN.
 *  While the connection is not open it does nothing. The peer can still send; when it has
 *  ended too, the connection closes by itself. Half-close as in RFC 8446 section 6.1.
 *  conn   ref, borrowed
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_finish(foal_conn *conn) FOAL_TURN;

/** Closes gracefully: what was written goes out, then close_notify and FIN; the peer's
 *  rest is thrown away for linger_ms. Nothing is delivered any more but receipts and
 *  `closed`. A second call does nothing.
 *  conn   ref, borrowed
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_close(foal_conn *conn) FOAL_TURN;

/** Closes at once with a reset; what is queued is lost. `closed` says why.
 *  conn   ref, borrowed
 *  why    any reason but FOAL_OK; FOAL_LOCAL when there is no better one. A reason that
 *         was known before counts instead
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_abort(foal_conn *conn, foal_err why) FOAL_TURN;

/** Stops `received` exactly here, also for bytes that are decrypted already, and in
 *  `opened` before the first. `ended` waits behind them. While muted the socket is not
 *  read, beyond what one pass had read already.
 *  conn   ref, borrowed
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_mute(foal_conn *conn) FOAL_TURN;

/** Lets `received` go on, first with what was held back.
 *  conn   ref, borrowed
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_unmute(foal_conn *conn) FOAL_TURN;

/** From the next `received` on each carries exactly this many bytes; 0: as they come.
 *  When the peer ends with fewer they are dropped, and `ended` says FOAL_INCOMPLETE.
 *  conn   ref, borrowed
 *  bytes  0 .. 65536; more, perhaps a length that the peer has sent, ends the connection
 *         with FOAL_LIMIT
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_expect(foal_conn *conn, size_t bytes) FOAL_TURN;

/** Ends this turn's deliveries with the present `received`: what else has arrived is
 *  delivered in a later turn, after other actors had theirs. Outside `received` it puts
 *  off the next delivery in the same way.
 *  conn   ref, borrowed
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_yield(foal_conn *conn) FOAL_TURN;

/** Turns a plain connection into TLS (STARTTLS). What was written before leaves first, in
 *  plain; then the handshake runs, and `opened` is called once more. All of it has
 *  handshake_ms. A failure ends the connection: `closed` says why. Until `opened` nothing
 *  can be written or finished. The side that connected is the TLS client.
 *  conn   ref, borrowed
 *  ctx    val, borrowed; frozen by this and kept alive by the connection
 *  name   borrowed text: the name the server's certificate must carry; NULL: the
 *         verify_name or host that was connected to. Ignored on the accepting side
 *  runs   on a turn of the connection's actor
 *  fails  FOAL_EARLY_BYTES: bytes have arrived that nobody has read: what a third person
 *         put in front of the handshake must never be taken for the peer's (as in
 *         CVE-2021-23222). The same goes for bytes behind the command in the buffer that
 *         `received` gave: refuse them. FOAL_BAD_STATE: TLS already, not open, muted,
 *         finished, or a context that cannot serve; FOAL_BAD_NAME; FOAL_NO_MEMORY. The
 *         connection is as it was
 *  source RFC 3207 6, RFC 2595 */
FOAL_API foal_err foal_conn_start_tls(foal_conn *conn, foal_ssl_ctx *ctx,
                                      const char *name) FOAL_TURN FOAL_MUST;

/** Changes a setting of the socket. The actor that owns the socket does it, in order with
 *  what was written; what the system refuses is logged.
 *  conn    ref, borrowed
 *  option  one of the enumerators
 *  value   as the enumerator says
 *  runs    on a turn of the connection's actor
 *  fails   FOAL_BAD_STATE: not open; FOAL_BAD_ARGUMENT: no such option, or a value that
 *          no system takes (above 32767 s, above 2^30 bytes, 0 bytes)
 *  source  tcp(7), socket(7) */
FOAL_API foal_err foal_conn_set(foal_conn *conn, foal_conn_option option, uint32_t value)
    FOAL_TURN FOAL_MUST;

/** Changes the idle timeout from now on.
 *  conn     ref, borrowed
 *  idle_ms  milliseconds; 0: never
 *  runs     on a turn of the connection's actor */
FOAL_API void foal_conn_idle(foal_conn *conn, uint32_t idle_ms) FOAL_TURN;

/** The context pointer of the options this connection was made with.
 *  conn   ref, borrowed
 *  returns borrowed, read only, the same for all workers
 *  runs   on a turn of the connection's actor */
FOAL_API const void *foal_conn_context(const foal_conn *conn) FOAL_TURN;

/** The TLS session, to be asked (peer, version, cipher, ALPN, ...), not to be driven.
 *  conn   ref, borrowed
 *  returns ref, borrowed; NULL on a plain connection
 *  runs   on a turn of the connection's actor */
FOAL_API foal_ssl *foal_conn_ssl(foal_conn *conn) FOAL_TURN;

/** Sends a TLS 1.3 KeyUpdate in order with what was written (RFC 8446 section 4.6.3).
 *  Peers bear few without data between, those of Foal 32.
 *  conn   ref, borrowed
 *  runs   on a turn of the connection's actor
 *  fails  FOAL_BAD_STATE: plain, TLS 1.2, or not open */
FOAL_API foal_err foal_conn_key_update(foal_conn *conn) FOAL_TURN FOAL_MUST;

/** The peer's address as text, "192.0.2.1:443" or "[2001:db8::1]:443".
 *  conn   ref, borrowed
 *  returns borrowed, valid as long as conn; "" when unknown
 *  runs   on a turn of the connection's actor */
FOAL_API const char *foal_conn_peer(const foal_conn *conn) FOAL_TURN;

/** This side's address as text, in the form of foal_conn_peer.
 *  conn   ref, borrowed
 *  text   filled and ended by a 0; "" when unknown
 *  size   bytes of it; FOAL_ADDR_TEXT_BYTES are always enough, less cuts the text
 *  returns the length of the whole text
 *  runs   on a turn of the connection's actor */
FOAL_API size_t foal_conn_local(const foal_conn *conn, char *text, size_t size) FOAL_TURN;

/** How much went through the connection. What TLS adds is in foal_ssl_bytes.
 *  conn   ref, borrowed
 *  runs   on a turn of the connection's actor */
FOAL_API foal_conn_counts foal_conn_bytes(const foal_conn *conn) FOAL_TURN;

/** Details of the reason in `closed`: which alert, which certificate, which error. Valid
 *  in the handler of `closed`.
 *  conn   ref, borrowed
 *  returns borrowed; "" when there is nothing to add
 *  runs   on a turn of the connection's actor */
FOAL_API const char *foal_conn_reason(const foal_conn *conn) FOAL_TURN;

#endif
