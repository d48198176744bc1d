/* protocol.h - what happens to a connection: its handlers, and where it comes from.
 *
 *    typedef struct echo {
 *      foal_conn *conn FOAL_REF;
 *    } echo;
 *    FOAL_TAG(echo)
 *    FOAL_PROTOCOL(echo)
 *    static void echo_on_opened(echo *self, foal_conn *conn) { self->conn = conn; }
 *    static void echo_on_received(echo *self, foal_buf **data)
 *    {
 *      foal_conn_write(self->conn, data);
 *    }
 *    static void echo_on_sendable(echo *self, size_t room) { ... }
 *    static void echo_on_ended(echo *self, foal_err why) { foal_conn_close(self->conn); }
 *    static void echo_on_closed(echo *self, foal_err why) { ... }
 *
 * Laws. `opened` comes at most once, after the TLS handshake (and once more when a plain
 * connection was turned into TLS by foal_conn_start_tls). `closed` comes exactly once and
 * last; without an `opened` before it the connection never worked. `ended` comes at most
 * once for the peer (FOAL_CLEAN: it has sent everything, FOAL_INCOMPLETE: less than
 * foal_conn_expect wanted; writing goes on as long as you like) and at most once for the
 * program (FOAL_STOPPED: finish what you are doing and close). `sendable` comes with at
 * least half of room_bytes. `closed` is also the place to empty what the state owns. What
 * was written before foal_conn_close is delivered before the end. A stream that breaks
 * off without close_notify is never clean: `closed` says FOAL_TRUNCATED. */
#ifndef FOAL_PROTOCOL_H
#define FOAL_PROTOCOL_H

#include "../runtime/actor.h"
#include "conn.h"

/* The handlers of a protocol; made by FOAL_PROTOCOL and its sisters. */
typedef struct foal_protocol {
  foal_type type;
  void (*opened)(void *self, foal_conn *conn);
  void (*received)(void *self, foal_buf **data);
  void (*sendable)(void *self, size_t room_bytes);
  void (*ended)(void *self, foal_err why);
  void (*closed)(void *self, foal_err why);
  void (*receipt)(void *self, uint64_t token, foal_err how); /* NULL: none are given */
} foal_protocol;

/* Where to connect to. Zero in optional fields: the default. */
typedef struct foal_connect_options {
  const char *host; /* name or address; copied */
  uint16_t port;
  foal_ssl_ctx *ctx;       /* val, borrowed, frozen and shared; NULL: plain TCP */
  const char *verify_name; /* name the certificate must carry, also sent as SNI; default:
                              host; copied */
  const foal_buf *session; /* iso, borrowed, copied: what foal_ssl_save gave, to resume;
                              NULL: none */
  const foal_ssl_ticket *ticket; /* val, borrowed, shared: what foal_ssl_keep gave; goes
                                    before a session; NULL: none */
  foal_conn_options conn;
} foal_connect_options;

/* Where to listen. Zero in optional fields: the default. */
typedef struct foal_listen_options {
  const char *host;  /* address, or a name (its look-up blocks); default "0.0.0.0" */
  uint16_t port;     /* 0: any free one */
  foal_ssl_ctx *ctx; /* val, borrowed, frozen and shared; NULL: plain TCP */
  uint32_t backlog;  /* default 4096, cut by the kernel */
  uint32_t connections_max; /* more wait in the backlog; default: open-file limit - 64 */
  foal_conn_options conn;
} foal_listen_options;

/* An open listener: a value. */
typedef struct foal_listener {
  foal_tag any;  /* to be watched, or told to end */
  uint16_t port; /* the real one */
} foal_listener;

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

/** Accepts with another context from now on: whoever connects after it has returned gets
 *  the new one. Running connections keep theirs. Whatever fails, the old context goes on
 *  serving. Build the new one first: its setters say what
 *  is wrong with which file.
 *  listener  value; a closed one is ignored; a plain one, too, with a line in the log
 *  ctx       val, borrowed; frozen by this and kept alive by the listener
 *  runs      anywhere
 *  fails     FOAL_BAD_STATE: it has no certificate to serve with; FOAL_NO_MEMORY;
 *            FOAL_CRYPTO: it cannot be frozen, foal_ssl_ctx_detail says why */
FOAL_API foal_err foal_listener_reload(foal_listener listener, foal_ssl_ctx *ctx)
    FOAL_MUST;

/* Used by FOAL_PROTOCOL and its sisters. */
FOAL_API void foal__conn_end(void *self);
FOAL_API foal_conn *foal__conn_self(void *self) FOAL_TURN;
FOAL_API void foal__conn_become(foal_conn *conn, const foal_protocol *protocol) FOAL_TURN;
FOAL_API foal_err foal__listen(const foal_protocol *protocol,
                               const foal_listen_options *options, foal_listener *out)
    FOAL_MUST;
FOAL_API bool foal__connect(const foal_protocol *protocol,
                            const foal_connect_options *options, foal_tag *out) FOAL_MUST;

