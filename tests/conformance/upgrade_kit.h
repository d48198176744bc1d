/* upgrade_kit.h - one plain connection on a fake sock, to be turned into TLS.
 *
 * The connection is that of a client or a server; it is open when step 1 of the test's
 * script runs, and its peer is up_other once the test has begun that. Told TALK_CALL, it
 * does what the argument says and notes the result in its journal. */
#ifndef UPGRADE_KIT_H
#define UPGRADE_KIT_H

#include "fake_peer.h"
#include "lori_kit.h"

enum {
  UP_UPGRADE,            /* "upgrade:<err>" */
  UP_EXPECT_AND_UPGRADE, /* after another frame size */
  UP_ROOM                /* "room:some" or "room:none" */
};

extern talk_plan up_plan;
extern talk_tag up_one;
extern fake_peer up_other;
extern foal_conn_options up_options;
extern foal_ssl_ctx *up_ctx; /* NULL: the kit's for this side */
extern const char *up_name;  /* that the peer's certificate must carry */
extern test_cert *up_cert;

foal_err up_grade(talk *self) FOAL_TURN;
/* An `opened` that makes up_one known. */
void up_remember(talk *self);
/* A context that trusts up_cert, which it makes, for "localhost". */
foal_ssl_ctx *up_trusting(void);
/* Step 0 of every script: the connection is made. */
bool up_begin(unsigned n);
/* Runs to the end. */
void up_play(bool as_server, bool (*step)(unsigned n));

#endif
