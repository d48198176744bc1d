/* dial.c - staggered connection attempts; see impl/dial.h. */
#include "impl/dial.h"

#include "../runtime/impl/alloc.h"
#include "../runtime/impl/assert.h"

#include <string.h>

enum { STAGGER_MS = 250 };

foal__dial *foal__dial_new(void)
{
  foal__dial *d = foal__alloc(sizeof *d);
  if (d == NULL) return NULL;
  memset(d, 0, sizeof *d);
  d->cause = (foal__cause){FOAL_DNS_FAILED, 0};
  return d;
}

void foal__dial_begin(foal__dial *dial, const foal__addr *addrs, uint32_t count)
{
  foal_assert(dial != NULL && dial->count == 0);
  foal_assert(count <= FOAL__LOOKUP_ADDRS_MAX);
  memcpy(dial->addrs, addrs, count * sizeof addrs[0]);
  foal__addr_interleave(dial->addrs, count);
  dial->count = count;
}

/* Starts one attempt; false: it failed at once. */
static bool start(foal__dial *dial, foal__tcp *owner, uint32_t index)
{
  foal__sock *sock = NULL;
  foal_assert(dial->socks[index] == NULL);
  if (!foal__sock_new(&sock, owner)) {
    dial->cause = (foal__cause){FOAL_NO_MEMORY, 0};
    return false;
  }
  foal__cause cause = foal__sock_connect(sock, &dial->addrs[index]);
  if (cause.err != FOAL_OK) {
    dial->cause = cause;
    foal__sock_detach(sock);
    return false;
  }
  dial->socks[index] = sock;
  dial->running++;
  return true;
}

bool foal__dial_go(foal__dial *dial, foal__tcp *owner, uint64_t now_ms)
{
  foal_assert(dial != NULL && owner != NULL);
  while (dial->next < dial->count && now_ms >= dial->next_ms) {
    uint32_t index = dial->next++;
    if (start(dial, owner, index)) dial->next_ms = now_ms + STAGGER_MS;
  }
  return dial->running > 0 || dial->next < dial->count;
}

uint32_t foal__dial_find(const foal__dial *dial, const foal__sock *sock)
{
  foal_assert(dial != NULL && sock != NULL);
  for (uint32_t i = 0; i < dial->count; i++) {
    if (dial->socks[i] == sock) return i;
  }
  return FOAL__LOOKUP_ADDRS_MAX;
}

void foal__dial_failed(foal__dial *dial, uint32_t index, foal__cause cause)
{
  foal_assert(dial != NULL && cause.err != FOAL_OK);
  foal__sock *sock = foal__dial_take(dial, index);
  if (sock == NULL) return;
  foal__sock_detach(sock);
  dial->cause = cause;
  dial->next_ms = 0;
}

foal__sock *foal__dial_take(foal__dial *dial, uint32_t index)
{
  foal_assert(dial != NULL && index < FOAL__LOOKUP_ADDRS_MAX);
  foal__sock *sock = dial->socks[index];
  if (sock == NULL) return NULL;
  dial->socks[index] = NULL;
  foal_assert(dial->running > 0);
  dial->running--;
  return sock;
}

void foal__dial_drop(foal__dial **dial)
{
  foal_assert(dial != NULL);
  foal__dial *d = *dial;
  *dial = NULL;
  if (d == NULL) return;
  for (uint32_t i = 0; i < d->count; i++) {
    if (d->socks[i] != NULL) foal__sock_detach(d->socks[i]);
  }
  foal__free(d);
}
