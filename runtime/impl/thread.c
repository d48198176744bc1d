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

  /* Signals belong to the thread that called foal_start: its loop watches them. */
  sigset_t all, before;
  sigfillset(&all);
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

void foal__thread_pin(uint32_t core)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core % foal__thread_cores(), &set);
  (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
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

void foal__thread_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}
