/* sim.h - the simulator: your actors, protocols and TLS in a world made from one seed.
 *
 *    static bool start(void) { ... spawn, listen, connect, as main() would ... }
 *    static void check(void) { FOAL_SIM_CHECK(answers == questions); }
 *    static const foal_scenario chat = {.name = "chat", .start = start, .check = check};
 *    int main(int argc, char **argv) {
 *      const foal_scenario *all[] = {&chat, NULL};
 *      return foal_sim_main(argc, argv, all);
 *    }
 *
 * Link with foal::sim in place of foal::foal. The sources of the program under test stay
 * as they are: threads, clock, sockets, name look-ups, memory, randomness and signals are
 * simulated below the library. One thread of the system runs everything; the seed decides
 * who runs next, what the network does to the bytes, when memory is short and what TLS
 * calls random. The same seed gives the same run, byte for byte, in any build.
 *
 * A run has two phases. In the first one faults happen; in the second, the calm, no new
 * one does, and the program must come to its end. When nothing can happen any more and
 * listeners are all that keeps the program alive, it gets the signal to end. It fails
 * when it is stuck, when it never ends, when something is left over (actors, buffers,
 * handles, memory), when an assertion fails, or when the scenario says so. */
#ifndef FOAL_SIM_H
#define FOAL_SIM_H

#include "../runtime/sched.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Flags of a scenario. */
enum {
  FOAL_SIM_FINE = 1,   /* workers interleave at every shared word, not only between turns;
                        * for scenarios without TLS */
  FOAL_SIM_MEMORY = 2, /* bears allocations that fail: the switch `memory` may be on */
  FOAL_SIM_STOPS = 4,  /* bears a signal at any moment: the switch `signal` may be on */
  FOAL_SIM_CORRUPTS = 8, /* notices bytes that change on their way, as TLS does: the
                          * switches `flip` and `insert` may be on */
};

/* One program to be run under many seeds. Zero: the default. */
typedef struct foal_scenario {
  const char *name;      /* a word: letters, digits, _ */
  const char *about;     /* a sentence for --help */
  void (*prepare)(void); /* once per process, before the first run, with the same random
                          * numbers everywhere: to make certificates that all runs use.
                          * What is of the library must be dropped again; may be NULL */
  bool (*start)(void);   /* between foal_start and foal_run; false: no failure, the run is
                         * over (there was no memory for the beginning) */
  void (*check)(void);   /* after foal_run, when counters are exact; may be NULL */
  foal_options options;  /* what is 0 is drawn from the seed */
  const char *const *marks; /* names that foal_sim_mark must have met in every few
                             * hundred seeds; NULL-terminated; may be NULL */
  unsigned flags;           /* FOAL_SIM_FINE ... */
  uint32_t steps_max;       /* a run with more never ends; default 4000000 */
} foal_scenario;

/** Runs scenarios as the command line says; --help names the options.
 *  argc, argv   of main
 *  scenarios    borrowed; the last one is NULL
 *  returns      the status for main: 0, 1 when a run failed, 2 on wrong usage
 *  runs         on the main thread, before any use of the library */
FOAL_API int foal_sim_main(int argc, char **argv, const foal_scenario *const *scenarios);

/** A number from the seed, for the scenario's own decisions.
 *  n         at least 1
 *  returns   0 .. n-1
 *  runs      anywhere in a run */
FOAL_API uint32_t foal_sim_draw(uint32_t n);

/** As foal_sim_draw, for how much there is to do; --scale makes it smaller.
 *  max       at least 1
 *  returns   1 .. max
 *  runs      anywhere in a run */
FOAL_API uint32_t foal_sim_size(uint32_t max);

/** Whether something rare happens at this place now. Each place is on in one seed of
 *  four and then happens one time in four; never in the calm; --off turns it off.
 *  place     a word; the text must live for ever
 *  runs      anywhere in a run */
FOAL_API bool foal_sim_chance(const char *place);

/** Whether faults are over.
 *  runs      anywhere in a run */
FOAL_API bool foal_sim_calm(void);

