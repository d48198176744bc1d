/* guest.c - see guest.h. One word: who is inside, and whether the door is closed. It lies
 * outside the runtime, so that looking at it is always safe. */
#include "guest.h"

#include "assert.h"
#include "atomic.h"
#include "thread.h"

#include <stdint.h>

#define CLOSED (UINT32_C(1) << 31)

static _Atomic(uint32_t) door = CLOSED;

bool foal__guest_enter(void)
{
  /* Acquire: pairs with the release in foal__guests_admit. */
  if ((foal__add(&door, 1, acquire) & CLOSED) == 0) return true;
  foal__sub(&door, 1, relaxed); /* nothing was touched */
  return false;
}

void foal__guest_leave(void)
{
  /* Release: what was done inside comes before the end of the runtime. */
  uint32_t before = foal__sub(&door, 1, release);
  foal_assert((before & ~CLOSED) > 0);
}

void foal__guests_admit(void)
{
  uint32_t before = foal__and(&door, ~CLOSED, release);
  foal_assert((before & CLOSED) != 0);
}

void foal__guests_expel(void)
{
  uint32_t before = foal__or(&door, CLOSED, relaxed);
  foal_assert((before & CLOSED) == 0);
  /* A visit is a few dozen instructions, or one system call. Acquire: pairs with the
   * release in foal__guest_leave. */
  while (foal__load(&door, acquire) != CLOSED) foal__thread_yield();
}
