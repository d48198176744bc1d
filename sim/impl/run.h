/* run.h - one run of one scenario with one configuration, in this process.
 *
 * A run that fails ends the process: there is no way back out of a library that has
 * found itself broken. So the result lies in memory that the parent sees (or that the
 * caller reads when the run was good), and whoever wants many runs makes children. */
#ifndef FOAL_SIM_IMPL_RUN_H
#define FOAL_SIM_IMPL_RUN_H

#include "../sim.h"
#include "draw.h"

enum { FOAL__SIM_WHY_BYTES = 512, FOAL__SIM_STATUS_FAILED = 3 };

typedef struct foal__sim_result {
  uint64_t hash, steps, wire_bytes, virtual_ns, allocs;
  uint32_t connections;
  bool begun, finished, failed;
  char why[FOAL__SIM_WHY_BYTES]; /* when failed: a sentence */
} foal__sim_result;

/* Runs. Returns when the run was good; otherwise fills the result, calls the hook below
 * and ends the process with FOAL__SIM_STATUS_FAILED. A crash (signal, sanitizer) ends
 * the process too, without a result: begun and not finished. */
void foal__sim_run(const foal_scenario *scenario, const foal__sim_config *config,
                   foal__sim_result *result);

/* Called once on the way out of a failed run, e.g. to print the story. */
void foal__sim_on_failure(void (*hook)(const foal__sim_result *result));

/* As foal_sim_fail, for sim/ itself. */
_Noreturn void foal__sim_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Writes the figures so far into the result; a parent sees that the run goes on. */
void foal__sim_progress(void);

/* Marks met in this process, by name: how often. */
uint64_t foal__sim_marks(const char *name);

/* ---- what the parts of sim/ do at the beginning and the end of a run ---- */

void foal__sim_net_begin(void); /* wire.c: an empty world */
void foal__sim_net_end(void);   /* fails when a socket or look-up is left over */
bool foal__sim_net_quiet(void); /* whether listeners are open and nothing else */
uint64_t foal__sim_net_bytes(void);
uint32_t foal__sim_net_connections(void);

void foal__sim_clock_begin(bool in_run);
void foal__sim_alloc_begin(const foal__sim_config *config);
uint64_t foal__sim_alloc_count(void);
size_t foal__sim_alloc_live(void);
void foal__sim_probes_begin(void); /* after foal_start */
void foal__sim_tls_begin(void);    /* tls_random.c: OpenSSL draws from the seed */

/* poller_sim.c: delivers a signal to whoever watches, at the next poll of worker 0.
 * false: nobody does. */
bool foal__sim_signal(int signal_number);

/* Whether the scenario bears a signal now. */
bool foal__sim_may_stop(void);

/* audit.c: checks the runtime's structures against each other; fails the run. */
void foal__sim_audit(void);     /* as often as it is worth it */
void foal__sim_audit_now(void); /* in any case */
void foal__sim_audit_end(void); /* after foal_run */

#endif
