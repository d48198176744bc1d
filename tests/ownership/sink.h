/* sink.h - the receiver that most ownership programs send to, known by its header only.
 *
 * This is how an actor type looks to the rest of a program: a tag and typed sends. Most
 * programs of this folder define `run`; they are compiled by run.py and never linked. */
#ifndef TESTS_OWNERSHIP_SINK_H
#define TESTS_OWNERSHIP_SINK_H

#include "foal.h"

FOAL_TAG(sink)
FOAL_SEND0(sink, poke)
FOAL_SEND1(sink, count, uint64_t, amount)
FOAL_SEND_ISO(sink, put)
FOAL_SEND_ISO1(sink, reply, foal_tag, from)
FOAL_SEND_VAL(sink, show)

/* An owned buffer that is a member: legal inside one function only. */
struct letter {
  foal_buf *text;
  uint32_t number;
};

/* Known by their prototypes only: moves, borrows to write, borrows to read, makes. */
void sink_hand_over(sink_tag to, foal_buf **b) FOAL_TAKES(*b);
void sink_stamp(foal_buf *b) FOAL_USES(b);
bool sink_is_good(const foal_buf *b) FOAL_READS(b);
bool sink_make(foal_buf **out) FOAL_MAKES(*out);
void sink_unmarked(foal_buf **b); /* says nothing about ownership */

bool sink_coin(void);

void run(sink_tag to);

#endif
