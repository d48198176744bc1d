/* lookup_uv.c - name look-ups on libuv's blocking pool.
 *
 * A look-up belongs to nobody: it answers to a tag, and a stale tag is harmless, so
 * there is nothing to cancel. Belongs to the thread of the worker it was made on. */
#include "impl/transport.h"

#include "../runtime/bufq.h"
#include "../runtime/impl/alloc.h"
#include "../runtime/impl/assert.h"
#include "../runtime/impl/worker.h"
#include "impl/loop.h"

#include <netdb.h>
#include <string.h>

typedef struct lookup {
  uv_getaddrinfo_t req;
  foal__poller *poller;
  foal_tag to;
  const foal_behaviour *done;
  uint16_t port;
  foal_slot answer; /* made beforehand: an answer always comes */
} lookup;

/* Appends what was found; the buffer has room for FOAL__LOOKUP_ADDRS_MAX. */
static void collect(foal_buf *b, const struct addrinfo *found, uint16_t port) FOAL_USES(b)
{
  foal_assert(foal_buf_room(b) >= FOAL__LOOKUP_ADDRS_MAX * sizeof(foal__addr));
  for (uint32_t n = 0; found != NULL && n < FOAL__LOOKUP_ADDRS_MAX;
       found = found->ai_next) {
    foal__addr addr = foal__addr_from(found->ai_addr);
    if (addr.family == 0) continue;
    addr.port = port;
    n++;
    size_t taken = foal_buf_append(b, &addr, sizeof addr);
    foal_assert(taken == sizeof addr);
  }
}

static void on_found(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
  lookup *l = (lookup *)req->data;
  foal_buf *b;
  foal_assert(l != NULL);
  foal__poller_count(l->poller, -1);
  foal__count(FOAL__C_works_live, -1);
  if (foal_slot_take(&l->answer, &b)) {
    if (status == 0) collect(b, found, l->port);
    foal__post_buf(l->to, l->done, &b);
  }
  uv_freeaddrinfo(found);
  foal__free(l);
}

/* A name that cannot even be asked for: it has no address. */
static void answer_nothing(lookup *l)
{
  foal_buf *b;
  if (foal_slot_take(&l->answer, &b)) foal__post_buf(l->to, l->done, &b);
}

bool foal__transport_lookup(const char *host, uint16_t port, foal_tag to,
                            const foal_behaviour *done)
{
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
  foal__poller *poller = foal__worker_poller();
  foal_buf *b;
  foal_assert(host != NULL && done != NULL && poller != NULL);
  lookup *l = foal__alloc(sizeof *l);
  if (l == NULL) return false;
  memset(l, 0, sizeof *l);
  if (!foal_buf_new(&b, FOAL__LOOKUP_ADDRS_MAX * sizeof(foal__addr))) {
    foal__free(l);
    return false;
  }
  foal_slot_put(&l->answer, &b);
  l->poller = poller;
  l->to = to;
  l->done = done;
  l->port = port;
  l->req.data = l;
  int status =
      uv_getaddrinfo(foal__poller_loop(poller), &l->req, on_found, host, NULL, &hints);
  if (status != 0) {
    if (status != UV_ENOMEM) answer_nothing(l);
    foal_slot_clear(&l->answer);
    foal__free(l);
    return status != UV_ENOMEM;
  }
  foal__poller_count(poller, 1);
  foal__count(FOAL__C_works_live, 1);
  return true;
}
