/* lookup_sim.c - name look-ups: every name has addresses, and all lead to this program,
 * but for names that begin with "holes".
 *
 * A look-up takes its time in the world and is answered under the poll, as in
 * net/lookup_uv.c: a stale tag is harmless, there is nothing to cancel. Belongs to the
 * worker it was made on. */
#include "../net/impl/transport.h"
#include "../runtime/bufq.h"
#include "../runtime/impl/alloc.h"
#include "../runtime/impl/assert.h"
#include "../runtime/impl/worker.h"
#include "impl/pending.h"
#include "impl/wire.h"

#include <string.h>

#define MS UINT64_C(1000000)

enum {
  HOST_BYTES_MAX = 253,
  ADDRS_MAX = 4,
  USUAL_NS_MAX = 20000000,
  LONG_MS_MAX = 20000
};

typedef struct lookup {
  foal__sim_event event;     /* first */
  foal__sim_pending pending; /* of the poll that answers */
  foal__poller *poller;
  foal_tag to;
  const foal_behaviour *done;
  foal_slot answer; /* made beforehand: an answer always comes */
  foal__addr addrs[ADDRS_MAX];
  uint32_t count;
} lookup;

static foal__addr address(bool local, uint16_t port)
{
  foal__addr addr = {.port = port};
  uint64_t random = foal__sim_draw64(FOAL__SIM_S_net);
  addr.family = (random & 1) != 0 ? 6 : 4;
  if (local && addr.family == 6) {
    addr.ip[15] = 1;
  } else if (local) {
    memcpy(addr.ip, (uint8_t[]){127, 0, 0, 1}, 4);
  } else if (addr.family == 6) {
    memcpy(addr.ip, (uint8_t[]){0x20, 0x01, 0x0d, 0xb8}, 4);
    memcpy(addr.ip + 8, &random, 8);
  } else {
    memcpy(addr.ip, (uint8_t[]){203, 0, 113, (uint8_t)(random >> 8)}, 4);
  }
  return addr;
}

/* "holes3.test": three addresses that nobody answers at, then one that works;
 * "holes4.test": nothing else. */
static bool resolve_holes(lookup *l, const char *host, uint16_t port)
{
  if (strncmp(host, "holes", 5) != 0 || host[5] < '0' || host[5] > '0' + ADDRS_MAX)
    return false;
  uint32_t holes = (uint32_t)(host[5] - '0');
  for (uint32_t i = 0; i < ADDRS_MAX && i <= holes; i++) {
    l->addrs[i] = (foal__addr){.port = port, .family = 4};
    memcpy(l->addrs[i].ip, (uint8_t[]){192, 0, 2, (uint8_t)(i + 1)}, 4);
    if (i == holes) memcpy(l->addrs[i].ip, (uint8_t[]){127, 0, 0, 1}, 4);
    l->count = i + 1;
  }
  return true;
}

static void resolve(lookup *l, const char *host, uint16_t port)
{
  if (resolve_holes(l, host, port)) return;
  bool local = strcmp(host, "localhost") == 0;
  l->count = 1 + foal__sim_draw(FOAL__SIM_S_net, local ? 1 : ADDRS_MAX);
  for (uint32_t i = 0; i < l->count; i++) l->addrs[i] = address(local, port);
}

static void run_answer(foal__sim_pending *item)
{
  lookup *l = (lookup *)(void *)((char *)item - offsetof(lookup, pending));
  foal_buf *b;
  foal__sim_poller_count(l->poller, -1);
  foal__sim_world.lookups--;
  foal__count(FOAL__C_works_live, -1);
  if (foal_slot_take(&l->answer, &b)) {
    (void)foal_buf_append(b, l->addrs, l->count * sizeof(foal__addr));
    foal__post_buf(l->to, l->done, &b);
  }
  foal__free(l);
}

static void on_found(foal__sim_event *event)
{
  lookup *l = (lookup *)(void *)event;
  foal__sim_pend(l->poller, &l->pending);
}

static uint64_t trouble(lookup *l)
{
  uint32_t how = foal__sim_how(FOAL__SIM_W_lookup, 3);
  foal__sim_tell_trouble(FOAL__SIM_W_lookup, 0, how == 0 ? "takes long" : "fails");
  if (how != 0) l->count = 0;
  return how == 1 ? 0 : foal__sim_how(FOAL__SIM_W_lookup, LONG_MS_MAX) * MS;
}

/* A name that cannot even be asked for: it has no address. */
static void answer_nothing(lookup *l)
{
  foal_buf *b;
  if (foal_slot_take(&l->answer, &b)) foal__post_buf(l->to, l->done, &b);
  foal__free(l);
}

bool foal__transport_lookup(const char *host, uint16_t port, foal_tag to,
                            const foal_behaviour *done)
{
  foal__poller *poller = foal__worker_poller();
  foal_buf *b;
  foal_assert(host != NULL && done != NULL && poller != NULL);
  lookup *l = foal__alloc(sizeof *l);
  if (l == NULL) return false;
  if (!foal_buf_new(&b, FOAL__LOOKUP_ADDRS_MAX * sizeof(foal__addr))) {
    foal__free(l);
    return false;
  }
  *l = (lookup){.event = {.fire = on_found},
                .pending = {.run = run_answer},
                .poller = poller,
                .to = to,
                .done = done};
  foal_slot_put(&l->answer, &b);
  if (host[0] == '\0' || strlen(host) > HOST_BYTES_MAX) {
    answer_nothing(l);
    return true;
  }
  resolve(l, host, port);
  uint64_t ns = foal__sim_some(FOAL__SIM_S_time, USUAL_NS_MAX);
  if (foal__sim_fires(FOAL__SIM_W_lookup)) ns += trouble(l);
  foal__sim_event_set(&l->event, foal__sim_now_ns() + ns);
  foal__sim_poller_count(poller, 1);
  foal__sim_world.lookups++;
  foal__count(FOAL__C_works_live, 1);
  return true;
}
