/* A TLS session driven by hand: what arrives goes in, what it says comes out, in turns
 * of one actor.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct tunnel {
  foal_ssl *session FOAL_REF;
  sink_tag wire;
  sink_tag reader;
} tunnel;
FOAL_TAG(tunnel)
FOAL_ACTOR_WITH_END(tunnel)
FOAL_BEHAVIOUR_ISO(tunnel, arrived)
FOAL_BEHAVIOUR_ISO(tunnel, say)

static void pump(tunnel *self) FOAL_TURN;

static void tunnel_on_arrived(tunnel *self, foal_buf **b)
{
  foal_ssl_receive(self->session, b);
  pump(self);
}

static void tunnel_on_say(tunnel *self, foal_buf **b)
{
  if (foal_ssl_write(self->session, b) != FOAL_OK) foal_actor_end(FOAL_TLS_FAILED);
  pump(self);
}

static void pump(tunnel *self)
{
  foal_buf *b;
  while (foal_ssl_read(self->session, 0, &b)) sink_put(self->reader, &b);
  while (foal_ssl_send(self->session, &b)) sink_put(self->wire, &b);
  if (foal_ssl_state(self->session) == FOAL_SSL_ERROR) foal_actor_end(FOAL_TLS_FAILED);
}

static void tunnel_on_end(tunnel *self)
{
  foal_ssl_free(&self->session);
}
