/* Whether the session took the bytes must be asked.
 *
 * expect clang: ignoring return value of function
 * expect gcc: ignoring return value */
#include "sink.h"

typedef struct tunnel {
  foal_ssl *session FOAL_REF;
  foal_conn *conn FOAL_REF;
} tunnel;
FOAL_TAG(tunnel)
FOAL_ACTOR(tunnel)
FOAL_BEHAVIOUR_ISO(tunnel, say)

static void tunnel_on_say(tunnel *self, foal_buf **plain)
{
  foal_ssl_write(self->session, plain);
}
