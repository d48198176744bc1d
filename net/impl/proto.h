/* proto.h - what the TCP actor tells the connection actor.
 *
 * The state of a connection actor is the user's T; foal_conn lies directly before it.
 * The behaviours below run with T as `self`, whatever T is, hence the opaque name. */
#ifndef FOAL_NET_IMPL_PROTO_H
#define FOAL_NET_IMPL_PROTO_H

#include "../../runtime/behaviour.h"
#include "transport.h"

typedef struct foal__proto foal__proto;
FOAL_TAG(foal__proto)

/* This side's address; comes before `connected`. */
FOAL_SEND1(foal__proto, local, foal__addr, local)
/* The socket works. */
FOAL_SEND1(foal__proto, connected, foal__addr, peer)
/* Bytes from the peer; to be reported as consumed. */
FOAL_SEND_ISO(foal__proto, bytes)
/* The buffer of a write is through and comes back empty: another one may be written. */
FOAL_SEND_ISO(foal__proto, credit)
/* The peer's FIN; comes after all bytes. */
FOAL_SEND0(foal__proto, eof)
/* Time is up: close gracefully, for this reason. */
FOAL_SEND1(foal__proto, expired, foal_err, why)
/* The program wants to end. */
FOAL_SEND0(foal__proto, stopping)
/* The socket is gone; the last message. FOAL_CLEAN: the peer's FIN was seen;
 * FOAL_LOCAL: it was not; else what broke it. `said`: not before all that was to be
 * written was with the system. */
FOAL_SEND2(foal__proto, closed, foal__cause, cause, bool, said)

#endif
