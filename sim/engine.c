/* engine.c - who runs next, and when. See impl/engine.h.
 *
 * The state is one struct, reset for every run. A fiber that is not running is ready, or
 * waits; only the running one and the events it lets happen change that. */
#include "impl/engine.h"

#include "../runtime/impl/assert.h"
#include "../runtime/impl/core.h"
#include "impl/fiber.h"
#include "impl/run.h"
#include "impl/trace.h"

#include <stdlib.h>
#include <string.h>

enum {
  FIBERS_MAX = 256,
  BOOT_S = 1000,
  PROGRESS_EVERY = 1024,
  STEP_NS_MAX = 2000,
  RELAX_NS = 500,
  PREEMPTS_DENSE = 4, /* operations between two switches, at most */
  PREEMPTS_SPARSE = 400,
  SPANS = 4,
  CHANGE_POINTS_OF = 300, /* a priority changes once in about so many steps */
};

struct foal__sim_fiber {
  foal__sim_stack *stack;
  const char *name;
  void (*run)(void *arg);
  void *arg;
  foal__worker *self; /* of foal__self, while it does not run */
  foal__sim_event alarm;
  foal__sim_fiber *joiner;
  uint32_t priority;
  uint32_t at; /* place among the ready ones + 1 */
  bool woken, done;
};

static struct {
  foal__sim_fiber *ready[FIBERS_MAX];
  uint32_t ready_count, fibers;
  foal__sim_fiber *running, *main;
  foal__sim_event **heap;
  uint32_t heap_count, heap_capacity;
  uint64_t now_ns, steps, steps_calm, steps_max;
  uint32_t step_ns, midway, span; /* span: SPANS or more: drawn anew each time */
  bool (*quiet)(void);
  bool fine, active;
} e;

int64_t foal__sim_points = INT64_MAX;

/* ---- time and events ---- */

uint64_t foal__sim_now_ns(void)
{
  return e.now_ns;
}

void foal__sim_pass(uint64_t ns)
{
  e.now_ns += ns;
}

uint64_t foal__sim_steps(void)
{
  return e.steps;
}

bool foal__sim_is_fine(void)
{
  return e.fine;
}

