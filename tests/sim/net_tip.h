/* net_tip.h - one end of a connection that checks everything: `tip`, a protocol by plan.
 *
 * A tip sends a header with its number and then its part of the stream of that number; it
 * knows by the peer's header which stream it has to receive, and compares every byte. An
 * echoing tip sends back what it gets, so its peer receives its own stream. What happened
 * to a tip is in its log, which outlives it; the laws of conn.h are checked on every
 * event, what two ends must know of each other when the run is over (tip_check). Logs and
 * plans are plain memory: all fibers of a run are one thread. */
#ifndef FOAL_TESTS_SIM_NET_TIP_H
#define FOAL_TESTS_SIM_NET_TIP_H

#include "kit.h"

enum { TIP_LOGS_MAX = 1200, TIP_HEADER_BYTES = 12, TIP_DEADLINE_MS = 7200000 };

/* What a tip does when it has sent everything. */
typedef enum tip_then {
  TIP_FINISH, /* half-close; close when the peer has ended too */
  TIP_STAY,   /* nothing; close when the peer ends */
  TIP_CLOSE,  /* close although the peer may still be sending */
  TIP_ABORT
} tip_then;

/* Habits; a set of bits. */
enum {
  TIP_MUTES = 1,    /* mutes itself now and then, until a timer rings */
  TIP_EXPECTS = 2,  /* changes foal_conn_expect now and then */
  TIP_REKEYS = 4,   /* updates its keys now and then */
  TIP_PUSHES = 8,   /* writes beyond the room there is */
  TIP_DRIPS = 16,   /* pauses between writes */
  TIP_DROWSY = 32,  /* long pauses: many seconds, or minutes */
  TIP_PULLS = 64,   /* closes as soon as the peer ends, sent everything or not */
  TIP_DEAF = 128,   /* mutes itself in `opened` for ever */
  TIP_LEAVES = 256, /* leaves errors in OpenSSL's queue */
  TIP_LATE = 512,   /* closes when it has received as much as it sends: asks an echo */
  TIP_ANSWERS =
      2048, /* writes in `received`, and beyond the room; one of two ends at most */
  TIP_BLIND = 1024, /* takes any bytes: the peer is a stranger */
  TIP_HOARDS = 4096 /* expects very much at first, and later whatever is there */
};

typedef enum tip_event {
  TIP_NEVER,
  TIP_ON_OPENED,
  TIP_ON_RECEIVED,
  TIP_ON_SENDABLE,
  TIP_ON_ENDED,
  TIP_ON_RANG,
  TIP_EVENTS
} tip_event;

/* How a tip gives up early. */
typedef enum tip_quit {
  TIP_QUIT_CLOSE,
  TIP_QUIT_ABORT,
  TIP_QUIT_END,
  TIP_QUITS
} tip_quit;

typedef struct tip_log tip_log;

typedef struct tip_plan {
  foal_ssl_ctx *ctx;       /* borrowed; NULL: plain */
  const char *verify_name; /* of clients; NULL: the host */
  foal_conn_options conn;
  uint64_t send_bytes; /* behind the header */
  uint32_t chunk_max;  /* bytes of one write */
  uint32_t pause_ms;   /* the longest pause of TIP_DRIPS, TIP_MUTES; 0: 100 */
  uint32_t keep;       /* listeners: connections_max; 0: default */
  uint32_t habits;
  bool echo;
  tip_then then;
  tip_event quit_on;
  uint32_t quit_nth;
  tip_quit quit_how;
  /* May be NULL. */
  void (*opened)(tip_log *log, foal_conn *conn);
  void (*closed)(tip_log *log, foal_conn *conn);
} tip_plan;

struct tip_log {
  const tip_plan *plan;
  tip_log *partner; /* NULL: not known */
  uint32_t id;      /* from 1 */
  bool server;
  bool spoiled; /* forged bytes were seen; plain only */
  uint8_t header_len;
  uint8_t header[TIP_HEADER_BYTES];
  uint32_t stream; /* number of the stream it receives; 0: not known */
  uint64_t written, got;
  uint32_t events[TIP_EVENTS];
  uint32_t expect, rekeys; /* key updates since the last write */
  bool muted, held, blocked, ended, incomplete, stopping, closed;
  bool finish_called, close_called;
  bool quit, quit_now, leaving; /* gave up; by abort; by ending its actor */
  uint64_t opened_ms, closed_ms, dialed_ms;
  foal_err why;
  int alert_in, alert_out;
  bool failed_tls; /* the session had failed when it closed */
  char reason[96];
};

/* Forgets the logs of the run before; call it in `start`. */
void tip_begin(void);
uint32_t tip_count(void);
tip_log *tip_at(uint32_t i);

/* The plan must live as long as the run. Fail the run when the answer is not allowed;
 * false: there was no memory. */
bool tip_listen(const tip_plan *plan, foal_listener *out);
bool tip_dial(const tip_plan *plan, uint16_t port);

/* As tip_dial for several, from actors on all workers, up to `spread_ms` between two. */
void tip_forget_orders(void); /* done by tip_begin */
bool tip_dial_many(const tip_plan *plan, uint16_t port, uint32_t count,
                   uint32_t spread_ms);

/* A drawn plan: sizes, habits that bear any end; `bytes` is the most that is sent. */
void tip_draw(tip_plan *plan, uint32_t bytes);
/* Time-outs that no trouble of the network reaches. */
void tip_be_patient(tip_plan *plan);
/* The two sides of a drawn echo: contexts too when tls. */
void tip_draw_tls(tip_plan *client, tip_plan *server);

/* The laws between ends; for `check`. strict: without trouble everything arrives and all
 * ends are clean. */
void tip_check(bool strict);

/* For net_tip.c: two ends know each other by their headers; one hears the peer's end. */
void tip_meet(tip_log *a, tip_log *b);
void tip_check_end(const tip_log *log);

#endif
