/* A session lives in its actor: it is driven in turns only.
 *
 * expect clang: reading variable 'session' requires holding role 'foal_turn'
 * expect clang: calling function 'foal_ssl_receive' requires holding role 'foal_turn' */
#include "sink.h"

typedef struct tunnel {
  foal_ssl *session FOAL_REF;
  foal_conn *conn FOAL_REF;
} tunnel;
FOAL_TAG(tunnel)
FOAL_ACTOR(tunnel)
FOAL_BEHAVIOUR_ISO(tunnel, arrived)

static void drive(tunnel *self, foal_buf **cipher) FOAL_TAKES(*cipher);
static void drive(tunnel *self, foal_buf **cipher)
{
  foal_ssl_receive(self->session, cipher);
}

static void tunnel_on_arrived(tunnel *self, foal_buf **cipher)
{
  drive(self, cipher);
}
