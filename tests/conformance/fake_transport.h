/* fake_transport.h - sockets that a test plays: no system, no thread, no real time.
 *
 * Stands in for the seams transport_uv, acceptor_uv, lookup_uv, poller_uv and
 * clock_posix, for one worker. Connects, reads and writes end when and how the test says.
 * Whenever the worker has nothing left to do, `fake_step` is called, outside any turn:
 * what it finds then is what everything before has led to. When it has nothing to do
 * either, time passes until the next timer; a program that would sleep for ever is
 * aborted, so nothing hangs. The socks are numbered as they were made, and stay to be
 * looked at after their end. */
#ifndef FAKE_TRANSPORT_H
#define FAKE_TRANSPORT_H

#include "net/impl/transport.h"
#include "runtime/bufq.h"

enum { FAKE_SOCKS_MAX = 1100, FAKE_SEGMENTS_MAX = 64 };

/* What the system does with a write. */
typedef enum fake_taking {
  FAKE_TAKES, /* all of it, at once */
  FAKE_HOLDS, /* nothing yet: fake_take and fake_fail_write decide */
  FAKE_FAILS  /* reports a reset at once */
} fake_taking;

struct foal__sock {
  foal__tcp *owner; /* NULL: nobody listens any more */
  foal__addr to;    /* connecting to, or the peer that was accepted */
  fake_taking taking;
  foal_slot write; /* in flight */
  size_t write_len, write_done;
  uint8_t *out; /* all that the system took */
  size_t out_len;
  struct {
    uint8_t *bytes;
    size_t len;
  } in[FAKE_SEGMENTS_MAX]; /* have arrived and are not read */
  unsigned in_first, in_count;
  uint32_t set[FOAL_CONN_SEND_BYTES + 1]; /* settings of the socket */
  foal__cause end;                        /* behind them; FOAL_OK: nothing yet */
  bool at_once; /* one pass reads all that has arrived, and the end */
  bool dialing, wanted, finished, reset, closing, gone;
};

/* Called when nothing else can happen; n: how often it has returned true. false: it has
 * nothing to do now. */
extern bool (*fake_step)(unsigned n);
/* Counts the steps from 0 again, for another run; the socks go on being numbered. */
void fake_restart(void);
/* Called before it, as long as it returns true: what answers by itself. */
extern bool (*fake_react)(void);

/* What the next socks do with their writes; later by their own field. */
extern fake_taking fake_taking_first;
/* What foal__sock_connect returns; FOAL_OK: it is on its way. */
extern foal__cause fake_connect_cause;
/* What foal__sock_set returns; what is not FOAL_OK changes nothing. */
extern foal__cause fake_set_cause;
/* What foal__transport_listen returns. */
extern foal__cause fake_listen_cause;
/* The addresses of any name: the last bytes of 192.0.2.x; ends with 0. */
extern uint8_t fake_addrs[FOAL__LOOKUP_ADDRS_MAX + 1];

/* The n-th sock; how many were made. */
foal__sock *fake(unsigned n);
unsigned fake_count(void);

/* Milliseconds of the clock since the program began. */
uint64_t fake_now_ms(void);
/* Lets time pass; timers that are due ring before the next step. */
void fake_pass(uint64_t ms);

/* Ends a connect; FOAL_OK: it works. */
void fake_connected(unsigned n, foal_err err);
/* One segment arrives; one read gives exactly it. Kept while the owner does not read. */
void fake_bytes(unsigned n, const void *bytes, size_t len);
/* Behind what has arrived: FIN (FOAL_CLEAN), or the connection breaks. */
void fake_end(unsigned n, foal_err err);
/* The system takes so many bytes of the write in flight; the last one ends it. Returns
 * how many it took. */
size_t fake_take(unsigned n, size_t bytes);
/* The write in flight fails. */
void fake_fail_write(unsigned n, foal_err err);
/* How many bytes of the write in flight are not taken. */
size_t fake_unwritten(unsigned n);
/* Whether the owner reads now. */
bool fake_reads(unsigned n);
/* A connection waits in the backlog. */
void fake_arrive(void);
/* How many wait there, and whether they are looked at. */
unsigned fake_backlog(void);
bool fake_watched(void);

#endif
