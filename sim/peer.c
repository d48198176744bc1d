/* peer.c - raw peers: connections whose client is no actor.
 *
 * A peer does everything in an event of its own, which is set whenever something may have
 * changed for it: so its callbacks run between turns, never inside the network's own
 * steps, and may call anything of sim.h. Peers live until the run is over. */
#include "../runtime/impl/assert.h"
#include "impl/wire.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 16384 };

struct foal_sim_peer {
  foal__sim_event event; /* first */
  foal__sim_dial dial;
  foal__sim_end *end; /* NULL: not yet, or no more */
  const foal_sim_peer_events *events;
  void *context;
  foal_sim_peer *next;
  uint8_t *unsent;
  size_t start, len, room;
  bool dialed : 1;   /* the attempt is over */
  bool opened : 1;   /* and was told */
  bool ended : 1;    /* the end was told */
  bool deaf : 1;     /* does not read */
  bool finish : 1;   /* FIN behind what is unsent */
  bool finished : 1; /* it was sent */
};

static foal_sim_peer *peers;

static void soon(foal_sim_peer *peer)
{
  if (peer->event.at == 0) foal__sim_event_set(&peer->event, foal__sim_now_ns());
}

static void on_change(foal__sim_end *end)
{
  soon(end->owner);
}

static void let_go(foal_sim_peer *peer, bool reset)
{
  if (peer->end != NULL) foal__sim_end_close(peer->end, reset);
  peer->end = NULL;
}

static void tell_ended(foal_sim_peer *peer, bool reset)
{
  if (peer->ended) return;
  peer->ended = true;
  if (reset) let_go(peer, false);
  if (peer->events->ended != NULL) peer->events->ended(peer, peer->context, reset);
}

/* ---- what it does ---- */

static void send_some(foal_sim_peer *peer)
{
  while (peer->end != NULL && peer->len > 0) {
    ptrdiff_t n = foal__sim_end_write(peer->end, peer->unsent + peer->start, peer->len);
    if (n < 0) {
      tell_ended(peer, true);
      return;
    }
    peer->start += (size_t)n;
    peer->len -= (size_t)n;
    if (peer->len > 0 && !foal__sim_end_has_room(peer->end)) return;
    if (n == 0) {
      soon(peer);
      return;
    }
  }
  if (peer->end != NULL && peer->finish && !peer->finished) {
    peer->finished = true;
    foal__sim_end_finish(peer->end);
  }
}

static void receive(foal_sim_peer *peer)
{
  static uint8_t bytes[READ_BYTES];
  while (peer->end != NULL && !peer->deaf && !peer->ended) {
    ptrdiff_t n = foal__sim_end_read(peer->end, bytes, sizeof bytes);
    if (n == 0) return;
    if (n < 0) {
      tell_ended(peer, n != FOAL__SIM_EOF);
    } else if (peer->events->received != NULL) {
      peer->events->received(peer, peer->context, bytes, (size_t)n);
    }
  }
}

static void act(foal__sim_event *event)
{
  foal_sim_peer *peer = (foal_sim_peer *)(void *)event;
  if (!peer->dialed) return;
  if (!peer->opened && peer->end != NULL) {
    peer->opened = true;
    if (peer->events->connected != NULL) peer->events->connected(peer, peer->context);
  }
  if (peer->end == NULL) tell_ended(peer, true);
  send_some(peer);
  receive(peer);
  if (peer->ended && peer->finished && peer->len == 0) let_go(peer, false);
}

static void on_dialed(foal__sim_dial *dial, int status, foal__sim_end *end)
{
  foal_sim_peer *peer =
      (foal_sim_peer *)(void *)((char *)dial - offsetof(foal_sim_peer, dial));
  (void)status;
  peer->dialed = true;
  peer->end = end;
  if (end != NULL) {
    end->owner = peer;
    end->readable = end->writable = on_change;
  }
  soon(peer);
}

/* ---- what it is told to do ---- */

foal_sim_peer *foal_sim_peer_connect(uint16_t port, const foal_sim_peer_events *events,
                                     void *context)
{
  const foal__addr to = {.ip = {127, 0, 0, 1}, .port = port, .family = 4};
  foal_assert(events != NULL);
  foal_sim_peer *peer = calloc(1, sizeof *peer);
  if (peer == NULL) abort();
  peer->event.fire = act;
  peer->dial.done = on_dialed;
  peer->events = events;
  peer->context = context;
  peer->next = peers;
  peers = peer;
  if (foal__sim_dial_begin(&peer->dial, &to) != 0) {
    peer->dialed = true;
    soon(peer);
  }
  return peer;
}

void foal_sim_peer_send(foal_sim_peer *peer, const void *bytes, size_t len)
{
  foal_assert(peer != NULL);
  if (len == 0 || peer->finish || (peer->dialed && peer->end == NULL)) return;
  if (peer->start + peer->len + len > peer->room) {
    size_t room = 2 * (peer->len + len);
    uint8_t *unsent = malloc(room);
    if (unsent == NULL) abort();
    if (peer->len > 0) memcpy(unsent, peer->unsent + peer->start, peer->len);
    free(peer->unsent);
    peer->unsent = unsent;
    peer->room = room;
    peer->start = 0;
  }
  memcpy(peer->unsent + peer->start + peer->len, bytes, len);
  peer->len += len;
  soon(peer);
}

void foal_sim_peer_finish(foal_sim_peer *peer)
{
  foal_assert(peer != NULL);
  peer->finish = true;
  soon(peer);
}

void foal_sim_peer_reset(foal_sim_peer *peer)
{
  foal_assert(peer != NULL);
  if (!peer->dialed) foal__sim_dial_cancel(&peer->dial);
  peer->dialed = true;
  peer->len = 0;
  let_go(peer, true);
  peer->ended = true; /* it knows */
}

void foal_sim_peer_read(foal_sim_peer *peer, bool on)
{
  foal_assert(peer != NULL);
  peer->deaf = !on;
  if (on) soon(peer);
}

void foal__sim_peers_end(void)
{
  while (peers != NULL) {
    foal_sim_peer *peer = peers;
    peers = peer->next;
    foal__sim_event_cancel(&peer->event);
    foal__sim_dial_cancel(&peer->dial);
    let_go(peer, false);
    free(peer->unsent);
    free(peer);
  }
}
