/* tcp_rows.h - the rows that Pony has twice, over TCP and over TLS: one function each. */
#ifndef FOAL_TESTS_CONFORMANCE_TCP_ROWS_H
#define FOAL_TESTS_CONFORMANCE_TCP_ROWS_H

#include "unit/net_kit.h"

extern point_plan rows_server, rows_client;

/* Both sides exchange frames of four bytes of length and a body. */
void rows_expect(bool tls);
/* Several buffers of one turn arrive in their order. */
void rows_writev(bool tls);
/* A muted connection is asked for nothing: `received` stays away while bytes wait. */
void rows_mute(bool tls);
/* What was sent meanwhile comes after unmute. */
void rows_unmute(bool tls);
/* Who sends to one that is muted runs out of room, and gets it again later. */
void rows_throttle(bool tls);

#endif
