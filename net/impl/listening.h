/* listening.h - what connections tell the listener that accepted them, so that it can
 * count. */
#ifndef FOAL_NET_IMPL_LISTENING_H
#define FOAL_NET_IMPL_LISTENING_H

#include "../../runtime/behaviour.h"
#include "transport.h"

FOAL_TAG(foal__listening)

/* A TLS handshake has begun (the peer's first byte came), or a begun one is over. A
 * silent connection costs next to nothing and is not counted here: it must not keep
 * others out. */
FOAL_SEND0(foal__listening, begun)
FOAL_SEND0(foal__listening, agreed)
/* A connection on this worker is gone; whether it was in a handshake that had begun. */
FOAL_SEND2(foal__listening, gone, uint32_t, worker, bool, handshaking)

#endif
