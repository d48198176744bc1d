/* buf.h - the iso buffer: bytes with exactly one owner, moved by address.
 *
 * A foal_buf is owned by one variable, slot, queue or message. Functions that take it get
 * its address and leave NULL behind. Its header is also the message that carries it, so a
 * send allocates nothing. Frozen, it becomes a foal_val: immutable, shared, counted.
 *
 *    front space | live bytes (data, len) | room
 *
 * A buffer never grows: to hold more, make a larger one and foal_buf_swap. Buffers can be
 * made and dropped without a runtime, too, before foal_start and after foal_run.
 *
 * In debug builds every access checks the owner stamp: touching a buffer that was sent
 * aborts and names the actor, the behaviour and the place. Under AddressSanitizer the
 * bytes of a buffer in flight are poisoned. */
#ifndef FOAL_BUF_H
#define FOAL_BUF_H

#include "own.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct FOAL_ISO foal_buf foal_buf; /* iso */
typedef struct FOAL_VAL foal_val foal_val; /* val */

enum {
  FOAL_BUF_BYTES_MAX = 1 << 20, /* the largest capacity of one buffer */
};

/** Makes an empty buffer.
 *  out       out-owned iso; untouched on failure
 *  capacity  bytes of room wanted, 0 .. FOAL_BUF_BYTES_MAX; the pool may give more
 *  runs      anywhere
 *  fails     false: out of memory, or capacity above the maximum */
FOAL_API bool foal_buf_new(foal_buf **out, size_t capacity) FOAL_MAKES(*out);

/** Makes a buffer that holds a copy of the bytes.
 *  out    out-owned iso
 *  bytes  borrowed, len bytes; may be NULL when len is 0
 *  len    bytes, 0 .. FOAL_BUF_BYTES_MAX
 *  runs   anywhere
 *  fails  false: as foal_buf_new */
FOAL_API bool foal_buf_from(foal_buf **out, const void *bytes, size_t len)
    FOAL_MAKES(*out);

/** Gives the buffer back to its pool.
 *  b      iso, moved; *b is NULL on return
 *  runs   anywhere */
FOAL_API void foal_buf_drop(foal_buf **b) FOAL_TAKES(*b);

/** How many bytes it holds.
 *  b      iso, borrowed
 *  runs   anywhere */
FOAL_API size_t foal_buf_len(const foal_buf *b) FOAL_READS(b);

/** How many bytes can still be appended.
 *  b      iso, borrowed
 *  runs   anywhere */
FOAL_API size_t foal_buf_room(const foal_buf *b) FOAL_READS(b);

/** The bytes, to be read. Never store the result: it dies with the next move.
 *  b      iso, borrowed
 *  returns foal_buf_len(b) readable bytes, never NULL
 *  runs   anywhere */
FOAL_API const uint8_t *foal_buf_data(const foal_buf *b) FOAL_READS(b);

/** The bytes, to be changed in place. Never store the result.
 *  b      iso, borrowed
 *  returns foal_buf_len(b) writable bytes, never NULL
 *  runs   anywhere */
FOAL_API uint8_t *foal_buf_bytes(foal_buf *b) FOAL_USES(b);

/** The free space behind the bytes; fill it, then foal_buf_extend. Never store the
 *  result.
 *  b      iso, borrowed
 *  returns foal_buf_room(b) writable bytes, never NULL
 *  runs   anywhere */
FOAL_API uint8_t *foal_buf_tail(foal_buf *b) FOAL_USES(b);

/** Declares bytes that were written at the tail as held.
 *  b      iso, borrowed
 *  len    bytes, at most foal_buf_room(b), else the program aborts
 *  runs   anywhere */
FOAL_API void foal_buf_extend(foal_buf *b, size_t len) FOAL_USES(b);

/** Appends as many of the bytes as there is room for; the buffer does not grow.
 *  b      iso, borrowed
 *  bytes  borrowed, len bytes; may be NULL when len is 0
 *  len    bytes
 *  returns how many were appended
 *  runs   anywhere */
FOAL_API size_t foal_buf_append(foal_buf *b, const void *bytes, size_t len) FOAL_USES(b);

/** Removes bytes from the front.
 *  b      iso, borrowed
 *  len    bytes, at most foal_buf_len(b), else the program aborts
 *  runs   anywhere */