/* The handlers P_on_... of actors of type T, and the table of them. */
#define FOAL_HANDLERS_(T, P, RECEIPT)                                                    \
  static void P##_on_opened(T *self, foal_conn *conn) FOAL_TURN;                         \
  static void P##_on_received(T *self, foal_buf **data) FOAL_TURN FOAL_TAKES(*data);     \
  static void P##_on_sendable(T *self, size_t room_bytes) FOAL_TURN;                     \
  static void P##_on_ended(T *self, foal_err why) FOAL_TURN;                             \
  static void P##_on_closed(T *self, foal_err why) FOAL_TURN;                            \
  FOAL_TRUSTED static void P##__opened(void *self_, foal_conn *conn_)                    \
  {                                                                                      \
    P##_on_opened((T *)self_, conn_);                                                    \
  }                                                                                      \
  FOAL_TRUSTED static void P##__received(void *self_, foal_buf **data_)                  \
  {                                                                                      \
    P##_on_received((T *)self_, data_);                                                  \
  }                                                                                      \
  FOAL_TRUSTED static void P##__sendable(void *self_, size_t room_bytes_)                \
  {                                                                                      \
    P##_on_sendable((T *)self_, room_bytes_);                                            \
  }                                                                                      \
  FOAL_TRUSTED static void P##__ended(void *self_, foal_err why_)                        \
  {                                                                                      \
    P##_on_ended((T *)self_, why_);                                                      \
  }                                                                                      \
  FOAL_TRUSTED static void P##__closed(void *self_, foal_err why_)                       \
  {                                                                                      \
    P##_on_closed((T *)self_, why_);                                                     \
  }                                                                                      \
  static const foal_protocol P##__protocol = {{#T, sizeof(T), foal__conn_end},           \
                                              P##__opened,                               \
                                              P##__received,                             \
                                              P##__sendable,                             \
                                              P##__ended,                                \
                                              P##__closed,                               \
                                              RECEIPT};                                  \
  FOAL_UNUSED static inline void P##_become(foal_conn *conn_) FOAL_TURN;                 \
  FOAL_UNUSED static inline void P##_become(foal_conn *conn_)                            \
  {                                                                                      \
    foal__conn_become(conn_, &P##__protocol);                                            \
  }

#define FOAL_RECEIPT_(T, P)                                                              \
  static void P##_on_receipt(T *self, uint64_t token, foal_err how) FOAL_TURN;           \
  FOAL_TRUSTED static void P##__receipt(void *self_, uint64_t token_, foal_err how_)     \
  {                                                                                      \
    P##_on_receipt((T *)self_, token_, how_);                                            \
  }

/* How actors of type T, whose first handlers are T's, come into being. */
#define FOAL_ENDPOINT_(T)                                                                \
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

/** Makes T a protocol: five handlers to be written (above), and
 *    foal_err T_listen(const foal_listen_options *, foal_listener *out)
 *        binds at once: errors are FOAL_ADDRESS_IN_USE, FOAL_ACCESS_DENIED, ... on any
 *        turn or between foal_start and foal_run. Every connection gets an actor of type
 *        T, zeroed.
 *    bool T_connect(const foal_connect_options *, T_tag *out)
 *        false: out of memory. Everything else arrives as `closed`. Where T_listen runs.
 *        Not wanted any more: foal_actor_tell_end(tag.any, why), and `closed` says why.
 *    T_tag T_self(const T *self)
 *    foal_conn *T_conn(T *self)
 *        the connection, in every handler, also in a `closed` without an `opened` before.
 *    void T_become(foal_conn *conn)
 *        these handlers again, after those of a FOAL_STAGE.
 *  T can have behaviours of its own beside (FOAL_BEHAVIOUR1 ...), so other actors can
 *  send to it.
 *  T   a complete struct type; FOAL_TAG(T) stands before */
#define FOAL_PROTOCOL(T)                                                                 \
  FOAL_HANDLERS_(T, T, NULL)                                                             \
  FOAL_ENDPOINT_(T)

/** As FOAL_PROTOCOL with a sixth handler,
 *    T_on_receipt(T *self, uint64_t token, foal_err how)
 *  which tells the fate of what was given to foal_conn_send. */
#define FOAL_PROTOCOL_RECEIPTS(T)                                                        \
  FOAL_RECEIPT_(T, T)                                                                    \
  FOAL_HANDLERS_(T, T, T##__receipt)                                                     \
  FOAL_ENDPOINT_(T)

/** Gives a protocol another set of handlers, P_on_opened(T *self, ...) and so on, for a
 *  later stage of its life: after a greeting, an upgrade, a login. P_become(conn) in a
 *  turn of the connection's actor puts them in the place of the present ones, from the
 *  next event on, also for what has arrived already; the state stays the same T (Pony's
 *  set_notify, an actor's `become`). A stage without receipts drops those that are still
 *  owed.
 *  T   the protocol; FOAL_PROTOCOL(T) stands before
 *  P   the stage, a name of its own */
#define FOAL_STAGE(T, P)          FOAL_HANDLERS_(T, P, NULL)

/** As FOAL_STAGE, with P_on_receipt(T *self, uint64_t token, foal_err how). */
#define FOAL_STAGE_RECEIPTS(T, P) FOAL_RECEIPT_(T, P) FOAL_HANDLERS_(T, P, P##__receipt)

#endif
