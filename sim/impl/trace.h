/* trace.h - what happened: a hash always, a story when somebody wants it.
 *
 * The hash covers every byte on every wire and every choice that was made; two runs with
 * the same hash were the same. Recording the story costs time and memory, so it is on
 * only while a run is replayed. Recording must not draw, allocate from the library, or
 * change anything a run can see. */
#ifndef FOAL_SIM_IMPL_TRACE_H
#define FOAL_SIM_IMPL_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void foal__sim_hash(uint64_t word);
void foal__sim_hash_bytes(const void *bytes, size_t len);
uint64_t foal__sim_hash_value(void);

typedef enum foal__sim_kind {
  FOAL__SIM_SPAWNED, /* who */
  FOAL__SIM_ENDED,   /* who, text: why */
  FOAL__SIM_SENT,    /* who -> whom, what: behaviour, bytes */
  FOAL__SIM_RAN,     /* who runs what */
  FOAL__SIM_DIALED,  /* connection n: a connect begins; text: to where */
  FOAL__SIM_ACCEPTED,
  FOAL__SIM_WIRE,  /* connection n: `bytes` arrive; text: "client>server" or back */
  FOAL__SIM_WROTE, /* connection n: the system took `bytes` */
  FOAL__SIM_CUT,   /* connection n: FIN, RST; text says */
  FOAL__SIM_FAULT, /* what: the switch or place */
  FOAL__SIM_LOG,   /* a line of the library's log */
  FOAL__SIM_NOTE,  /* a line of the scenario */
  FOAL__SIM_TIME,  /* nothing was ready: time jumped */
  FOAL__SIM_CALM,  /* faults are over */
} foal__sim_kind;

/* One actor in the story; zero: the world. */
typedef struct foal__sim_who {
  const char *type; /* lives for ever */
  uint32_t id, worker;
} foal__sim_who;

typedef struct foal__sim_entry {
  uint64_t step, ns;
  foal__sim_kind kind;
  foal__sim_who who, whom;
  const char *what; /* lives for ever; may be NULL */
  uint32_t conn;    /* number of the connection, from 1; 0: none */
  uint64_t bytes;
  char text[96];
} foal__sim_entry;

/* Whether a story is wanted; ask before anything that costs. */
extern bool foal__sim_telling;
/* Adds an entry; step, ns and (when zero) who are filled in. */
void foal__sim_tell(const foal__sim_entry *entry);
/* Short forms. */
void foal__sim_tell_fault(const char *what);
void foal__sim_tell_conn(foal__sim_kind kind, uint32_t conn, uint64_t bytes,
                         const char *text);

/* The story so far: entries in order, at most the last FOAL__SIM_STORY_MAX. */
enum { FOAL__SIM_STORY_MAX = 200000 };
void foal__sim_story_begin(bool telling);
size_t foal__sim_story_count(void);
const foal__sim_entry *foal__sim_story_at(size_t i);

#endif
