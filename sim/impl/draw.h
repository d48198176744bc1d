/* draw.h - where all decisions of a run come from: streams of numbers made of the seed,
 * and the switches that say which kinds of trouble this seed has.
 *
 * One stream per purpose, so that one more draw for the network does not shift the order
 * of turns. Every switch has a stream of its own, so that turning one off changes nothing
 * but that. Nothing else in sim/ may be random: no address, no time, no thread. */
#ifndef FOAL_SIM_IMPL_DRAW_H
#define FOAL_SIM_IMPL_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, sentence). */
#define FOAL__SIM_STREAMS_MAP(X)                                                         \
  X(setup, "options, sizes")                                                             \
  X(order, "who runs next")                                                              \
  X(time, "how long things take")                                                        \
  X(net, "what the network does in any case")                                            \
  X(user, "the scenario's own decisions")                                                \
  X(entropy, "the library's randomness")                                                 \
  X(tls, "what OpenSSL calls random")

#define FOAL__SIM_STREAM_ENUM_(name, sentence) FOAL__SIM_S_##name,
typedef enum foal__sim_stream {
  FOAL__SIM_STREAMS_MAP(FOAL__SIM_STREAM_ENUM_) FOAL__SIM_STREAMS
} foal__sim_stream;

/* X(name, highest rate per mille, sentence). Each is on in about one seed of three, at a
 * rate drawn from 1 to the highest. */
#define FOAL__SIM_SWITCHES_MAP(X)                                                        \
  X(any_order, 1000, "runnable actors of a worker take turns in any order")              \
  X(priorities, 1000, "workers have priorities that change at few points (PCT)")         \
  X(short_batch, 1000, "turns end after any number of messages")                         \
  X(slow_turns, 300, "turns take long, so that they end by time")                        \
  X(small_mailbox, 1000, "mailboxes count as full at 1 to 64 messages")                  \
  X(fragment, 1000, "bytes arrive in small pieces")                                      \
  X(coalesce, 1000, "bytes wait for others and arrive together")                         \
  X(delay, 500, "bytes take long")                                                       \
  X(short_write, 500, "the system takes only a part of a write")                         \
  X(late_wrote, 500, "the end of a write is told late, after data of the peer")          \
  X(stall, 100, "a direction stands still for a while")                                  \
  X(window, 1000, "a connection holds only 1 to 64 bytes in flight")                     \
  X(reset, 20, "a connection breaks at any byte")                                        \
  X(fin, 20, "a FIN cuts a direction off at any byte")                                   \
  X(flip, 20, "a bit of the stream changes")                                             \
  X(insert, 10, "a byte comes into the stream")                                          \
  X(refuse, 100, "a connection is refused")                                              \
  X(unreachable, 50, "a connection attempt gets no answer, or that there is no way")     \
  X(accept_files, 100, "accepting fails for a while: no more descriptors or memory")     \
  X(accept_gone, 100, "a connection dies while it waits to be accepted")                 \
  X(lookup, 200, "a name look-up fails or takes long")                                   \
  X(memory, 5, "an allocation fails")                                                    \
  X(signal, 2, "the program gets SIGTERM, perhaps twice")                                \
  X(clock, 10, "the wall clock jumps")                                                   \
  X(skew, 300, "timers come late")

#define FOAL__SIM_SWITCH_ENUM_(name, rate, sentence) FOAL__SIM_W_##name,
typedef enum foal__sim_switch {
  FOAL__SIM_SWITCHES_MAP(FOAL__SIM_SWITCH_ENUM_) FOAL__SIM_SWITCHES
} foal__sim_switch;

enum { FOAL__SIM_OFF_MAX = 64, FOAL__SIM_WORD_BYTES = 32 };

/* What a run depends on; the replay line holds exactly this and the scenario's name. */
typedef struct foal__sim_config {
  uint64_t seed;
  uint32_t scale;   /* percent of the drawn sizes, 1 .. 100 */
  uint64_t fail_at; /* this allocation fails, counted from 1; 0: none */
  bool fail_on;     /* and all after it */
  uint32_t off;     /* how many names there are below */
  char off_name[FOAL__SIM_OFF_MAX][FOAL__SIM_WORD_BYTES]; /* switches, places: never */
  /* Not in the line: bytes that stand in for the first draws of order, net and user. */
  const uint8_t *choices;
  size_t choices_len;
} foal__sim_config;

/* Begins the streams of a run. `allowed` has a bit per switch the scenario bears. */
void foal__sim_draw_begin(const foal__sim_config *config, uint64_t allowed);

/* The calm: no switch fires any more. */
void foal__sim_draw_calm(void);
bool foal__sim_draw_is_calm(void);

uint64_t foal__sim_draw64(foal__sim_stream stream);
/* 0 .. n-1; n at least 1. */
uint32_t foal__sim_draw(foal__sim_stream stream, uint32_t n);
/* True per_mille times of 1000. */
bool foal__sim_often(foal__sim_stream stream, uint32_t per_mille);
/* A size with many small and few large ones: 1 .. max. */
uint32_t foal__sim_some(foal__sim_stream stream, uint32_t max);

/* Whether this seed has the trouble at all (also in the calm). */
bool foal__sim_on(foal__sim_switch which);
/* Whether it happens now. */
bool foal__sim_fires(foal__sim_switch which);
/* Whether it has happened in this run: scenarios expect less from then on. */
bool foal__sim_fired(foal__sim_switch which);
/* Notes that it has happened for another reason. */
void foal__sim_note_fired(foal__sim_switch which);
/* A number for how it happens, from the switch's own stream: 0 .. n-1. */
uint32_t foal__sim_how(foal__sim_switch which, uint32_t n);
const char *foal__sim_switch_name(foal__sim_switch which);
const char *foal__sim_switch_about(foal__sim_switch which);

/* Names of places of foal_sim_chance and foal__fault met so far in this process. */
size_t foal__sim_places(const char *out[], size_t max);

#endif
