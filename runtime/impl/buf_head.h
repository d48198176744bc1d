/* buf_head.h - what a buffer looks like inside; for runtime/ only. */
#ifndef FOAL_IMPL_BUF_HEAD_H
#define FOAL_IMPL_BUF_HEAD_H

#include "core.h"

enum {
  FOAL__STAMP_NOBODY = 0,
  FOAL__STAMP_IN_FLIGHT = 1,
  FOAL__STAMP_FREE = 2,
  FOAL__STAMP_VAL = 3,
  FOAL__STAMPS = 16 /* actors begin here */
};

struct FOAL_ISO foal_buf {
  foal_msg msg; /* first: a buffer is its own message */
  uint8_t args[FOAL_BUF_ARGS_BYTES_MAX];
  uint32_t start, len, capacity;
  uint32_t stamp;
  _Atomic(uint32_t) refs; /* vals only */
  uint8_t secret;
  alignas(16) uint8_t bytes[];
};

/* The stamp of an actor; wraps, which a debugging aid may. */
static inline uint32_t foal__stamp_of(const foal_actor *x)
{
  return FOAL__STAMPS +
         (x->home * UINT32_C(0x9E3779B1) ^ x->id) % (UINT32_MAX - FOAL__STAMPS);
}

/* Marks the buffer as on its way, or as received by the current turn. */
void foal__buf_depart(foal_buf *b);
void foal__buf_arrive(foal_buf *b);

/* Aborts: says whose turn it is, where, what was touched and why that is wrong. */
_Noreturn void foal__buf_misused(const foal_buf *b, const char *why);

/* Buffers that no worker counts: of other threads, and of runtimes that are over. */
int64_t foal__bufs_live_elsewhere(void);
void foal__bufs_live_move(int64_t by);

#endif