/** What foal_run returned; not 0 when the program was stopped for a reason, as when a
 *  worker could not start.
 *  runs      in `check` */
FOAL_API int foal_sim_status(void);

/** Milliseconds of simulated time since the machine was started, a while before the run.
 *  runs      anywhere in a run */
FOAL_API uint64_t foal_sim_now_ms(void);

/** Ends the run as failed, with the reason and the line that replays it.
 *  format    printf format, without a newline
 *  runs      anywhere in a run */
FOAL_API void foal_sim_fail(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

/* Fails the run unless cond holds. */
#define FOAL_SIM_CHECK(cond)                                                             \
  ((cond) ? (void)0 : foal_sim_fail("%s:%d: must hold: %s", __FILE__, __LINE__, #cond))

/** Adds a line to the story of a replayed run.
 *  format    printf format, without a newline
 *  runs      anywhere in a run */
FOAL_API void foal_sim_note(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/** Notes that a case was met; see `marks`.
 *  name      a word; the text must live for ever
 *  runs      anywhere in a run */
FOAL_API void foal_sim_mark(const char *name);

/** Fills bytes with a part of an endless stream in which no part is like another: bytes
 *  that are lost, doubled, changed or come from elsewhere are seen at once.
 *  stream    which one, any number
 *  at        position of the first byte in it
 *  out       filled with len bytes
 *  len       bytes
 *  runs      anywhere */
FOAL_API void foal_sim_stream(uint64_t stream, uint64_t at, void *out, size_t len);

/** Whether bytes are that part of that stream.
 *  stream    which one
 *  at        position of the first byte in it
 *  bytes     borrowed, len of them
 *  len       bytes
 *  runs      anywhere */
FOAL_API bool foal_sim_stream_is(uint64_t stream, uint64_t at, const void *bytes,
                                 size_t len);

/** Starts a thread that is no worker; it may use what the library allows such threads.
 *  run       called once with arg
 *  arg       for run; must live as long
 *  runs      in `start` or on a turn */
FOAL_API void foal_sim_thread(void (*run)(void *arg), void *arg);

/** Lets others run.
 *  runs      on such a thread */
FOAL_API void foal_sim_pause(void);

/* ---- peers that are no actors: they send what they like ---- */

typedef struct foal_sim_peer foal_sim_peer;

/* What such a peer hears. Called between turns, by the network; no library calls but
 * those of this header. Any of them may be NULL. */
typedef struct foal_sim_peer_events {
  void (*connected)(foal_sim_peer *peer, void *context);
  void (*received)(foal_sim_peer *peer, void *context, const uint8_t *bytes, size_t len);
  void (*ended)(foal_sim_peer *peer, void *context, bool reset); /* the last event */
} foal_sim_peer_events;

/** Connects to a listener of the program.
 *  port      of the listener
 *  events    borrowed, lives as long as the run
 *  context   handed to the events
 *  returns   borrowed; goes with the run
 *  runs      in `start`, on a turn or in an event */
FOAL_API foal_sim_peer *
foal_sim_peer_connect(uint16_t port, const foal_sim_peer_events *events, void *context);

/** Sends bytes as they are; kept until the network takes them.
 *  peer      borrowed
 *  bytes     borrowed, len of them
 *  len       bytes
 *  runs      in `start`, on a turn or in an event */
FOAL_API void foal_sim_peer_send(foal_sim_peer *peer, const void *bytes, size_t len);

/** Sends FIN behind what was sent.
 *  peer      borrowed
 *  runs      in `start`, on a turn or in an event */
FOAL_API void foal_sim_peer_finish(foal_sim_peer *peer);

/** Breaks the connection at once with a reset.
 *  peer      borrowed
 *  runs      in `start`, on a turn or in an event */
FOAL_API void foal_sim_peer_reset(foal_sim_peer *peer);

/** Stops taking bytes, or goes on.
 *  peer      borrowed
 *  on        whether it takes them
 *  runs      in `start`, on a turn or in an event */
FOAL_API void foal_sim_peer_read(foal_sim_peer *peer, bool on);

#endif
