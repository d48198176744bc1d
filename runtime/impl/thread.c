/* thread.c - threads for workers, over pthread. */
#include "thread.h"

#include "alloc.h"
#include "assert.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

struct foal__thread {
  pthread_t id;
  void (*run)(void *arg);
  void *arg;
};

static const int own_faults[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                 SIGTRAP, SIGABRT, SIGSYS, SIGPROF};

static _Thread_local struct {
  cpu_set_t cores;
  bool pinned;
} before_pin;

static void *begin(void *p)
{
  foal__thread *thread = p;
  thread->run(thread->arg);
  return NULL;
}

bool foal__thread_start(foal__thread **out, void (*run)(void *arg), void *arg)
{
  foal__thread *thread = foal__alloc(sizeof *thread);
  foal_assert(out != NULL && run != NULL);
  if (thread == NULL) return false;
  thread->run = run;
  thread->arg = arg;

  /* Signals belong to the thread that called foal_start: its loop watches them. Those
   * that say what the thread itself has done stay open, for sanitizers and crash
   * handlers. */
  sigset_t all, before;
  sigfillset(&all);
  for (size_t i = 0; i < sizeof own_faults / sizeof *own_faults; i++) {
    sigdelset(&all, own_faults[i]);
  }
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int rc = pthread_create(&thread->id, NULL, begin, thread);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (rc != 0) {
    foal__free(thread);
    return false;
  }
  *out = thread;
  return true;
}

void foal__thread_join(foal__thread **thread)
{
  foal_assert(thread != NULL && *thread != NULL);
  int rc = pthread_join((*thread)->id, NULL);
  foal_assert(rc == 0);
  foal__free(*thread);
  *thread = NULL;
}

void foal__thread_pin(uint32_t n)
{
  cpu_set_t *may = &before_pin.cores;
  foal_assert(!before_pin.pinned);
  if (sched_getaffinity(0, sizeof *may, may) != 0) return;
  int count = CPU_COUNT(may);
  if (count <= 0) return;
  size_t core = 0;
  for (uint32_t left = n % (uint32_t)count;; core++) {
    if (CPU_ISSET(core, may) && left-- == 0) break;
  }
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  before_pin.pinned = pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0;
}

void foal__thread_unpin(void)
{
  if (!before_pin.pinned) return;
  before_pin.pinned = false;
  (void)pthread_setaffinity_np(pthread_self(), sizeof before_pin.cores,
                               &before_pin.cores);
}

uint32_t foal__thread_cores(void)
{
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    int count = CPU_COUNT(&set);
    return count > 0 ? (uint32_t)count : 1;
  }
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (uint32_t)online : 1;
}

void foal__thread_yield(void)
{
  (void)sched_yield();
}

void foal__thread_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}
