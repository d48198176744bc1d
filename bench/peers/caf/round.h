/* round.h - what the benchmarks in CAF have in common with the judge that times them.
 *
 * `now_round` belongs to the main thread until the first message is sent, then to the
 * actors until `done` is posted; what several of them write is atomic. */
#ifndef ROUND_H
#define ROUND_H

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include <semaphore.h>
#include <time.h>

using go_atom = caf::atom_constant<caf::atom("go")>;
using hit_atom = caf::atom_constant<caf::atom("hit")>;
using done_atom = caf::atom_constant<caf::atom("done")>;
using ask_atom = caf::atom_constant<caf::atom("ask")>;
using answer_atom = caf::atom_constant<caf::atom("answer")>;
using stop_atom = caf::atom_constant<caf::atom("stop")>;

struct round_state {
  uint64_t ops, silence_ms;
  uint64_t began_ns, began_cpu_ns, ended_ns, result;
  std::atomic<uint64_t> left;
  sem_t done;
};
extern round_state now_round;

enum value { NS_PER_OP, NS_RESULT, BYTES_PER_OP };

struct bench {
  const char *name, *unit;
  void (*begin)(caf::actor_system &);
  uint64_t ops_first, multiple; /* a round has a multiple of `multiple` operations */
  bool fixed, once;             /* as in messages.h */
  const char *places;
  value of;
  uint64_t (*expected)(uint64_t ops); /* the result; may be null */
  void (*after)();                    /* ends who is still there; may be null */
};

/* Both end with an entry without a name. */
extern const bench talks[], crowds[];

struct count_state {
  uint64_t left = 0;
};

[[noreturn]] inline void fail(const char *what)
{
  std::fflush(stdout);
  std::fprintf(stderr, "caf: %s\n", what);
  std::_Exit(1);
}

inline uint64_t read_clock(clockid_t id)
{
  timespec t;
  clock_gettime(id, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

inline uint64_t now_ns()
{
  return read_clock(CLOCK_MONOTONIC);
}

inline void start_clock()
{
  now_round.began_cpu_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  now_round.began_ns = now_ns();
}

inline void finished(uint64_t result = 0)
{
  now_round.ended_ns = now_ns();
  now_round.result = result;
  sem_post(&now_round.done);
}

/* One of those that `now_round.left` counts has nothing more to do. */
inline void arrive()
{
  if (now_round.left.fetch_sub(1) == 1) finished();
}

inline void work_for(uint64_t ns)
{
  for (uint64_t until = now_ns() + ns; now_ns() < until;) continue;
}

#endif
