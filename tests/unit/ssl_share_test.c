/* ssl_share_test.c - one context, many threads: handles, sessions and tickets at once,
 * for ThreadSanitizer. Each thread plays both sides, every second time it resumes with
 * the ticket of all; the last handle frees the context.                                */
#include "foal_test.h"
#include "tls/pair.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 25 };

typedef struct player {
  pthread_t thread;
  foal_ssl_ctx *server, *client;
  foal_ssl_ticket *ticket;
  int talks, resumed;
} player;

static bool talk(foal_ssl *server, foal_ssl *client) FOAL_TURN;

static bool talk(foal_ssl *server, foal_ssl *client)
{
  pump(client, server, 5000);
  if (foal_ssl_state(client) != FOAL_SSL_READY) return false;
  if (say(client, "hello") != FOAL_OK) return false;
  pump(client, server, 5000);
  foal_buf *b;
  if (!foal_ssl_read(server, 5, &b)) return false;
  foal_buf_drop(&b);
  return true;
}

static void *play(void *arg)
{
  player *p = (player *)arg;
  turn_of_test();
  for (int i = 0; i < ROUNDS; i++) {
    foal_ssl_ctx *again = foal_ssl_ctx_share(p->server);
    foal_ssl *server = foal_ssl_server(again);
    foal_ssl *client = i % 2 == 0 ? foal_ssl_client(p->client, "a.test")
                                  : foal_ssl_client_again(p->client, "a.test", p->ticket);
    foal_ssl_ctx_drop(&again);
    if (server != NULL && client != NULL && talk(server, client)) p->talks++;
    p->resumed += foal_ssl_resumed(client);
    foal_ssl_free(&server);
    foal_ssl_free(&client);
  }
  foal_ssl_ctx_drop(&p->server);
  foal_ssl_ctx_drop(&p->client);
  foal_ssl_ticket_drop(&p->ticket);
  return NULL;
}

static foal_ssl_ticket *make_ticket(foal_ssl_ctx *of_server, foal_ssl_ctx *of_client)
    FOAL_TURN;

static foal_ssl_ticket *make_ticket(foal_ssl_ctx *of_server, foal_ssl_ctx *of_client)
{
  foal_ssl *server = foal_ssl_server(of_server);
  foal_ssl *client = foal_ssl_client(of_client, "a.test");
  pump(client, server, 5000);
  (void)hear_all(client);
  foal_ssl_ticket *ticket = foal_ssl_keep(client);
  foal_ssl_free(&client);
  foal_ssl_free(&server);
  return ticket;
}

Test(ssl_share, contexts_are_shared_between_threads, .timeout = 60)
{
  static const char *const web[] = {"h2"};
  player players[THREADS];
  cast people;
  turn_of_test();
  cast_make(&people);
  foal_ssl_ctx *server = ctx_with(people.server, NULL),
               *client = ctx_with(NULL, people.root);
  cr_assert_eq(foal_ssl_ctx_alpn_server(server, web, 1), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_alpn_client(client, web, 1), FOAL_OK);
  foal_ssl_ticket *ticket = make_ticket(server, client);
  cr_assert_not_null(ticket);
  for (int i = 0; i < THREADS; i++) {
    players[i] = (player){.server = foal_ssl_ctx_share(server),
                          .client = foal_ssl_ctx_share(client),
                          .ticket = foal_ssl_ticket_share(ticket)};
    cr_assert(players[i].server != NULL && players[i].client != NULL);
  }
  foal_ssl_ticket_drop(&ticket);
  foal_ssl_ctx_drop(&server);
  foal_ssl_ctx_drop(&client);
  for (int i = 0; i < THREADS; i++)
    cr_assert_eq(pthread_create(&players[i].thread, NULL, play, &players[i]), 0);
  for (int i = 0; i < THREADS; i++) {
    cr_assert_eq(pthread_join(players[i].thread, NULL), 0);
    cr_expect_eq(players[i].talks, ROUNDS);
    cr_expect_eq(players[i].resumed, ROUNDS / 2);
  }
  cr_assert_eq(foal_ssl_live_count(), 0);
  cast_free(&people);
}
