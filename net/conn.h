/* conn.h - a connection as the protocol sees it: plain or TLS, client or server, the
 * same.
 *
 *    typedef struct echo { foal_conn *conn FOAL_REF; } echo;
 *    FOAL_TAG(echo)
 *    FOAL_PROTOCOL(echo)
 *    static void echo_on_opened(echo *self, foal_conn *conn) { self->conn = conn; }
 *    static void echo_on_received(echo *self, foal_buf **data) {
 *    foal_conn_write(self->conn, data); } static void echo_on_sendable(echo *self, size_t
 *    room) {...} static void echo_on_ended(echo *self, foal_err why) {
 *    foal_conn_close(self->conn); } static void echo_on_closed(echo *self, foal_err why)
 *    {...}
 *
 * Laws. `opened` comes at most once, after the TLS handshake. `closed` comes exactly once
 * and last; without an `opened` before it the connection never worked. `ended` comes at
 * most once for the peer (FOAL_CLEAN: it has sent everything; writing goes on as long as
 * you like) and at most once for the program (FOAL_STOPPED: finish what you are doing and
 * close). What was written before foal_conn_close is delivered before the end. A stream
 * that breaks off without close_notify is never clean: `closed` says FOAL_TRUNCATED.
 *
 * Backpressure. Writing is always accepted; foal_conn_room says how much still should be.
 * When a write leaves no room, one `sendable` follows as soon as there is room again. If
 * it was made in `received`, or the queue grows by 192 KiB more, nothing is read from the
 * peer until then (other writes do not stop reading: two sides that stream to each other
 * would block each other; a relay that mutes itself when it is 64 KiB ahead stays below
 * that). Who ignores all that is cut off at queue_bytes_max with FOAL_LIMIT.
 */
#ifndef FOAL_CONN_H
#define FOAL_CONN_H

#include "../runtime/actor.h"
#include "../runtime/buf.h"
#include "../ssl/ctx.h"
#include "../ssl/ssl.h"

typedef struct foal_conn foal_conn; /* ref: lives in its actor */

/* The handlers of a protocol; made by FOAL_PROTOCOL. */
typedef struct foal_protocol {
  foal_type type;
  void (*opened)(void *self, foal_conn *conn);
  void (*received)(void *self, foal_buf **data);
  void (*sendable)(void *self, size_t room_bytes);
  void (*ended)(void *self, foal_err why);
  void (*closed)(void *self, foal_err why);
} foal_protocol;

/* What is the same for every connection of a listener or a client. Zero: the default. */
typedef struct foal_conn_options {
  const void *context;      /* borrowed, must outlive foal_run; see foal_conn_context */
  uint32_t connect_ms;      /* name look-up excluded; default 30000 */
  uint32_t handshake_ms;    /* from accept or connect to `opened`; default 10000 */
  uint32_t idle_ms;         /* no byte in either direction; default 0: never */
  uint32_t write_ms;        /* no progress in writing; default 30000 */
  uint32_t linger_ms;       /* waiting for the peer's end at close; default 2000 */
  uint32_t linger_bytes;    /* thrown away meanwhile; default 65536 */
  uint32_t room_bytes;      /* queue that counts as full; default 32768 */
  uint32_t queue_bytes_max; /* queue that ends the connection; default 4 MiB */
} foal_conn_options;

/* Where to connect to. Zero in optional fields: the default. */
typedef struct foal_connect_options {
  const char *host; /* name or address; copied */
  uint16_t port;
  foal_ssl_ctx *ctx;       /* val, shared; NULL: plain TCP */
  const char *verify_name; /* name the certificate must carry; default: host; copied */
  foal_conn_options conn;
} foal_connect_options;

/* Where to listen. Zero in optional fields: the default. */
typedef struct foal_listen_options {
  const char *host;         /* name or address; default "0.0.0.0"; copied */
  uint16_t port;            /* 0: any free one */
  foal_ssl_ctx *ctx;        /* val, shared; NULL: plain TCP */
  uint32_t backlog;         /* default 4096, cut by the kernel */
  uint32_t connections_max; /* more wait in the backlog; default: open-file limit - 64 */
  foal_conn_options conn;
} foal_listen_options;

/* An open listener: a value. */
typedef struct foal_listener {
  foal_tag any;
  uint16_t port; /* the real one */
} foal_listener;

/** Takes the bytes to be sent, in order. Accepted while the connection is open and
 *  foal_conn_finish or foal_conn_close was not called; otherwise they are dropped.
 *  conn   ref, borrowed
 *  data   iso, moved; *data is NULL on return
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_write(foal_conn *conn, foal_buf **data)
    FOAL_TURN FOAL_TAKES(*data);

/** How many bytes should still be written now; 0: wait for `sendable`, which follows.
 *  conn   ref, borrowed
 *  runs   on a turn of the connection's actor */
FOAL_API size_t foal_conn_room(foal_conn *conn) FOAL_TURN;

/** Ends the sending side only: what was written goes out, then close_notify and FIN. The
 *  peer can still send. Half-close as in RFC 8446 section 6.1.
 *  conn   ref, borrowed
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_finish(foal_conn *conn) FOAL_TURN;

/** Closes gracefully: what was written goes out, then close_notify and FIN; the peer's
 *  rest is thrown away for linger_ms. Nothing is delivered any more but `closed`. A
 *  second call does nothing.
 *  conn   ref, borrowed
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_close(foal_conn *conn) FOAL_TURN;

/** Closes at once with a reset; what is queued is lost. `closed` says why.
 *  conn   ref, borrowed
 *  why    FOAL_LOCAL, or a better reason
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_abort(foal_conn *conn, foal_err why) FOAL_TURN;

/** Stops `received` exactly here, also for bytes that are decrypted already. While muted
 *  the socket is not read, beyond what one pass had read already.
 *  conn   ref, borrowed
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_mute(foal_conn *conn) FOAL_TURN;

/** Lets `received` go on, first with what was held back.
 *  conn   ref, borrowed
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_unmute(foal_conn *conn) FOAL_TURN;

/** From now on every `received` carries exactly this many bytes; 0: as they come.
 *  conn   ref, borrowed
 *  bytes  0 .. 65536, else the program aborts
 *  runs   on a turn of the connection's actor */
