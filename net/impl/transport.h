/* transport.h - seam: the sockets below the actors of net/.
 *
 * Production: transport_uv.c, acceptor_uv.c and lookup_uv.c. A simulator links other
 * objects with the same symbols; nothing above this line knows libuv or a system call.
 *
 * A foal__sock, a foal__acceptor and a look-up belong to the worker they were made on.
 * Events are called on its thread, mostly under the poll (foal_loop) and then outside
 * any turn: they move data and post messages. After foal__sock_close no event comes
 * but foal__tcp_closed, after foal__sock_detach none at all. The memory behind a sock
 * is the transport's own and goes when the system has let go of it, so an actor may
 * end at any time. */
#ifndef FOAL_NET_IMPL_TRANSPORT_H
#define FOAL_NET_IMPL_TRANSPORT_H

#include "../../runtime/message.h"
#include "../conn.h"
#include "addr.h"

/* A reason with the system's own number behind it; os is 0 when there is none. */
typedef struct foal__cause {
  foal_err err;
  int os;
} foal__cause;

/* The system's sentence for cause.os, "" for 0; lives until this thread's next call. */
const char *foal__cause_text(int os);

/* ---- stream sockets ---- */

typedef struct foal__sock foal__sock;
typedef struct foal__tcp foal__tcp; /* the actor a sock tells its events; see tcp.h */

/* Makes a socket object without a socket. false: out of memory. */
bool foal__sock_new(foal__sock **out, foal__tcp *owner) FOAL_MUST;

/* Puts an accepted descriptor in; it is taken also on failure. */
foal__cause foal__sock_adopt(foal__sock *sock, int fd) FOAL_MUST;

/* Starts connecting. Not FOAL_OK: it failed at once and no event follows. */
foal__cause foal__sock_connect(foal__sock *sock, const foal__addr *to) FOAL_MUST;

/* Reads from now on, or stops. Both may be repeated. */
void foal__sock_read(foal__sock *sock, bool on);

/* Writes the bytes; foal__tcp_wrote follows exactly once, unless the sock is closed
 * before. One write at a time. */
void foal__sock_write(foal__sock *sock, foal_buf **b) FOAL_TAKES(*b);

/* The same where finishing or closing follows: the system may wait for that, so that
 * the FIN leaves with the bytes. */
void foal__sock_write_last(foal__sock *sock, foal_buf **b) FOAL_TAKES(*b);

/* Whether the peer's FIN is all there is left to read. */
bool foal__sock_ended(const foal__sock *sock);

/* Changes a setting of a socket that is connected. Not FOAL_OK: the system refused. */
foal__cause foal__sock_set(foal__sock *sock, foal_conn_option option, uint32_t value)
    FOAL_MUST;

/* This side's address of a socket that is connected; family 0: unknown. */
foal__addr foal__sock_local(const foal__sock *sock);

/* How many bytes the peer's system has not acknowledged, in the write and in our
 * system. */
size_t foal__sock_unacked(const foal__sock *sock);

/* Sends FIN; no write may be in flight. */
void foal__sock_finish(foal__sock *sock);

/* Closes; `reset` sends RST and throws away what the system still holds. A write in
 * flight is dropped. */
void foal__sock_close(foal__sock *sock, bool reset);

/* Closes if that has not happened, and forgets the owner. */
void foal__sock_detach(foal__sock *sock);

/* The events, implemented by tcp.c. */

/* The end of foal__sock_connect. */
void foal__tcp_connected(foal__tcp *owner, foal__sock *sock, foal__cause cause) FOAL_LOOP;
/* Bytes arrived; never none. */
void foal__tcp_received(foal__tcp *owner, foal_buf **b) FOAL_LOOP FOAL_TAKES(*b);
/* Nothing more will be read: FOAL_CLEAN is the peer's FIN, else the connection broke. */
void foal__tcp_ended(foal__tcp *owner, foal__cause cause) FOAL_LOOP;
/* The end of foal__sock_write: the buffer comes back. Also called from inside it. */
void foal__tcp_wrote(foal__tcp *owner, foal_buf **b, foal__cause cause) FOAL_TAKES(*b);
/* The end of foal__sock_close: the system has let go. */
void foal__tcp_closed(foal__tcp *owner, foal__sock *sock) FOAL_LOOP;

/* ---- listening ---- */

typedef struct foal__acceptor foal__acceptor;
typedef struct foal__listening foal__listening; /* the actor it tells; see listener.c */

/* Binds and listens, trying every address the host has; blocks for a look-up of names. */
foal__cause foal__transport_listen(const char *host, uint16_t port, uint32_t backlog,
                                   int *fd, uint16_t *real_port) FOAL_MUST;

/* Watches a listening descriptor, taken also on failure. */
foal__cause foal__acceptor_new(foal__acceptor **out, int fd, foal__listening *owner)
    FOAL_MUST;

/* The event, implemented by listener.c: a connection may be waiting. May be repeated. */
void foal__listening_ready(foal__listening *owner) FOAL_LOOP;

/* Reports from now on, or stops. */
void foal__acceptor_watch(foal__acceptor *acceptor, bool on);

/* Closes the listening socket and forgets the owner. */
void foal__acceptor_close(foal__acceptor *acceptor);

typedef enum foal__accepted {
  FOAL__ACCEPTED,      /* *fd is a connection, owned by the caller */
  FOAL__ACCEPT_NONE,   /* nobody waits */
  FOAL__ACCEPT_STARVED /* somebody waits, but descriptors or memory are exhausted */
} foal__accepted;

/* Takes one waiting connection. */
foal__accepted foal__acceptor_accept(foal__acceptor *acceptor, int *fd, foal__addr *peer,
                                     foal__cause *cause);

/* Closes a descriptor that was not adopted. */
void foal__transport_drop(int fd);

/* How many descriptors this process may have. */
uint32_t foal__transport_files_max(void);

/* ---- names ---- */

enum { FOAL__LOOKUP_ADDRS_MAX = 16 };

/* Looks a name up off the loop. The behaviour `done` of `to` gets a buffer that holds
 * an array of foal__addr with the port filled in; empty when the name cannot be
 * resolved. false: out of memory, nothing follows. */
bool foal__transport_lookup(const char *host, uint16_t port, foal_tag to,
                            const foal_behaviour *done) FOAL_MUST;

#endif
