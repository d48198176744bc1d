/* audit.h - the parts of the audit: where each slot was found, and who it is.
 *
 * An audit changes nothing of the run: it draws nothing, allocates nothing that the
 * program could notice, and reads the structures as they lie. */
#ifndef FOAL_SIM_IMPL_AUDIT_H
#define FOAL_SIM_IMPL_AUDIT_H

#include "../../runtime/impl/core.h"

/* Lists that a slot with a turn to come, or without an actor, may be on. */
typedef enum foal__sim_place {
  FOAL__SIM_NOWHERE,
  FOAL__SIM_READY,
  FOAL__SIM_FRESH,
  FOAL__SIM_LATE,
  FOAL__SIM_ARRIVED,
  FOAL__SIM_WAITING,
} foal__sim_place;

/* What the lists say of one slot. */
typedef struct foal__sim_found {
  const foal_actor *slot;
  const foal_actor *on; /* the slot it waits for */
  uint32_t pass;
  uint32_t worker; /* whose list */
  foal__sim_place place;
  bool notified; /* on somebody's `notified` */
} foal__sim_found;

/* The entry of this slot in the current audit; made when there is none. */
foal__sim_found *foal__sim_found_make(const foal_actor *x);
/* As above; NULL when there is none. */
const foal__sim_found *foal__sim_found_look(const foal_actor *x);
/* Begins an audit: all is forgotten. */
void foal__sim_found_begin(void);

/* "actor 'relay' #3 of worker 1", in a buffer that is used again. */
const char *foal__sim_slot_name(const foal_actor *x);

/* audit_pool.c: message nodes, buffers and free slots; walks every list there is. */
void foal__sim_audit_pools(void);

#endif
