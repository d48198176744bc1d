/* assert.h - programmer errors end the program and say who, doing what, where.
 *
 * foal_assert is on in every build: it guards boundaries and states that only a bug in
 * this program can break, never something a peer can cause. foal_debug_assert guards
 * inner invariants and is on when FOAL_DEBUG is defined. */
#ifndef FOAL_IMPL_ASSERT_H
#define FOAL_IMPL_ASSERT_H

#include "../own.h"

/* Writes "foal: actor 'a' in behaviour 'b': file:line: text" and aborts. */
_Noreturn void foal__abort(const char *file, int line, const char *text);

#define foal_assert(cond)                                                                \
  (__builtin_expect(!!(cond), 1) ? (void)0 : foal__abort(__FILE__, __LINE__, #cond))

#ifdef FOAL_DEBUG
#  define foal_debug_assert(cond) foal_assert(cond)
#else
#  define foal_debug_assert(cond) ((void)sizeof(!(cond)))
#endif

#endif
