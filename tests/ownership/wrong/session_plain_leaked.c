/* What was decrypted goes nowhere.
 *
 * expect clang: expecting iso 'plain' to be held at start of each loop */
#include "sink.h"

typedef struct tunnel {
  foal_ssl *session FOAL_REF;
  foal_conn *conn FOAL_REF;
} tunnel;
FOAL_TAG(tunnel)
FOAL_ACTOR(tunnel)
FOAL_BEHAVIOUR_ISO(tunnel, arrived)

static void tunnel_on_arrived(tunnel *self, foal_buf **cipher)
{
  foal_buf *plain;
  foal_ssl_receive(self->session, cipher);
  while (foal_ssl_read(self->session, 0, &plain)) foal_conn_mute(self->conn);
}
