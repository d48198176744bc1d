/* fake_peer.h - the other end of a fake sock, in TLS: an OpenSSL session of its own.
 *
 * It takes what the system took from the sock and answers with segments, by itself, as
 * long as it is not held. Stands on fake_transport.h. Belongs to the one thread. */
#ifndef FAKE_PEER_H
#define FAKE_PEER_H

#include "fake_transport.h"
#include "tls/certs.h"

#include <openssl/ssl.h>

enum { FAKE_PEERS_MAX = 64 };

typedef struct fake_peer {
  SSL *ssl; /* NULL: not begun */
  unsigned sock;
  size_t seen; /* bytes of the sock that it has taken */
  uint8_t *got;
  size_t got_len;
  bool held;     /* takes nothing and says nothing */
  bool ready;    /* the handshake is over */
  bool end_seen; /* close_notify came */
  bool failed;   /* the session is broken */
} fake_peer;

/* Begins a session on a sock, behind the plain bytes that are out: as the client of our
 * server, without looking at its certificate, or as the server of our client. */
void fake_peer_call(fake_peer *p, unsigned sock);
void fake_peer_serve(fake_peer *p, unsigned sock, const test_cert *cert);
/* Ends all of them. */
void fake_peers_end(void);

/* Moves what can be moved, for all of them: a fake_react. */
bool fake_peers_move(void);
/* Takes what is out, and gives the answer. true: something moved. */
bool fake_peer_move(fake_peer *p);
/* Says this plaintext, or close_notify, with the next move. */
void fake_peer_say(fake_peer *p, const void *bytes, size_t len);
void fake_peer_notify(fake_peer *p);

#endif
