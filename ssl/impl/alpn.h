/* alpn.h - lists of application protocols: packed for the wire, and as texts.
 *
 * Wire form (RFC 7301 3.1): one length byte, 1 .. 255, before each name; a list is never
 * empty. Every function bounds its reads by the given length and trusts no length byte.
 * The matcher is our own because SSL_select_next_proto reads past an empty list
 * (CVE-2024-5535) and, without an overlap, returns a protocol nobody agreed on.        */
#ifndef FOAL_SSL_IMPL_ALPN_H
#define FOAL_SSL_IMPL_ALPN_H

#include "../../runtime/err.h"
#include "../policy.h"

/* Zero is no list. `texts` holds count texts with a NUL behind each, one after another;
 * `wire` the same names packed. Both are owned. */
typedef struct foal__alpn {
  uint8_t *wire;
  char *texts;
  size_t wire_len;
  size_t count;
} foal__alpn;

/* Replaces the list; count 0 empties it. FOAL_BAD_ALPN and FOAL_NO_MEMORY leave it
 * alone. */
foal_err foal__alpn_set(foal__alpn *list, const char *const *names, size_t count)
    FOAL_MUST;
void foal__alpn_clear(foal__alpn *list);

/* Whether the bytes are a well-formed, non-empty list. */
bool foal__alpn_valid(const uint8_t *wire, size_t len);

/* Finds the exact name; gives the offset of its first byte (its length byte is
 * before). */
bool foal__alpn_find(const uint8_t *wire, size_t len, const char *name, size_t *offset);

/* The first name of ours that theirs has; *offset is where it lies in theirs. NULL: none,
 * or theirs is malformed. */
const char *foal__alpn_choose(const foal__alpn *ours, const uint8_t *theirs, size_t len,
                              size_t *offset);

/* Our own text for a name of len bytes; NULL: not in the list. */
const char *foal__alpn_text(const foal__alpn *ours, const uint8_t *name, size_t len);

#endif
