/* buf.c - iso buffers and vals. The header begins with a message head, so a buffer can
 * be on its way without any other memory; the bytes follow the header.
 *
 * Owner stamps (debug builds): IN_FLIGHT from the send to the turn that gets it, FREE
 * in a pool, else the actor in whose turn it was made or received (0: no turn). Poison
 * (ASan): the bytes are unreadable while in flight or free. */
#define FOAL_NO_PLACES
#include "buf.h"

#include "impl/assert.h"
#include "impl/buf_head.h"
#include "impl/pool.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#  define FOAL_ASAN 1
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
#    define FOAL_ASAN 1
#  endif
#endif
#ifdef FOAL_ASAN
#  include <sanitizer/asan_interface.h>
#  define POISON(b)   ASAN_POISON_MEMORY_REGION((b)->bytes, (b)->capacity)
#  define UNPOISON(b) ASAN_UNPOISON_MEMORY_REGION((b)->bytes, (b)->capacity)
#else
#  define POISON(b)   ((void)(b))
#  define UNPOISON(b) ((void)(b))
#endif

static _Atomic(int64_t)
    live_elsewhere; /* made or dropped by threads that are not workers */

int64_t foal__bufs_live_elsewhere(void)
{
  return foal__load(&live_elsewhere, relaxed);
}

void foal__bufs_live_move(int64_t by)
{
  foal__add(&live_elsewhere, by, relaxed); /* a statistic: orders nothing */
}

static void count_live(int64_t by)
{
  foal__worker *w = foal__self;
  if (w != NULL) {
    foal__bump(w, FOAL__C_bufs_live, by);
  } else {
    foal__bufs_live_move(by);
  }
}

/* ---- owner stamps ---- */

static uint32_t stamp_here(void)
{
#ifdef FOAL_DEBUG
  foal__worker *w = foal__self;
  if (w != NULL && w->current != NULL) return foal__stamp_of(w->current);
#endif
  return FOAL__STAMP_NOBODY; /* nobody compares it: not worth a line of the actor's */
}

static void check_owner(const foal_buf *b)
{
#ifdef FOAL_DEBUG
  foal_assert(b != NULL);
  uint32_t here = stamp_here();
  if (b->stamp == here || b->stamp == FOAL__STAMP_NOBODY) return;
  if (b->stamp == FOAL__STAMP_IN_FLIGHT) foal__buf_misused(b, "it was sent already");
  if (b->stamp == FOAL__STAMP_FREE) foal__buf_misused(b, "it was dropped already");
  if (b->stamp == FOAL__STAMP_VAL) foal__buf_misused(b, "it was frozen already");
  if (here != FOAL__STAMP_NOBODY) foal__buf_misused(b, "it belongs to another actor");
#else
  foal_debug_assert(b != NULL);
  (void)b;
#endif
}

void foal__buf_depart(foal_buf *b)
{
  check_owner(b);
  b->stamp = FOAL__STAMP_IN_FLIGHT;
  POISON(b);
}

void foal__buf_arrive(foal_buf *b)
{
  foal_assert(b->stamp == FOAL__STAMP_IN_FLIGHT);
  b->stamp = stamp_here();
  UNPOISON(b);
}

/* ---- making and dropping ---- */

FOAL_TRUSTED bool(foal_buf_new)(foal_buf **out, size_t capacity)
{
  size_t got;
  uint8_t class_;
  uint16_t home;
  foal_assert(out != NULL);
  if (capacity > FOAL_BUF_BYTES_MAX) return false;
  foal_buf *b = foal__buf_take(sizeof *b + capacity, &got, &class_, &home);
  if (b == NULL) return false;
  b->msg.class_ = class_;
  b->msg.home_ = home;
  b->start = 0;
  b->len = 0;
  b->capacity = (uint32_t)(got - sizeof *b);
  b->secret = 0;
  b->stamp = stamp_here();
  UNPOISON(b);
  count_live(1);
  *out = b;
  return true;
}

FOAL_TRUSTED bool(foal_buf_from)(foal_buf **out, const void *bytes, size_t len)
{
  foal_buf *b;
  foal_assert(bytes != NULL || len == 0);
  if (!foal_buf_new(&b, len)) return false;
  if (len > 0) memcpy(b->bytes, bytes, len);
  b->len = (uint32_t)len;
  *out = b;
  return true;
}

static void let_go(foal_buf *b)
{
  if (b->secret) {
    memset(b->bytes, 0, b->capacity);
    /* The compiler may not see that nobody reads this: it is about the next owner. */
    __asm__ volatile("" : : "r"(b->bytes) : "memory");
  }
  b->stamp = FOAL__STAMP_FREE;
  count_live(-1);
  POISON(b);
#ifdef FOAL_ASAN
  if (b->msg.home_ == FOAL__NO_WORKER) UNPOISON(b);
#endif
  foal__buf_give(&b->msg);
}

