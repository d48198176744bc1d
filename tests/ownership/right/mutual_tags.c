/* Two actor types that know each other: tags and sends first, handlers behind.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

FOAL_TAG(ping)
FOAL_TAG(pong)
typedef struct ping {
  uint32_t left;
} ping;
typedef struct pong {
  ping_tag last;
} pong;
FOAL_ACTOR(ping)
FOAL_ACTOR(pong)
FOAL_BEHAVIOUR1(ping, back, pong_tag, from)
FOAL_BEHAVIOUR1(pong, hit, ping_tag, from)

static void ping_on_back(ping *self, pong_tag from)
{
  if (self->left-- > 0) pong_hit(from, ping_self(self));
}

static void pong_on_hit(pong *self, ping_tag from)
{
  self->last = from;
  ping_back(from, pong_self(self));
}
