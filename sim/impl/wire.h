/* wire.h - the simulated network: connections between two ends, listeners, descriptors.
 *
 * Each direction of a connection has two places where bytes can be: `out` of the end
 * that sends them (its system's send buffer, and what is under way), and `in` of the
 * other one (received, unread). An event per direction moves a chunk from the one to the
 * other, then FIN; or it carries a RST instead. Ends belong to sockets (transport_sim.c)
 * or to raw peers (peer.c), which are told by `readable` and `writable` only from such
 * events: each once, when something has changed, never while they call in. */
#ifndef FOAL_SIM_IMPL_WIRE_H
#define FOAL_SIM_IMPL_WIRE_H

#include "../../net/impl/transport.h"
#include "engine.h"
#include "trace.h"

typedef struct foal__sim_bytes {
  uint8_t *at;
  size_t start, len, room;
} foal__sim_bytes;

typedef struct foal__sim_wire foal__sim_wire;
typedef struct foal__sim_end foal__sim_end;

struct foal__sim_end {
  foal__sim_event event; /* first: the next thing to arrive at the other end */
  foal__sim_wire *wire;
  void *owner;
  void (*readable)(foal__sim_end *end); /* bytes, FIN or RST have come */
  void (*writable)(foal__sim_end *end); /* the room that was missing is there, or a RST */
  foal__sim_bytes in, out;
  size_t in_max, out_max;
  uint64_t moved; /* how many bytes have left `out` */
  /* At which of them something happens to the direction; FOAL__SIM_NEVER: nowhere. */
  uint64_t reset_at, fin_at, flip_at, insert_at;
  int error;         /* what the next call reports, once; negated errno */
  bool server : 1;   /* which end of the wire */
  bool moving : 1;   /* the event is set */
  bool reset : 1;    /* and brings a RST */
  bool finished : 1; /* the owner sends no more */
  bool fin_sent : 1; /* and the other end has been told */
  bool fin : 1;      /* the other end's FIN is here */
  bool broken : 1;   /* by a RST */
  bool cut : 1;      /* a FIN was forged: what is sent goes nowhere */
  bool starved : 1;  /* a write was not taken for want of room */
  bool closed : 1;   /* the owner has let go */
};

struct foal__sim_wire {
  foal__sim_end end[2]; /* client, server */
  foal__sim_wire *next, *prev;
  foal__sim_wire *behind; /* in the queue of its listener */
  uint32_t number, latency_ns;
  foal__addr client;
  uint16_t port; /* of the listener */
};

/* ---- one end: from its owner's calls ---- */

enum { FOAL__SIM_EOF = -4095 };

/* How many bytes were taken, or a negated errno. When not all were, `writable` follows
 * unless there still is room: then the owner may try again at once. */
ptrdiff_t foal__sim_end_write(foal__sim_end *end, const uint8_t *bytes, size_t len);
/* How many bytes were read, FOAL__SIM_EOF, or a negated errno; 0: nothing is there. */
ptrdiff_t foal__sim_end_read(foal__sim_end *end, uint8_t *out, size_t max);
/* Whether reading would give anything. */
bool foal__sim_end_has_input(const foal__sim_end *end);
bool foal__sim_end_has_room(const foal__sim_end *end);
void foal__sim_end_finish(foal__sim_end *end);
/* Lets go: FIN, or RST if wanted or if something is unread. The end is gone. */
void foal__sim_end_close(foal__sim_end *end, bool reset);

/* wire_move.c, for wire.c: bytes, FIN or RST leave this end, if there are any. */
void foal__sim_end_schedule(foal__sim_end *end);
/* A RST goes out in place of all that waits. */
void foal__sim_end_abort(foal__sim_end *end);
/* What the event of an end does. */
void foal__sim_end_fire(foal__sim_event *event);
void foal__sim_bytes_drop(foal__sim_bytes *bytes);
uint64_t foal__sim_travel_ns(uint32_t latency_ns);
foal__sim_end *foal__sim_other(foal__sim_end *end);

/* wire.c */
foal__sim_wire *foal__sim_wire_new(uint32_t number);
void foal__sim_wire_free(foal__sim_wire *wire);

/* ---- listening ---- */

typedef struct foal__sim_listener {
  struct foal__sim_listener *next;
  void (*waiting)(struct foal__sim_listener *listener); /* somebody is in the queue */
  void *owner;
  foal__sim_wire *first, *last;
  uint32_t count, most;
  uint16_t port;
  uint64_t starved_until_ns; /* accepting fails until then */
  int starved;               /* like this; negated errno */
} foal__sim_listener;

/* 0 or a negated errno. port 0: any free one. */
int foal__sim_listen(uint16_t port, uint32_t backlog, foal__sim_listener **out);
/* Whoever waits is reset. */
void foal__sim_unlisten(foal__sim_listener *listener);
/* The first one that waits, taken out; NULL: nobody. */
foal__sim_wire *foal__sim_listener_take(foal__sim_listener *listener);

/* ---- connecting ---- */

typedef struct foal__sim_dial {
  foal__sim_event event; /* first */
  /* status: 0 or a negated errno; end: NULL or the client's, owned by the callee. */
  void (*done)(struct foal__sim_dial *dial, int status, foal__sim_end *end);
  uint32_t number, tries;
  int fate; /* what comes of it, if that is decided */
  uint16_t port;
  bool hole; /* to where nobody answers */
} foal__sim_dial;

/* `done` follows, unless the result is not 0 or foal__sim_dial_cancel comes first. */
int foal__sim_dial_begin(foal__sim_dial *dial, const foal__addr *to);
void foal__sim_dial_cancel(foal__sim_dial *dial);

/* ---- descriptors: small numbers for listeners and for accepted ends ---- */

int foal__sim_file_new(foal__sim_listener *listener, foal__sim_end *end);
/* Takes what is behind the number; the number is free again. */
void foal__sim_file_take(int fd, foal__sim_listener **listener, foal__sim_end **end);
foal__sim_listener *foal__sim_file_listener(int fd);

/* ---- what there is ---- */

typedef struct foal__sim_net {
  uint32_t socks, acceptors, lookups, jobs; /* of the program */
  uint32_t waiting;                         /* connections in queues of listeners */
  uint32_t files_max;
  uint32_t dials, wires; /* so far */
  uint64_t bytes;
  uint64_t moved_ns; /* when the last of them arrived */
} foal__sim_net;
extern foal__sim_net foal__sim_world;

/* From a negated errno to the library's reason. */
foal__cause foal__sim_cause(int status);

/* peer.c: frees all raw peers. */
void foal__sim_peers_end(void);

/* A fault at a connection, for the story. */
void foal__sim_tell_trouble(foal__sim_switch which, uint32_t conn, const char *text);

#endif
