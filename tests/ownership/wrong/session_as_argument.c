/* A session does not travel as a pointer.
 *
 * expect any: a pointer cannot be sent */
#include "sink.h"

typedef struct tunnel {
  foal_ssl *session FOAL_REF;
  foal_conn *conn FOAL_REF;
} tunnel;
FOAL_TAG(tunnel)
FOAL_ACTOR(tunnel)
FOAL_BEHAVIOUR1(tunnel, adopt, foal_ssl *, session)

static void tunnel_on_adopt(tunnel *self, foal_ssl *session)
{
  self->session = session;
}
