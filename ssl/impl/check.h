/* check.h - assertions of ssl/: on in every build, and never reachable from a peer's
 * bytes.
 *
 * They guard the arguments of the program that uses the library and the session's own
 * invariants. What a peer, a file or a lack of memory can cause is an error, not an
 * assertion. ssl/ does not see the private headers of runtime/, hence one of its own.  */
#ifndef FOAL_SSL_IMPL_CHECK_H
#define FOAL_SSL_IMPL_CHECK_H

#include "../../runtime/own.h"

/* Writes the place and the broken condition, and aborts. */
_Noreturn void foal__ssl_abort(const char *file, int line, const char *text);

#define foal_check(cond)                                                                 \
  (__builtin_expect(!!(cond), 1) ? (void)0 : foal__ssl_abort(__FILE__, __LINE__, #cond))

#endif