FOAL_TRUSTED void(foal_buf_drop)(foal_buf **b)
{
  foal_assert(b != NULL && *b != NULL);
  check_owner(*b);
  let_go(*b);
  *b = NULL;
}

void foal__buf_must_be_gone(const foal_buf *b)
{
  if (b != NULL) foal__buf_misused(b, "the behaviour returned without moving it on");
}

/* ---- bytes ---- */

size_t(foal_buf_len)(const foal_buf *b)
{
  check_owner(b);
  return b->len;
}

size_t(foal_buf_room)(const foal_buf *b)
{
  check_owner(b);
  return b->capacity - b->start - b->len;
}

const uint8_t *(foal_buf_data)(const foal_buf *b)
{
  check_owner(b);
  return b->bytes + b->start;
}

uint8_t *(foal_buf_bytes)(foal_buf *b)
{
  check_owner(b);
  return b->bytes + b->start;
}

uint8_t *(foal_buf_tail)(foal_buf *b)
{
  check_owner(b);
  return b->bytes + b->start + b->len;
}

void(foal_buf_extend)(foal_buf *b, size_t len)
{
  foal_assert(len <= foal_buf_room(b));
  b->len += (uint32_t)len;
}

size_t(foal_buf_append)(foal_buf *b, const void *bytes, size_t len)
{
  size_t room = foal_buf_room(b);
  foal_assert(bytes != NULL || len == 0);
  if (len > room) len = room;
  if (len > 0) memcpy(b->bytes + b->start + b->len, bytes, len);
  b->len += (uint32_t)len;
  return len;
}

void(foal_buf_consume)(foal_buf *b, size_t len)
{
  check_owner(b);
  foal_assert(len <= b->len);
  b->start += (uint32_t)len;
  b->len -= (uint32_t)len;
  if (b->len == 0) b->start = 0;
}

void(foal_buf_truncate)(foal_buf *b, size_t len)
{
  check_owner(b);
  foal_assert(len <= b->len);
  b->len = (uint32_t)len;
}

bool(foal_buf_split)(foal_buf *b, size_t len, foal_buf **out)
{
  check_owner(b);
  foal_assert(len <= b->len);
  if (!foal_buf_from(out, b->bytes + b->start, len)) return false;
  foal_buf_consume(b, len);
  return true;
}

void(foal_buf_mark_secret)(foal_buf *b)
{
  check_owner(b);
  b->secret = 1;
}

/* ---- val: the same memory, counted ---- */

static const foal_buf *frozen(const foal_val *v)
{
  const foal_buf *b = (const foal_buf *)(const void *)v;
  foal_assert(b != NULL && b->stamp == FOAL__STAMP_VAL);
  return b;
}

FOAL_TRUSTED void foal_buf_freeze(foal_buf **b, foal_val **out)
{
  foal_assert(b != NULL && *b != NULL && out != NULL);
  check_owner(*b);
  (*b)->stamp = FOAL__STAMP_VAL;
  foal__store(&(*b)->refs, 1, relaxed); /* not shared yet */
  *out = (foal_val *)(void *)*b;
  *b = NULL;
}

FOAL_TRUSTED void foal_val_share(const foal_val *v, foal_val **out)
{
  foal_buf *b = (foal_buf *)(uintptr_t)frozen(v);
  /* Relaxed: whoever shares holds a handle, so the count cannot reach zero meanwhile. */
  uint32_t before = foal__add(&b->refs, 1, relaxed);
  foal_assert(before > 0 && before < UINT32_MAX);
  *out = (foal_val *)(void *)b;
}

FOAL_TRUSTED void foal_val_drop(foal_val **v)
{
  foal_assert(v != NULL && *v != NULL);
  foal_buf *b = (foal_buf *)(uintptr_t)frozen(*v);
  *v = NULL;
  /* Acq_rel: the last one frees after every other holder's reads. */
  if (foal__sub(&b->refs, 1, acq_rel) == 1) let_go(b);
}

size_t foal_val_len(const foal_val *v)
{
  return frozen(v)->len;
}

const uint8_t *foal_val_data(const foal_val *v)
{
  const foal_buf *b = frozen(v);
  return b->bytes + b->start;
}

void foal__val_must_be_gone(const foal_val *v)
{
  if (v != NULL)
    foal__buf_misused(frozen(v), "the behaviour returned without moving it on");
}

/* ---- as messages ---- */

void *foal__buf_args(foal_buf *b)
{
  foal_assert(b != NULL);
  return b->args;
}

FOAL_TRUSTED void foal__buf_of(foal_msg *m, foal_buf **out)
{
  foal_buf *b = (foal_buf *)(void *)m;
  foal__buf_arrive(b);
  *out = b;
}

void foal__buf_msg_drop(foal_msg *m)
{
  foal_buf *b = (foal_buf *)(void *)m;
  foal__buf_arrive(b);
  let_go(b);
}

FOAL_TRUSTED void foal__val_msg_drop(foal_msg *m)
{
  foal_val *v = *(foal_val **)foal__args(m);
  foal_val_drop(&v);
}
