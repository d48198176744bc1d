/* refuse.h - calls of other libraries that say no on demand.
 *
 * REFUSE(f, ...) stands for f: it passes the call on, or, when refuse_at asked for it,
 * answers as f answers when it cannot. The linker puts it in the place of f
 * (-Wl,--wrap=f; tests/CMakeLists.txt reads the names from the lines that begin with
 * REFUSE), so only calls from the library and the test meet it, never those that OpenSSL,
 * libuv or the C library make themselves. One call at a time is refused; which one
 * belongs to the thread that asked for it, the counts to all.                          */
#ifndef FOAL_TESTS_UNIT_REFUSE_H
#define FOAL_TESTS_UNIT_REFUSE_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct refusable {
  const char *name;
  struct refusable *next;
  atomic_uint calls;      /* since refuse_none */
  atomic_uint from, upto; /* these calls are refused; 0: none */
  atomic_int error;       /* errno of a refused call */
} refusable;

static refusable *refusables;

/* Forgets what was counted and asked for. */
static inline void refuse_none(void)
{
  for (refusable *r = refusables; r != NULL; r = r->next) {
    r->calls = 0;
    r->from = r->upto = 0;
  }
}

/* The calls from the n-th on, counted from 1 and from refuse_none, are refused. */
static inline void refuse_at(refusable *r, unsigned n, unsigned count)
{
  r->upto = n + count;
  r->from = n;
}

static inline refusable *refusable_named(const char *name)
{
  refusable *r = refusables;
  while (r != NULL && strcmp(r->name, name) != 0) r = r->next;
  return r;
}

/* The next calls of f, as many as count, are refused with this errno. */
static inline void refuse_next(const char *name, unsigned count, int error)
{
  refusable *r = refusable_named(name);
  r->error = error;
  refuse_at(r, r->calls + 1, count);
}

static inline bool refused(refusable *r)
{
  unsigned n = ++r->calls, from = r->from;
  if (from == 0 || n < from || n >= r->upto) return false;
  if (r->error != 0) errno = r->error;
  return true;
}

#define REFUSABLE_(f)                                                                    \
  static refusable refusable_##f = {.name = #f};                                         \
  __attribute__((constructor)) static void refusable_add_##f(void)                       \
  {                                                                                      \
    refusable_##f.next = refusables;                                                     \
    refusables = &refusable_##f;                                                         \
  }

/* type f params, called with args; `result` is what a refused call gives. */
#define REFUSE(f, type, params, args, result)                                            \
  REFUSABLE_(f)                                                                          \
  type __real_##f params;                                                                \
  type __wrap_##f params;                                                                \
  type __wrap_##f params                                                                 \
  {                                                                                      \
    return refused(&refusable_##f) ? (result) : __real_##f args;                         \
  }

/* The same for the calls that meet a condition only. */
#define REFUSE_IF(f, type, params, args, result, condition)                              \
  REFUSABLE_(f)                                                                          \
  type __real_##f params;                                                                \
  type __wrap_##f params;                                                                \
  type __wrap_##f params                                                                 \
  {                                                                                      \
    return (condition) && refused(&refusable_##f) ? (result) : __real_##f args;          \
  }

#endif
