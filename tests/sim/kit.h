/* kit.h - what the scenarios with connections share: certificates, contexts, and what may
 * have gone wrong in this run.
 *
 * Everything here is made once, by kit_prepare, before the first run, so that no run
 * depends on those before it: keys are derived from numbers, signatures are Ed25519, for
 * which nothing random is needed, dates are absolute (a run begins at 2030-01-01 by the
 * wall clock), and all contexts have ticket keys of their own. What a run makes beyond it
 * must be made in every run of that seed. */
#ifndef FOAL_TESTS_SIM_KIT_H
#define FOAL_TESTS_SIM_KIT_H

#include "foal.h"
#include "sim/impl/draw.h"
#include "sim/sim.h"

/* Certificates by what is special about them. All but the strange ones come from one
 * root; all are for a.test unless said otherwise. */
typedef enum kit_cert {
  KIT_GOOD,      /* Ed25519; also localhost and 127.0.0.1 */
  KIT_P256,      /* an ECDSA key */
  KIT_B,         /* for b.test */
  KIT_WILD,      /* for *.w.test */
  KIT_STRANGE,   /* from a root that nobody trusts */
  KIT_OLD,       /* expired in 2029 */
  KIT_EARLY,     /* valid from 2031 */
  KIT_SOON,      /* expires an hour after the run has begun */
  KIT_DEEP,      /* four intermediates, the most that is accepted */
  KIT_TOO_DEEP,  /* five */
  KIT_LARGE,     /* 20 KiB */
  KIT_TOO_LARGE, /* 40 KiB, more than a peer accepts */
  KIT_CLIENT,    /* for clients only */
  KIT_CLIENT_STRANGE,
  KIT_CERTS
} kit_cert;

enum { KIT_SOON_S = 3600 };

/* Makes what follows; again does nothing. Before the first run. */
void kit_prepare(void);

/* PEM texts; they live for ever. */
const char *kit_chain(kit_cert which);
const char *kit_key(kit_cert which);
const char *kit_root(void);
const char *kit_stranger(void);

/* Frozen contexts, borrowed. Servers show a.test. */
typedef enum kit_ctx {
  KIT_SERVER,        /* KIT_GOOD */
  KIT_SERVER_P256,   /* KIT_P256 */
  KIT_SERVER_OTHER,  /* as KIT_SERVER, another object: for reloads */
  KIT_SERVER_MUTUAL, /* wants certificates */
  KIT_CLIENT_ANY,    /* trusts the root */
  KIT_CLIENT_1_2,
  KIT_CLIENT_1_3,
  KIT_CLIENT_MUTUAL, /* shows KIT_CLIENT */
  KIT_CLIENT_LOST,   /* trusts nobody of ours */
  KIT_CTXS
} kit_ctx;
foal_ssl_ctx *kit_context(kit_ctx which);

/* A context to be set up further, in the run; NULL: no memory. */
foal_ssl_ctx *kit_server_with(kit_cert which);
foal_ssl_ctx *kit_client_trusting(const char *pem);

/* A setter of a context that must not fail. */
#define KIT_SET(call) kit_must_set((call), #call)
void kit_must_set(foal_err err, const char *what);

/* Ticket keys by number. */
foal_ticket_key kit_ticket_key(uint8_t number);

/* Leaves an error of somebody else in OpenSSL's queue, now and then. */
void kit_leave_error(void);

/* One bit per kind of trouble that has happened in this run and can end a connection, a
 * handshake or an attempt that would have gone well. */
uint64_t kit_trouble(void);
#define KIT_BIT(which) (UINT64_C(1) << FOAL__SIM_W_##which)
/* The kinds that change bytes. */
#define KIT_FORGED     (KIT_BIT(flip) | KIT_BIT(insert))
/* The kinds that cut. */
#define KIT_CUT        (KIT_BIT(reset) | KIT_BIT(fin) | KIT_BIT(accept_gone))
/* The kinds that refuse. */
#define KIT_REFUSED                                                                      \
  (KIT_BIT(refuse) | KIT_BIT(unreachable) | KIT_BIT(lookup) | KIT_BIT(accept_files))
/* The program's own. */
#define KIT_OWN (KIT_BIT(memory) | KIT_BIT(signal))

#endif
