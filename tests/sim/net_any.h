/* net_any.h - one end of a connection that calls anything at any time: what it knows.
 *
 * net_any.c has its handlers, net_any_do.c what it does, net_any_check.c what must hold.
 * A log belongs to one end and outlives it; plans and logs are plain memory, as all
 * fibers of a run are one thread. What the connection itself says (its phase, what is
 * queued) is looked at through the private head, never changed: only so is it known
 * whether a call came too late to have an effect. */
#ifndef FOAL_TESTS_SIM_NET_ANY_H
#define FOAL_TESTS_SIM_NET_ANY_H

#include "kit.h"
#include "net/impl/conn_state.h"

enum { ANY_LOGS_MAX = 32, ANY_PATIENCE_MS = 7200000 };

/* Which set of handlers. The last one has none for receipts. */
typedef enum any_manner { ANY_WILD, ANY_TAME, ANY_DEAF, ANY_MANNERS } any_manner;

typedef enum any_stage { ANY_NEW, ANY_PLAIN, ANY_SHAKING, ANY_SECURE } any_stage;

/* Both ends of all connections of a run. */
typedef struct any_plan {
  bool tls, upgrades;
  bool rash;         /* turns to TLS at any moment, not only when both are ready */
  bool bold[2];      /* client, server: writes in `received`, and without room */
  bool short_linger; /* does not wait for what a closing peer still sends */
  bool impatient;    /* finishes without waiting for room */
  bool idles;        /* short idle time-outs */
  bool floods;       /* very many empty pieces */
  uint32_t close_in, quit_in; /* one act of so many ends it; 0: none */
  uint32_t acts_max;          /* in one event */
  uint32_t write_bytes_max, total_bytes_max;
  uint64_t deal_bytes[2]; /* that each end sends in plain before an upgrade */
  bool drains, drained;   /* asks the program to end; has */
  foal_err told;          /* an end was told to end, for this reason */
  uint64_t drain_ms;      /* when the first heard that the program ends; 0: not yet */
  foal_conn_options conn;
} any_plan;

typedef struct any_log any_log;
struct any_log {
  any_log *partner; /* NULL: not known */
  uint32_t id;      /* from 0 */
  bool server;
  /* What it has heard. */
  any_stage stage;
  bool ended, stopping, closed, garbage;
  foal_err why;
  uint64_t got[2]; /* plain, secure */
  uint64_t given, failed;
  uint32_t events;
  /* What it has done. */
  bool finished, shut, early, aborted, left, limited, idled, upgraded, settled;
  bool muted, blocked, held;
  any_manner manner;
  foal_err abort_why, left_why;
  size_t expect;
  uint64_t written[2], accepted;
  uint32_t rekeys; /* since the last write */
  uint64_t opened_ms, due_ms, due_got;
  uint64_t muted_ms;  /* since when; 0: it is not */
  size_t muted_bytes; /* that had come in some time later */
  char local[FOAL_ADDR_TEXT_BYTES], peer[FOAL_ADDR_TEXT_BYTES];
};

extern any_plan any_now;

void any_begin(void);
uint32_t any_count(void);
any_log *any_at(uint32_t i);
/* A new log; NULL: there are too many. */
any_log *any_log_new(bool server);
/* The other end, if it is known by now. */
any_log *any_partner(any_log *log);

static inline bool any_secure(const any_log *log)
{
  return log->stage == ANY_SECURE;
}

/* Whether writing has an effect. */
static inline bool any_open(const foal_conn *conn)
{
  return conn->phase == FOAL__CONN_OPEN && !conn->finish;
}

/* net_any_do.c: one drawn call of conn.h, and some that the handlers need by name. */
void any_act(any_log *log, foal_conn *conn, bool receiving) FOAL_TURN;
void any_finish(any_log *log, foal_conn *conn) FOAL_TURN;
void any_close(any_log *log, foal_conn *conn) FOAL_TURN;
void any_abort(any_log *log, foal_conn *conn) FOAL_TURN;
void any_leave(any_log *log, foal_conn *conn) FOAL_TURN;
void any_unmute(any_log *log, foal_conn *conn) FOAL_TURN;
void any_expect(any_log *log, foal_conn *conn, size_t bytes) FOAL_TURN;
/* Goes over to TLS where both ends have agreed on it. */
void any_deal(any_log *log, foal_conn *conn) FOAL_TURN;
/* Everything, when it can have no effect any more. */
void any_in_vain(any_log *log, foal_conn *conn) FOAL_TURN;

/* net_any_check.c: what holds in every event, what comes, and when all is over. */
void any_check_event(any_log *log, const foal_conn *conn) FOAL_TURN;
void any_check_bytes(any_log *log, const uint8_t *bytes, size_t len);
void any_check_ended(any_log *log, foal_err why);
void any_check_opened(any_log *log, foal_conn *conn) FOAL_TURN;
void any_check_all(void);

#endif