FOAL_API void foal_buf_consume(foal_buf *b, size_t len) FOAL_USES(b);

/** Removes bytes from the end.
 *  b      iso, borrowed
 *  len    bytes to keep, at most foal_buf_len(b), else the program aborts
 *  runs   anywhere */
FOAL_API void foal_buf_truncate(foal_buf *b, size_t len) FOAL_USES(b);

/** Moves the first bytes into a new buffer (by copy; the rest stays where it is).
 *  b      iso, borrowed; loses its first len bytes on success, unchanged on failure
 *  len    bytes, at most foal_buf_len(b), else the program aborts
 *  out    out-owned iso with these bytes
 *  runs   anywhere
 *  fails  false: out of memory */
FOAL_API bool foal_buf_split(foal_buf *b, size_t len, foal_buf **out) FOAL_USES(b)
    FOAL_MAKES(*out);

/** Exchanges two buffers: the way to put a larger one in the place of a borrowed one.
 *  a, b   iso, borrowed
 *  runs   anywhere */
FOAL_UNUSED static inline void foal_buf_swap(foal_buf **a, foal_buf **b) FOAL_USES(*a)
    FOAL_USES(*b);
FOAL_UNUSED static inline void foal_buf_swap(foal_buf **a, foal_buf **b)
{
  foal_buf *other = *a;
  *a = *b;
  *b = other;
}

/** Marks it: all bytes, held or not, are overwritten with zeros before the memory is used
 *  again, also when the buffer is dropped because its receiver has ended. For keys and
 *  passwords.
 *  b      iso, borrowed
 *  runs   anywhere */
FOAL_API void foal_buf_mark_secret(foal_buf *b) FOAL_USES(b);

/** Freezes: from now on nobody writes, everybody may read.
 *  b      iso, moved; *b is NULL on return
 *  out    out-owned val
 *  runs   anywhere
 *  cost   none: the same memory */
FOAL_API void foal_buf_freeze(foal_buf **b, foal_val **out) FOAL_TAKES(*b)
    FOAL_GIVES(*out);

/** Makes one more handle on the same frozen bytes.
 *  v      val, borrowed
 *  out    out-owned val
 *  runs   anywhere
 *  cost   one atomic increment */
FOAL_API void foal_val_share(const foal_val *v, foal_val **out) FOAL_READS(v)
    FOAL_GIVES(*out);

/** Gives one handle up; the last one frees the bytes.
 *  v      val, moved; *v is NULL on return
 *  runs   anywhere */
FOAL_API void foal_val_drop(foal_val **v) FOAL_TAKES(*v);

/** How many bytes it holds.
 *  v      val, borrowed
 *  runs   anywhere */
FOAL_API size_t foal_val_len(const foal_val *v) FOAL_READS(v);

/** The bytes. Never store the result beyond the handle.
 *  v      val, borrowed
 *  returns foal_val_len(v) readable bytes, never NULL
 *  runs   anywhere */
FOAL_API const uint8_t *foal_val_data(const foal_val *v) FOAL_READS(v);

/* Debug builds note the place of every access, for the abort that names it. */
#if defined(FOAL_DEBUG) && !defined(FOAL_NO_PLACES)
#  define FOAL_AT_                 foal__at(__FILE__, __LINE__)
#  define foal_buf_drop(b)         (FOAL_AT_, foal_buf_drop(b))
#  define foal_buf_len(b)          (FOAL_AT_, foal_buf_len(b))
#  define foal_buf_room(b)         (FOAL_AT_, foal_buf_room(b))
#  define foal_buf_data(b)         (FOAL_AT_, foal_buf_data(b))
#  define foal_buf_bytes(b)        (FOAL_AT_, foal_buf_bytes(b))
#  define foal_buf_tail(b)         (FOAL_AT_, foal_buf_tail(b))
#  define foal_buf_extend(b, n)    (FOAL_AT_, foal_buf_extend(b, n))
#  define foal_buf_consume(b, n)   (FOAL_AT_, foal_buf_consume(b, n))
#  define foal_buf_truncate(b, n)  (FOAL_AT_, foal_buf_truncate(b, n))
#  define foal_buf_append(b, p, n) (FOAL_AT_, foal_buf_append(b, p, n))
#endif
FOAL_API void foal__at(const char *file, int line);

#endif
