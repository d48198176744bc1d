/* child.h - a process that makes runs, and what became of it.
 *
 * What the child has to say lies in a slot of memory it shares with its parent; what it
 * prints goes to a file of the parent. The parent learns of its end by SIGCHLD, which
 * it keeps blocked and waits for, and kills it when it makes no step for long. */
#ifndef FOAL_SIM_IMPL_CHILD_H
#define FOAL_SIM_IMPL_CHILD_H

#include "options.h"
#include "run.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/types.h>

enum {
  FOAL__SIM_PLACES_MAX = 64,
  FOAL__SIM_REASON_BYTES = FOAL__SIM_WHY_BYTES + 256,
  FOAL__SIM_OUTPUT_BYTES = 64 * 1024,
  FOAL__SIM_HANG_S = 20,     /* of CPU time without a step */
  FOAL__SIM_BLOCKED_S = 120, /* of wall time: it waits for something real */
};

/* Sums over good runs. */
typedef struct foal__sim_totals {
  _Atomic uint64_t runs, steps, bytes, connections, virtual_ns, hash;
  _Atomic uint64_t mark[FOAL__SIM_MARKS_MAX];
} foal__sim_totals;

/* Written by the child; the parent reads all of it when the child is dead, and the
 * atomic ones while it lives. */
typedef struct foal__sim_slot {
  _Atomic uint64_t unit, steps; /* which run, and a heartbeat in it */
  _Atomic bool busy;
  foal__sim_totals totals;
  foal__sim_unit now; /* what it runs */
  foal__sim_result result;
  uint64_t on; /* the switches this seed has; only where asked for */
  uint32_t places;
  char place[FOAL__SIM_PLACES_MAX][FOAL__SIM_WORD_BYTES];
} foal__sim_slot;

typedef struct foal__sim_child {
  foal__sim_slot *slot;
  pid_t pid;  /* 0: none */
  int output; /* file that takes what it prints */
  uint32_t hang_s;
  bool hangs;
  uint64_t unit, steps;            /* as of the last look */
  double cpu_s, wall_s, all_cpu_s; /* when they changed; all it ever used */
} foal__sim_child;

/* What became of a run. */
typedef struct foal__sim_verdict {
  bool failed;
  foal__sim_unit unit;
  foal__sim_result result;
  char reason[FOAL__SIM_REASON_BYTES];
  char kind[FOAL__SIM_REASON_BYTES]; /* the reason without what differs from run to run */
  char *output; /* owned; what it printed, at most FOAL__SIM_OUTPUT_BYTES; or NULL */
  uint64_t on;
  uint32_t places;
  char place[FOAL__SIM_PLACES_MAX][FOAL__SIM_WORD_BYTES];
} foal__sim_verdict;

/* Memory of this process and all its children, filled with 0; never fails. */
void *foal__sim_shared(size_t bytes);
void foal__sim_unshared(void *p, size_t bytes);

/* Makes a child with its slot. */
void foal__sim_child_open(foal__sim_child *c, uint32_t hang_s);
void foal__sim_child_close(foal__sim_child *c);
/* Forks; the child calls `body` and ends with status 0. */
void foal__sim_child_start(foal__sim_child *c, void (*body)(foal__sim_slot *, void *),
                           void *arg);
/* Kills it when it hangs. */
void foal__sim_child_watch(foal__sim_child *c);
/* Whether it has died; then the verdict is filled when it was bad, and `failed` says. */
bool foal__sim_child_died(foal__sim_child *c, foal__sim_verdict *out);
void foal__sim_child_kill(foal__sim_child *c);
double foal__sim_child_cpu_s(const foal__sim_child *c);
/* Waits until a child dies, at most this long. */
void foal__sim_children_wait(uint32_t ms);

/* In the child: makes a run and adds it to the totals. */
void foal__sim_child_run(foal__sim_slot *slot, const foal__sim_unit *unit);

/* How to make a single run. */
typedef struct foal__sim_try {
  bool telling; /* records the story */
  uint32_t hang_s;
  void (*then)(const foal__sim_slot *slot, FILE *out, void *arg); /* in the child, in
                     * any case, also when it crashes; `out` is the parent's output */
  void *arg;
} foal__sim_try;

/* Makes it in a child of its own. */
void foal__sim_try_unit(const foal__sim_unit *unit, const foal__sim_try *how,
                        foal__sim_verdict *out);
/* Says why the process has ended badly; status is that of wait. */
void foal__sim_verdict_judge(foal__sim_verdict *v, const foal__sim_child *c, int status);
void foal__sim_verdict_free(foal__sim_verdict *v);

double foal__sim_wall_s(void);

#endif
