/* load.h - the load generator's parts and what they share.
 *
 *   load.c       command line, the four modes, the report
 *   load_conn.c  a TLS connection: open, handshake, read, write, close
 *   load_http.c  requests and answers on it
 *   load_stat.c  latencies, CPU times
 *
 * One thread, edge-triggered epoll, one recv and one send per batch: the client must
 * cost less than the server, or it measures itself. */
#ifndef LOAD_H
#define LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { LOAD_PIDS_MAX = 64, LOAD_HEAD_BYTES_MAX = 2048 };

typedef enum load_mode {
  LOAD_HTTP,      /* requests on connections that stay */
  LOAD_HANDSHAKE, /* connect, handshake, one request, close, again */
  LOAD_HOLD,      /* open connections and keep them until standard input ends */
  LOAD_PAUSE,     /* the first request after a pause, again and again */
} load_mode;

typedef enum load_hold {
  LOAD_SILENT,  /* connected, not a byte sent */
  LOAD_IDLE,    /* one request answered */
  LOAD_STALLED, /* a request is sent, and nothing is ever read */
} load_hold;

typedef enum load_state {
  LOAD_CLOSED,
  LOAD_HANDSHAKING,
  LOAD_OPEN,
  LOAD_HELD
} load_state;

typedef struct load_conn {
  int fd;
  load_state state;
  SSL *ssl;
  SSL_SESSION *session; /* to be resumed */
  unsigned char *out;
  size_t out_len, out_done, out_capacity;
  uint64_t opened_ns, asked_ns;
  uint64_t body_left;
  char head[LOAD_HEAD_BYTES_MAX];
  size_t head_len;
  bool in_body;
  bool asked; /* an answer is awaited */
  bool again; /* on the list of those that have more to read */
} load_conn;

typedef struct load_options {
  load_mode mode;
  load_hold hold;
  uint32_t connections;
  uint32_t at_once; /* handshakes in flight while opening */
  uint32_t warm_ms, ms;
  uint32_t pauses, pause_ms;
  uint16_t port;
  bool resume;
  const char *path;
  pid_t pids[LOAD_PIDS_MAX]; /* whose CPU time is reported */
  uint32_t pid_count;
} load_options;

/* What is counted; the first block is set to zero when measuring begins. */
typedef struct load_counts {
  uint64_t answers, resumed, bytes;
  uint64_t opened, settled, failed, lost, bad_answers; /* since the start */
  char first_failure[160];
} load_counts;

extern load_options load_opt;
extern load_counts load_count;
extern load_conn *load_conns;
extern uint64_t load_now_ns; /* as of the last epoll_wait or answer */
extern bool load_measuring;

/* ---- load_conn.c ---- */

/* The client context and the epoll instance. */
void load_conn_set_up(void);

/* Connects; everything else happens in load_conn_poll. */
void load_conn_open(load_conn *c);

/* polite: with close_notify. The session stays resumable. */
void load_conn_close(load_conn *c, bool polite);

/* Counts a failure and closes. */
void load_conn_fail(load_conn *c, const char *what);

/* Encrypts into the output buffer; load_conn_flush sends it. */
void load_conn_write(load_conn *c, const void *bytes, size_t len);
void load_conn_flush(load_conn *c);

/* Waits at most timeout_ms for events and works through them. */
void load_conn_poll(int timeout_ms);

/* ---- load_http.c ---- */

/* Writes a request. */
void load_http_ask(load_conn *c);

/* Takes received bytes. false: the connection is not what it was. */
bool load_http_feed(load_conn *c, const unsigned char *bytes, size_t len);

/* ---- load.c ---- */

/* The handshake is over. */
void load_opened(load_conn *c);

/* A complete answer is there. false: the connection was closed or opened anew. */
bool load_answered(load_conn *c);

/* ---- load_stat.c ---- */

uint64_t load_clock_ns(void);

/* Ends the program with one line. */
void load_die(const char *what) __attribute__((noreturn));

/* Latencies, about 1 % exact. */
void load_latency_clear(void);
void load_latency_add(uint64_t ns);
double load_latency_us(double percent);

/* CPU seconds: of the processes under measurement, of this one, of everybody. */
double load_cpu_servers(void);
double load_cpu_self(void);
double load_cpu_machine(void);

#endif
