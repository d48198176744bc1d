/* mesh_books.c - see mesh_books.h. */
#include "mesh_books.h"

#include <stdio.h>

mesh_book mesh_books;

void mesh_note(_Atomic(int64_t) *book)
{
  atomic_fetch_add_explicit(book, 1, memory_order_relaxed);
}

uint64_t mesh_random(uint64_t *seed)
{
  *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *seed >> 33;
}

FOAL_TRUSTED void mesh_fill(foal_buf *b, uint64_t seed)
{
  size_t len = 1 + seed % BUF_BYTES_MAX;
  if (len > foal_buf_room(b)) len = foal_buf_room(b);
  uint8_t *tail = foal_buf_tail(b);
  for (size_t i = 0; i < len; i++) tail[i] = (uint8_t)(seed + i);
  foal_buf_extend(b, len);
}

void mesh_check(const uint8_t *bytes, size_t len)
{
  for (size_t i = 1; i < len; i++) {
    if (bytes[i] == (uint8_t)(bytes[0] + i)) continue;
    mesh_note(&mesh_books.spoiled);
    return;
  }
  if (len == 0) mesh_note(&mesh_books.spoiled);
}

int mesh_complain(const char *what)
{
  fprintf(stderr, "mesh: %s\n", what);
  return 1;
}

int mesh_balance(const foal_counters *c, bool stopped)
{
  int wrong = 0;
  if (mesh_books.spoiled != 0) wrong += mesh_complain("bytes were spoiled");
  if (mesh_books.disordered != 0)
    wrong += mesh_complain("messages of one pair came out of order");
  if (mesh_books.early != 0) wrong += mesh_complain("a timer was early");
  if (mesh_books.misplaced != 0)
    wrong += mesh_complain("something ran where or when it must not");
  if (c->actors_live != 0) wrong += mesh_complain("actors are left");
  if (c->bufs_live != 0) wrong += mesh_complain("buffers are left");
  if (c->timers_live != 0) wrong += mesh_complain("timers are left");
  if (c->works_live != 0) wrong += mesh_complain("work is left");
  if (c->messages_lost != 0) wrong += mesh_complain("messages were lost");
  if (mesh_books.flies_made != mesh_books.flies_ended)
    wrong += mesh_complain("mayflies are missing");
  if (stopped) return wrong;
  if (mesh_books.tokens_sent != mesh_books.tokens_done)
    wrong += mesh_complain("tokens are missing");
  if (mesh_books.outside_sent != mesh_books.outside_done)
    wrong += mesh_complain("mail from outside is missing");
  if (mesh_books.bufs_sent != mesh_books.bufs_done)
    wrong += mesh_complain("parcels are missing");
  if (mesh_books.vals_sent != mesh_books.vals_done)
    wrong += mesh_complain("vals are missing");
  if (mesh_books.watches != mesh_books.downs) wrong += mesh_complain("downs are missing");
  if (mesh_books.works_begun != mesh_books.works_done)
    wrong += mesh_complain("work is missing");
  if (mesh_books.timers_armed != mesh_books.timers_rung + mesh_books.timers_cancelled) {
    wrong += mesh_complain("timers are missing");
  }
  /* The rest of the dropped ones are ends and luggage, two for each mayfly at most. */
  int64_t lost = mesh_books.fly_calls - mesh_books.fly_calls_done;
  int64_t more = 2 * mesh_books.flies_made + mesh_books.stragglers;
  if (lost > c->messages_dropped || c->messages_dropped > lost + more) {
    wrong += mesh_complain("calls of mayflies are missing");
  }
  return wrong;
}
