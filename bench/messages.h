/* messages.h - what the message benchmarks have in common with the judge that times
 * them.
 *
 * A round: the judge calls `begin` in a turn of its own; it makes the actors, calls
 * msg_start_clock and sends the first messages. Whoever sees the end of the work tells
 * the judge `finished` with the time. Then `after` ends what is still there. Nothing
 * is shared between rounds but the statics of one benchmark, which only begin and
 * after write. */
#ifndef MESSAGES_H
#define MESSAGES_H

#include <foal.h>

FOAL_TAG(judge)
/* The work is over; result is what the benchmark computed, or its value if it times
 * itself. */
FOAL_SEND2(judge, finished, uint64_t, at_ns, uint64_t, result)

/* Counts arrivals and tells the judge when the last one is there. */
FOAL_TAG(gate)
FOAL_SEND0(gate, arrive)
bool gate_open(gate_tag *out, judge_tag judge, uint64_t arrivals) FOAL_TURN FOAL_MUST;

typedef enum msg_value {
  MSG_NS_PER_OP,    /* elapsed time over operations */
  MSG_NS_RESULT,    /* the result is nanoseconds already */
  MSG_BYTES_PER_OP, /* growth of resident memory over operations */
} msg_value;

typedef struct msg_round {
  judge_tag judge;
  uint64_t ops;
  uint64_t actors; /* of the benchmark's entry */
  uint64_t silence_ms;
  bool apart; /* the two sides on different workers, pinned */
} msg_round;

typedef struct msg_bench {
  const char *name;
  const char *unit; /* what one operation is */
  bool (*begin)(const msg_round *round);
  void (*after)(void);                 /* may be NULL */
  uint64_t (*round_ops)(uint64_t ops); /* nearest possible number; NULL: any */
  uint64_t (*expected)(uint64_t ops);  /* the result; NULL: unchecked */
  uint64_t ops_first;
  uint64_t ops_max; /* 0: none */
  uint64_t actors;  /* a round has as many operations at least; 0: as it likes */
  msg_value value;
  const char *places; /* among 1,2,apart; NULL: 1,2 */
  bool fixed;         /* always ops_first operations, unless --ops says another number */
  bool once; /* fixed, and the first round counts: a fresh process is the point */
} msg_bench;

/* Tables end with an entry without a name. */
extern const msg_bench msg_talks[];
extern const msg_bench msg_crowds[];
extern const msg_bench msg_bufs[];
extern const msg_bench msg_growth[];
extern const msg_bench msg_edges[];

uint64_t msg_now_ns(void);

/* The moment from which the round is timed and its allocations are counted. */
void msg_start_clock(void);

/* Adds key=value to the line of this round. */
void msg_note(const char *key, uint64_t value);

uint64_t msg_cpu_ns(void);
uint64_t msg_median(uint64_t *values, size_t count);

/* Ends the program with a line that says what went wrong. */
void msg_fail(const char *what) __attribute__((noreturn));

#endif