FOAL_API void foal_conn_expect(foal_conn *conn, size_t bytes) FOAL_TURN;

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

/** Details of the reason in `closed`: which alert, which certificate, which error. Valid
 *  in the handler of `closed`.
 *  conn   ref, borrowed
 *  returns borrowed; "" when there is nothing to add
 *  runs   on a turn of the connection's actor */
FOAL_API const char *foal_conn_reason(const foal_conn *conn) FOAL_TURN;

/** Reads a port number: decimal digits, 0 to 65535, nothing else.
 *  text   borrowed; NULL is refused
 *  out    filled on success
 *  runs   anywhere
 *  fails  false: not such a number */
FOAL_API bool foal_port_from(const char *text, uint16_t *out) FOAL_MUST;

/** Closes a listener; its connections go on.
 *  listener  value; a closed one is ignored
 *  runs      anywhere */
FOAL_API void foal_listener_close(foal_listener listener);

/** Accepts with another context from now on; running connections keep theirs.
 *  listener  value
 *  ctx       val, shared by this call; the caller keeps its handle
 *  runs      anywhere */
FOAL_API void foal_listener_reload(foal_listener listener, foal_ssl_ctx *ctx);

/* Used by FOAL_PROTOCOL. */
FOAL_API void foal__conn_end(void *self);
FOAL_API foal_conn *foal__conn_self(void *self) FOAL_TURN;
FOAL_API foal_err foal__listen(const foal_protocol *protocol,
                               const foal_listen_options *options, foal_listener *out)
    FOAL_MUST;
FOAL_API bool foal__connect(const foal_protocol *protocol,
                            const foal_connect_options *options, foal_tag *out) FOAL_MUST;

/** Makes T a protocol: five handlers to be written (above), and
 *    foal_err T_listen(const foal_listen_options *, foal_listener *out)
 *        binds at once: errors are FOAL_ADDRESS_IN_USE, FOAL_ACCESS_DENIED, ... on any
 *        turn or between foal_start and foal_run. Every connection gets an actor of type
 *        T, zeroed.
 *    bool T_connect(const foal_connect_options *, T_tag *out)
 *        false: out of memory. Everything else arrives as `closed`.
 *    T_tag T_self(const T *self)
 *    foal_conn *T_conn(T *self)
 *        the connection, in every handler, also in a `closed` without an `opened` before.
 *  T can have behaviours of its own beside (FOAL_BEHAVIOUR1 ...), so other actors can
 *  send to it.
 *  T   a complete struct type; FOAL_TAG(T) stands before */
#define FOAL_PROTOCOL(T)                                                                 \
  static void T##_on_opened(T *self, foal_conn *conn) FOAL_TURN;                         \
  static void T##_on_received(T *self, foal_buf **data) FOAL_TURN FOAL_TAKES(*data);     \
  static void T##_on_sendable(T *self, size_t room_bytes) FOAL_TURN;                     \
  static void T##_on_ended(T *self, foal_err why) FOAL_TURN;                             \
  static void T##_on_closed(T *self, foal_err why) FOAL_TURN;                            \
  FOAL_TRUSTED static void T##__opened(void *self_, foal_conn *conn_)                    \
  {                                                                                      \
    T##_on_opened((T *)self_, conn_);                                                    \
  }                                                                                      \
  FOAL_TRUSTED static void T##__received(void *self_, foal_buf **data_)                  \
  {                                                                                      \
    T##_on_received((T *)self_, data_);                                                  \
  }                                                                                      \
  FOAL_TRUSTED static void T##__sendable(void *self_, size_t room_bytes_)                \
  {                                                                                      \
    T##_on_sendable((T *)self_, room_bytes_);                                            \
  }                                                                                      \
  FOAL_TRUSTED static void T##__ended(void *self_, foal_err why_)                        \
  {                                                                                      \
    T##_on_ended((T *)self_, why_);                                                      \
  }                                                                                      \
  FOAL_TRUSTED static void T##__closed(void *self_, foal_err why_)                       \
  {                                                                                      \
    T##_on_closed((T *)self_, why_);                                                     \
  }                                                                                      \
  static const foal_protocol T##__protocol = {{#T, sizeof(T), foal__conn_end},           \
                                              T##__opened,                               \
                                              T##__received,                             \
                                              T##__sendable,                             \
                                              T##__ended,                                \
                                              T##__closed};                              \
  FOAL_UNUSED FOAL_MUST static inline foal_err T##_listen(                               \
      const foal_listen_options *options_, foal_listener *out_)                          \
  {                                                                                      \
    return foal__listen(&T##__protocol, options_, out_);                                 \
  }                                                                                      \
  FOAL_UNUSED FOAL_MUST static inline bool T##_connect(                                  \
      const foal_connect_options *options_, T##_tag *out_)                               \
  {                                                                                      \
    return foal__connect(&T##__protocol, options_, &out_->any);                          \
  }                                                                                      \
  FOAL_UNUSED static inline foal_conn *T##_conn(T *self_) FOAL_TURN;                     \
  FOAL_UNUSED static inline foal_conn *T##_conn(T *self_)                                \
  {                                                                                      \
    return foal__conn_self(self_);                                                       \
  }                                                                                      \
  FOAL_SELF_(T)

#endif
