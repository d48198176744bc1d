/* load.h - the load generator's parts and what they share.
 *
 *   load.c       command line, opening the connections
 *   load_rate.c  closed and open loop, the measured window, its line
 *   load_hold.c  connections that are only kept, or that pause
 *   load_slow.c  clients that send a byte a second
 *   load_conn.c  a connection, TLS or plain: open, handshake, read, write, close
 *   load_tls.c   the client's TLS context and its BIO
 *   load_http.c  requests and answers
 *   load_echo.c  messages that must come back as they were sent
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

enum {
  LOAD_PIDS_MAX = 64,
  LOAD_HEAD_BYTES_MAX = 2048,
  LOAD_OCTAVES = 58,
  LOAD_STEPS = 128
};

typedef enum load_mode {
  LOAD_HTTP,      /* requests on connections that stay */
  LOAD_HANDSHAKE, /* connect, handshake, one request, close, again */
  LOAD_ECHO,      /* messages that come back, on connections that stay */
  LOAD_HOLD,      /* open connections and keep them until standard input ends */
  LOAD_PAUSE,     /* the first request after a pause, again and again */
} load_mode;

typedef enum load_held {
  LOAD_SILENT,  /* connected, not a byte sent */
  LOAD_IDLE,    /* one request answered */
  LOAD_STALLED, /* a request is sent, and nothing is ever read */
} load_held;

typedef enum load_state {
  LOAD_CLOSED,
  LOAD_HANDSHAKING,
  LOAD_OPEN,
  LOAD_KEPT,
} load_state;

typedef struct load_http {
  char head[LOAD_HEAD_BYTES_MAX];
  size_t head_len;
  uint64_t body_left;
  bool in_body;
} load_http;

/* The stream of an echo connection is one pattern, again and again. */
typedef struct load_echo {
  size_t sent_at, got_at; /* positions in the pattern */
  size_t part;            /* bytes of the message that is coming back */
  uint64_t *asked_ns;     /* of the messages on their way, oldest first, in a ring */
  uint32_t first, count;
} load_echo;

typedef struct load_conn {
  int fd;
  load_state state;
  SSL *ssl;             /* NULL: plain */
  SSL_SESSION *session; /* to be resumed */
  unsigned char *out;
  size_t out_len, out_done, out_capacity;
  uint64_t opened_ns, asked_ns;
  load_http http;
  load_echo echo;
  uint64_t asked_count; /* in an open loop: how many of its turns it has used */
  uint32_t owed;        /* in an open loop: turns that came while it was waiting */
  bool asked;           /* an answer is awaited */
  bool again;           /* on the list of those that have more to read */
  bool dry;             /* the last recv took all there was: the next edge will tell */
  bool ended;           /* the peer has sent all it will: no edge will come any more */
  bool slow;
} load_conn;

typedef struct load_options {
  load_mode mode;
  load_held held;
  uint32_t connections;
  uint32_t at_once;   /* handshakes in flight while opening */
  uint32_t active;    /* http: requests in flight, passed round; 0: one per connection */
  uint32_t in_flight; /* echo: messages on their way, per connection */
  uint32_t size;      /* echo: bytes of a message */
  uint32_t rate;      /* open loop: requests per second, 0: as fast as answered */
  uint32_t slow;      /* further connections, a byte a second each */
  uint32_t warm_ms, ms, windows;
  uint32_t pauses, pause_ms;
  uint16_t port;
  bool resume, plain;
  const char *path;
  pid_t pids[LOAD_PIDS_MAX]; /* whose CPU time is reported */
  uint32_t pid_count;
} load_options;

typedef struct load_counts {
  uint64_t answers, resumed, bytes;                    /* while measuring */
  uint64_t opened, settled, failed, lost, bad_answers; /* since the start */
  uint64_t slow_lost;
  char first_failure[160];
} load_counts;

/* How often a time was seen: so many steps in each power of two. */
typedef struct load_times {
  uint64_t total;
  uint32_t counts[LOAD_OCTAVES * LOAD_STEPS];
} load_times;

extern load_options load_opt;
extern load_counts load_count;
extern load_times load_latency; /* of the answers since it was cleared */
extern load_conn *load_conns;   /* those that are slow stand behind the others */
extern uint64_t load_now_ns;    /* as of the last epoll_wait or answer */
extern bool load_measuring;

/* ---- load_tls.c ---- */

void load_tls_set_up(void);

/* A session for the connection; it reads from the socket and writes into `out`. */
SSL *load_tls_open(load_conn *c);

/* Room for so many more bytes behind what waits to be sent. */
unsigned char *load_room(load_conn *c, size_t len);

/* recv into the buffer: its bytes; 0: the end, -1: nothing now, -2: broken. */
ssize_t load_receive(load_conn *c, void *bytes, size_t len);

/* ---- load_conn.c ---- */

void load_conn_set_up(void);

/* Connects; everything else happens in load_conn_poll. */
void load_conn_open(load_conn *c);

/* polite: with close_notify. The session stays resumable. */
void load_conn_close(load_conn *c, bool polite);

/* Counts a failure and closes. */
void load_conn_fail(load_conn *c, const char *what);

/* Puts into the output buffer; load_conn_flush sends it. */
void load_conn_write(load_conn *c, const void *bytes, size_t len);
void load_conn_flush(load_conn *c);

/* Waits at most timeout_ms for events and works through them. */
void load_conn_poll(int timeout_ms);

/* ---- load_http.c ---- */

/* Writes a request; at_ns is when it was due. */
void load_http_ask(load_conn *c, uint64_t at_ns);

/* Takes received bytes. false: the connection is not what it was. */
bool load_http_feed(load_conn *c, const unsigned char *bytes, size_t len);

/* ---- load_echo.c ---- */

void load_echo_set_up(void);
void load_echo_ask(load_conn *c, uint64_t at_ns);
bool load_echo_feed(load_conn *c, const unsigned char *bytes, size_t len);

/* ---- load.c ---- */

/* Opens all connections, a bounded number at a time, until each is open (or held). */
void load_open_all(void);

/* Ends the program when too many connections have failed. */
void load_check_failures(void);

/* The connection works. */
void load_opened(load_conn *c);

/* A complete answer is there. false: the connection was closed or opened anew. */
bool load_answered(load_conn *c);

/* ---- load_rate.c ---- */

/* Opens, warms up, measures; prints a line for each window. */
void load_measure(void);

/* The first question of a connection. */
void load_first(load_conn *c);

/* The connection has its answer: who asks next? */
void load_next(load_conn *c);

/* Counts an answer to what was asked (or due) at asked_ns. */
void load_answer_count(load_conn *c, uint64_t asked_ns);

/* ---- load_hold.c ---- */

void load_hold(void);
void load_pauses(void);

/* ---- load_slow.c ---- */

/* Lets the slow ones send what is due. */
void load_slow_drip(void);

/* ---- load_stat.c ---- */

uint64_t load_clock_ns(void);

/* Ends the program with one line. */
void load_die(const char *what) __attribute__((noreturn));

/* Times, about 1 % exact. */
void load_times_clear(load_times *t);
void load_times_add(load_times *t, uint64_t ns);
double load_times_us(const load_times *t, double percent);

/* CPU seconds: of the processes under measurement, of this one, of everybody. */
double load_cpu_servers(void);
double load_cpu_self(void);
double load_cpu_machine(void);

/* Bytes of heap, stacks and shared segments of the processes under measurement. */
double load_memory_servers(void);

#endif