static bool earlier(const foal__sim_event *a, const foal__sim_event *b)
{
  return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void place(foal__sim_event *event, uint32_t i)
{
  e.heap[i] = event;
  event->at = i + 1;
}

static void sift_up(foal__sim_event *event, uint32_t i)
{
  while (i > 0 && earlier(event, e.heap[(i - 1) / 2])) {
    place(e.heap[(i - 1) / 2], i);
    i = (i - 1) / 2;
  }
  place(event, i);
}

static void sift_down(foal__sim_event *event, uint32_t i)
{
  for (;;) {
    uint32_t child = 2 * i + 1;
    if (child >= e.heap_count) break;
    if (child + 1 < e.heap_count && earlier(e.heap[child + 1], e.heap[child])) child++;
    if (!earlier(e.heap[child], event)) break;
    place(e.heap[child], i);
    i = child;
  }
  place(event, i);
}

void foal__sim_event_cancel(foal__sim_event *event)
{
  if (event->at == 0) return;
  uint32_t i = event->at - 1;
  event->at = 0;
  foal__sim_event *last = e.heap[--e.heap_count];
  if (last == event) return;
  if (i > 0 && earlier(last, e.heap[(i - 1) / 2])) {
    sift_up(last, i);
  } else {
    sift_down(last, i);
  }
}

void foal__sim_event_set(foal__sim_event *event, uint64_t due_ns)
{
  foal_assert(event->fire != NULL);
  foal__sim_event_cancel(event);
  if (e.heap_count == e.heap_capacity) {
    e.heap_capacity = e.heap_capacity > 0 ? e.heap_capacity * 2 : 256;
    e.heap = realloc(e.heap, e.heap_capacity * sizeof(foal__sim_event *));
    if (e.heap == NULL) abort();
  }
  event->due_ns = due_ns > e.now_ns ? due_ns : e.now_ns;
  event->order = foal__sim_draw64(FOAL__SIM_S_time);
  sift_up(event, e.heap_count++);
}

static void fire_first(void)
{
  foal__sim_event *event = e.heap[0];
  foal__sim_event_cancel(event);
  e.steps++;
  event->fire(event);
}

/* ---- who is next ---- */

static void make_ready(foal__sim_fiber *fiber)
{
  foal_assert(fiber->at == 0 && e.ready_count < FIBERS_MAX);
  e.ready[e.ready_count++] = fiber;
  fiber->at = e.ready_count;
}

static void make_waiting(foal__sim_fiber *fiber)
{
  uint32_t i = fiber->at - 1;
  foal_assert(fiber->at != 0);
  e.ready[i] = e.ready[--e.ready_count];
  e.ready[i]->at = i + 1;
  fiber->at = 0;
}

static void stuck(void)
{
  foal__sim_audit_now(); /* may know why */
  uint64_t alive = foal__load(&foal__rt.alive, relaxed);
  foal__sim_fail("stuck: nothing can happen any more, but the program has not ended "
                 "(%u workers awake, %u holds)",
                 (unsigned)(alive & UINT32_MAX), (unsigned)(alive >> 32));
}

static void check_limits(void)
{
  if (e.steps % PROGRESS_EVERY == 0) foal__sim_progress();
  if (e.steps > e.steps_max) {
    foal__sim_fail("no end: %llu steps were not enough", (unsigned long long)e.steps_max);
  }
  if (e.steps >= e.steps_calm && !foal__sim_draw_is_calm()) {
    foal__sim_draw_calm();
    foal__sim_entry entry = {.kind = FOAL__SIM_CALM};
    if (foal__sim_telling) foal__sim_tell(&entry);
  }
}

/* Events that are due, and time when nobody is ready. */
static void let_happen(void)
{
  while (e.heap_count > 0 && e.heap[0]->due_ns <= e.now_ns &&
         (e.ready_count == 0 || foal__sim_draw(FOAL__SIM_S_order, 2) == 0)) {
    fire_first();
  }
  while (e.ready_count == 0) {
    foal__sim_audit(); /* all wait: the best moment to see whom nobody will wake */
    check_limits();
    if (e.heap_count == 0) {
      if (e.quiet == NULL || !e.quiet()) stuck();
      continue;
    }
    if (e.heap[0]->due_ns > e.now_ns) e.now_ns = e.heap[0]->due_ns;
    fire_first();
  }
}

static foal__sim_fiber *most_urgent(void)
{
  foal__sim_fiber *best = e.ready[0];
  for (uint32_t i = 1; i < e.ready_count; i++) {
    if (e.ready[i]->priority > best->priority) best = e.ready[i];
  }
  return best;
}

/* Either uniformly, or by priorities that change at few points: the second finds bugs
 * that need one fiber to be late for long (PCT; Burckhardt et al., ASPLOS 2010). */
static foal__sim_fiber *choose(void)
{
  if (e.ready_count == 1) return e.ready[0];
  if (foal__sim_on(FOAL__SIM_W_priorities) && !foal__sim_draw_is_calm()) {
    if (foal__sim_draw(FOAL__SIM_S_order, CHANGE_POINTS_OF) == 0)
      most_urgent()->priority = foal__sim_draw(FOAL__SIM_S_order, 1000);
    return most_urgent();
  }
  return e.ready[foal__sim_draw(FOAL__SIM_S_order, e.ready_count)];
}

/* How many atomic operations until another fiber may come first: dense finds what needs
 * many switches, sparse what needs one at the right place, mixed what needs both. */
static void set_points(void)
{
  static const uint32_t spans[SPANS] = {PREEMPTS_DENSE, 20, 80, PREEMPTS_SPARSE};
  if (!e.fine) return;
  uint32_t which = e.span < SPANS ? e.span : foal__sim_draw(FOAL__SIM_S_order, SPANS);
  foal__sim_points = 1 + foal__sim_draw(FOAL__SIM_S_order, spans[which]);
}

static void go_on(void)
{
  foal__sim_fiber *from = e.running;
  e.steps++;
  e.now_ns += 1 + foal__sim_draw(FOAL__SIM_S_time, e.step_ns);
  check_limits();
  let_happen();
  foal__sim_fiber *to = choose();
  if (to != from) {
    foal__sim_hash(to->priority ^ (uint64_t)(to->at) << 32);
    from->self = foal__self;
    e.running = to;
    foal__sim_stack_switch(from->stack, to->stack);
    foal__self = from->self;
  }
  set_points();
}

void foal__sim_yield(void)
{
  foal_assert(e.active);
  go_on();
}

void foal__sim_relax(void)
{
  e.running->priority = 0;
  e.now_ns += RELAX_NS; /* who only waits must not use up the steps of those who work */
  go_on();
}

void foal__sim_preempt(void)
{
  if (!e.active || !e.fine || e.fibers < 2) {
    foal__sim_points = INT64_MAX;
    if (e.active && e.fine) set_points();
    return;
  }
  e.midway++;
  go_on();
  e.midway--;
}

uint32_t foal__sim_midway(void)
{
  return e.midway;
}

static void on_alarm(foal__sim_event *event)
{
  foal__sim_fiber *fiber =
      (foal__sim_fiber *)(void *)((char *)event - offsetof(foal__sim_fiber, alarm));
  if (fiber->at == 0) make_ready(fiber);
}

bool foal__sim_wait(uint64_t until_ns)
{
  foal__sim_fiber *fiber = e.running;
  foal_assert(e.active);
  if (!fiber->woken) {
    make_waiting(fiber);
    if (until_ns != FOAL__SIM_NEVER) foal__sim_event_set(&fiber->alarm, until_ns);
  }
  go_on();
  foal__sim_event_cancel(&fiber->alarm);
  bool woken = fiber->woken;
  fiber->woken = false;
  return woken;
}

void foal__sim_ready(foal__sim_fiber *fiber)
{
  fiber->woken = true;
  if (fiber->at == 0 && !fiber->done) make_ready(fiber);
}

/* ---- fibers ---- */

static void fiber_main(void *arg)
{
  foal__sim_fiber *fiber = arg;
  foal__self = NULL;
  set_points();
  fiber->run(fiber->arg);
  foal__sim_points = INT64_MAX;
  fiber->done = true;
  if (fiber->joiner != NULL) foal__sim_ready(fiber->joiner);
  make_waiting(fiber);
  go_on();
  foal__sim_fail("a fiber that had ended went on");
}

static foal__sim_fiber *fiber_make(const char *name, void (*run)(void *arg), void *arg)
{
  foal__sim_fiber *fiber = calloc(1, sizeof *fiber);
  if (fiber == NULL) abort();
  fiber->name = name;
  fiber->run = run;
  fiber->arg = arg;
  fiber->alarm.fire = on_alarm;
  fiber->stack = foal__sim_stack_new(run != NULL ? fiber_main : NULL, fiber);
  fiber->priority = foal__sim_draw(FOAL__SIM_S_order, 1000);
  make_ready(fiber);
  e.fibers++;
  return fiber;
}

static void fiber_free(foal__sim_fiber *fiber)
{
  foal__sim_event_cancel(&fiber->alarm);
  foal__sim_stack_free(fiber->stack);
  free(fiber);
  e.fibers--;
}

foal__sim_fiber *foal__sim_fiber_new(const char *name, void (*run)(void *arg), void *arg)
{
  foal_assert(e.active && run != NULL);
  return fiber_make(name, run, arg);
}

foal__sim_fiber *foal__sim_fiber_self(void)
{
  return e.running;
}

void foal__sim_fiber_join(foal__sim_fiber *fiber)
{
  foal_assert(fiber != e.running && fiber->joiner == NULL);
  fiber->joiner = e.running;
  while (!fiber->done) (void)foal__sim_wait(FOAL__SIM_NEVER);
  fiber_free(fiber);
}

/* ---- the run ---- */

void foal__sim_engine_begin(uint64_t steps_calm, uint64_t steps_max, bool fine)
{
  foal__sim_event **heap = e.heap;
  uint32_t capacity = e.heap_capacity;
  foal_assert(!e.active);
  memset(&e, 0, sizeof e);
  e.heap = heap;
  e.heap_capacity = capacity;
  e.now_ns = (uint64_t)BOOT_S * 1000000000;
  e.steps_calm = steps_calm;
  e.steps_max = steps_max;
  e.fine = fine;
  e.step_ns = 1 + foal__sim_draw(FOAL__SIM_S_setup, STEP_NS_MAX);
  e.span = foal__sim_draw(FOAL__SIM_S_setup, SPANS + 2);
  e.active = true;
  e.main = e.running = fiber_make("main", NULL, NULL);
  foal__sim_points = INT64_MAX;
  set_points();
}

void foal__sim_engine_end(void)
{
  foal_assert(e.active && e.running == e.main);
  foal__sim_points = INT64_MAX;
  if (e.fibers != 1) foal__sim_fail("left over: %u threads", e.fibers - 1);
  fiber_free(e.main);
  e.active = false;
  e.heap_count = 0;
}

void foal__sim_engine_on_quiet(bool (*quiet)(void))
{
  e.quiet = quiet;
}
