/* net_kit.h - what the tests of net/ share: a scripted protocol, and peers on raw
 * sockets.
 *
 * `point` is a protocol whose handlers a test replaces one by one; what happens to it is
 * noted in its plan. A peer is an ordinary blocking socket in a thread of its own, with
 * an OpenSSL session on memory BIOs if it speaks TLS, so a test decides what each segment
 * carries. Plans belong to one test; their counts are atomic, the rest is read after
 * kit_run. */
#ifndef NET_KIT_H
#define NET_KIT_H

#include "foal.h"
#include "foal_test.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

typedef struct point point;
FOAL_TAG(point)

typedef struct point_plan {
  void (*opened)(point *self);
  void (*received)(point *self, foal_buf **data); /* default: echo */
  void (*sendable)(point *self, size_t room);
  void (*ended)(point *self, foal_err why); /* default: close */
  void (*closed)(point *self, foal_err why);
  uint32_t last;          /* the listener closes after so many `closed` */
  foal_listener listener; /* of these connections, if they were accepted */
  /* what happened */
  atomic_uint opened_count, ended_count, stopping_count, closed_count, sendable_count;
  atomic_ullong received_bytes;
  foal_err why; /* of the last `closed` */
  char reason[160], peer[80];
} point_plan;

struct point {
  foal_conn *conn FOAL_REF;
  point_plan *plan;
  uint64_t sent, got; /* for the test */
  uint32_t step;
  bool done; /* `closed` came */
};

/* An assertion for handlers and peers, which may run on another thread than the test. */
#define must(cond) ((cond) ? (void)0 : kit_fail(__FILE__, __LINE__, #cond))
_Noreturn void kit_fail(const char *file, int line, const char *what);

/* A handler of a plan: reached through a pointer, which carries no attributes. */
#define HOOK FOAL_TRUSTED static void

FOAL_SEND1(point, poke, uint32_t, what)
extern void (*point_poked)(point *self, uint32_t what);
point_tag point_me(const point *self) FOAL_TURN;

/* ---- the runtime ---- */

/* Contexts made from one throw-away certificate for "localhost". */
extern foal_ssl_ctx *kit_server_ctx, *kit_client_ctx;

/* Starts the runtime and makes the contexts. */
void kit_start(uint32_t workers);
/* The limit of the next kit_listen; 0: the default. */
extern uint32_t kit_connections_max;
/* Listens on 127.0.0.1; options may be NULL. ctx NULL: plain. */
void kit_listen(point_plan *plan, foal_ssl_ctx *ctx, const foal_conn_options *options);
/* Connects to 127.0.0.1. */
point_tag kit_connect(point_plan *plan, uint16_t port, foal_ssl_ctx *ctx,
                      const foal_conn_options *options);
/* As point_listen and point_connect; the context must be a plan. */
foal_err kit_try_listen(const foal_listen_options *options, foal_listener *out);
bool kit_try_connect(const foal_connect_options *options, point_tag *out);
/* Runs to the end, joins the peers and checks that nothing is left. */
void kit_run(void);
/* A buffer of `len` bytes of the pattern at `offset`. */
void kit_pattern(foal_buf **out, uint64_t offset, size_t len) FOAL_GIVES(*out);
bool kit_is_pattern(const uint8_t *bytes, uint64_t offset, size_t len);
/* Writes pattern bytes while there is room, up to `total` in all. */
void kit_stream(point *self, uint64_t total) FOAL_TURN;

/* ---- peers ---- */

typedef struct peer {
  int fd;
  SSL *ssl; /* NULL: plain */
  uint8_t cipher[1 << 17];
  size_t cipher_len; /* encrypted, not sent */
} peer;

/* Runs fn in a thread of its own; it is joined by kit_run. */
void kit_peer(void (*fn)(uint16_t port), uint16_t port);

/* How much the system keeps for the next peer_open; 0: the default. */
extern int peer_receive_bytes;
void peer_open(peer *p, uint16_t port);
void peer_tls(peer *p, int version); /* handshake; 0: the best */
void peer_close(peer *p);
void peer_reset(peer *p);
void peer_fin(peer *p); /* ignored when the other side has reset */
/* Waits until a count of a plan has reached n. */
void peer_wait(atomic_uint *count, unsigned n);
void peer_pause(unsigned ms);
/* Waits until the library's bytes_out (or bytes_in) has stood still for a while. */
foal_counters peer_wait_still(void);
/* Puts plaintext, or close_notify, behind what is to be sent. */
void peer_say(peer *p, const void *bytes, size_t len);
void peer_notify(peer *p);
/* Sends what was said in one segment, or in pieces of `piece` bytes. */
void peer_send(peer *p, size_t piece);
/* Reads plaintext until there are `len` bytes, or the end; returns how many. */
size_t peer_read(peer *p, void *bytes, size_t len);
/* Reads to the end: 0 EOF (plain: FIN; TLS: close_notify), 1 FIN without close_notify, 2
 * reset. */
int peer_read_end(peer *p, size_t *bytes);

#endif
