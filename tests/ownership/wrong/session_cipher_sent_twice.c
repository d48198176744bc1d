/* What was encrypted goes out twice.
 *
 * expect clang: releasing iso 'out' that was not held */
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
  foal_buf *out;
  foal_ssl_receive(self->session, cipher);
  while (foal_ssl_send(self->session, &out)) {
    foal_conn_write(self->conn, &out);
    foal_conn_write(self->conn, &out);
  }
}
