/* ssl_ways.h - the ways in which a row about sessions is driven: under both versions,
 * in whole flights and byte by byte. A row that holds in one way only is no row that is
 * kept.                                                                                */
#ifndef FOAL_TESTS_CONFORMANCE_SSL_WAYS_H
#define FOAL_TESTS_CONFORMANCE_SSL_WAYS_H

#include "foal_test.h"
#include "tls/pair.h"

typedef struct way {
  foal_tls version;
  size_t cut; /* bytes given to a session at once */
} way;

enum { WAYS = 4 };

static const way ways[WAYS] = {{FOAL_TLS_1_2, FOAL_SSL_CHUNK},
                               {FOAL_TLS_1_2, 1},
                               {FOAL_TLS_1_3, FOAL_SSL_CHUNK},
                               {FOAL_TLS_1_3, 1}};

/* The usual pair, its server restricted to the way's version; unfrozen. */
static inline void way_prepare(pair *p, const way *w)
{
  pair_prepare(p);
  pair_only(p, w->version);
}

/* Both sessions, and all that they say to each other without being read. */
static inline void way_shake(pair *p, const way *w, const char *host) FOAL_TURN;

static inline void way_shake(pair *p, const way *w, const char *host)
{
  pair_begin(p, host);
  pump(p->client, p->server, w->cut);
}

static inline void expect_state(const foal_ssl *s, foal_ssl_status state) FOAL_TURN;

static inline void expect_state(const foal_ssl *s, foal_ssl_status state)
{
  cr_expect_eq(foal_ssl_state(s), state, "state %d: %s", (int)foal_ssl_state(s),
               foal_ssl_reason(s));
}

/* way_prepare and way_shake for the right name, and both are ready. */
static inline void way_ready(pair *p, const way *w) FOAL_TURN;

static inline void way_ready(pair *p, const way *w)
{
  way_prepare(p, w);
  way_shake(p, w, "a.test");
  cr_assert_eq(foal_ssl_state(p->client), FOAL_SSL_READY, "%s",
               foal_ssl_reason(p->client));
  cr_assert_eq(foal_ssl_state(p->server), FOAL_SSL_READY, "%s",
               foal_ssl_reason(p->server));
}

/* Frees both sessions, so that the contexts can make others. */
static inline void way_again(pair *p) FOAL_TURN;

static inline void way_again(pair *p)
{
  foal_ssl_free(&p->client);
  foal_ssl_free(&p->server);
}

#endif
