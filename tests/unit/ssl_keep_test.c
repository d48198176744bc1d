/* ssl_keep_test.c - tickets that stay in the process: they resume as saved ones do, and
 * nothing that becomes of a session spoils them. */
#include "foal_test.h"
#include "ssl/impl/ctx.h"
#include "tls/pair.h"

#include <openssl/err.h>

static const foal_tls both[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};

static void end_sessions(pair *p) FOAL_TURN;

static void end_sessions(pair *p)
{
  foal_ssl_free(&p->client);
  foal_ssl_free(&p->server);
}

/* Whether the next handshake resumes. The sessions stay. */
static bool resumes(pair *p, const char *host, const foal_ssl_ticket *ticket) FOAL_TURN;

static bool resumes(pair *p, const char *host, const foal_ssl_ticket *ticket)
{
  p->server = foal_ssl_server(p->server_ctx);
  p->client = foal_ssl_client_again(p->client_ctx, host, ticket);
  pair_pump(p);
  (void)hear(p->client, 0);
  cr_expect_eq(foal_ssl_resumed(p->client), foal_ssl_resumed(p->server));
  cr_expect_eq(ERR_peek_error(), 0);
  return foal_ssl_resumed(p->client);
}

/* The ticket of a first conversation, which is over. */
static foal_ssl_ticket *first_ticket(pair *p) FOAL_TURN;

static foal_ssl_ticket *first_ticket(pair *p)
{
  pair_begin(p, "a.test");
  pair_pump(p);
  (void)hear(p->client, 0);
  foal_ssl_ticket *ticket = foal_ssl_keep(p->client);
  cr_assert_not_null(ticket);
  end_sessions(p);
  return ticket;
}

/* None of the sessions ends with close_notify, which OpenSSL holds against those whom it
 * shares its object with. */
Test(ssl_keep, a_ticket_resumes_again_and_again)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, both[i]);
    foal_ssl_ticket *ticket = first_ticket(&p);
    for (int k = 0; k < 3; k++) {
      cr_assert(resumes(&p, "a.test", ticket));
      cr_assert(foal_ssl_peer_verified(p.client));
      cr_assert(foal_ssl_peer_matches(p.client, "a.test"));
      cr_assert_eq(say(p.client, "again"), FOAL_OK);
      pair_pump(&p);
      cr_assert_str_eq(hear(p.server, 0), "again");
      end_sessions(&p);
    }
    cr_assert_eq(SSL_CTX_sess_number(p.client_ctx->tls), 0, "there is no cache");
    foal_ssl_ticket_drop(&ticket);
    cr_assert_null(ticket);
    foal_ssl_ticket_drop(&ticket);
    pair_end(&p);
  }
}

/* As RFC 8446 C.4 wants it. */
Test(ssl_keep, each_session_brings_the_ticket_of_the_next)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_only(&p, FOAL_TLS_1_3);
  foal_ssl_ticket *ticket = first_ticket(&p);
  for (int k = 0; k < 5; k++) {
    cr_assert(resumes(&p, "a.test", ticket));
    foal_ssl_ticket_drop(&ticket);
    ticket = foal_ssl_keep(p.client);
    cr_assert_not_null(ticket);
    end_sessions(&p);
  }
  foal_ssl_ticket_drop(&ticket);
  pair_end(&p);
}

Test(ssl_keep, the_last_handle_frees_it)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  foal_ssl_ticket *ticket = first_ticket(&p);
  foal_ssl_ticket *other = foal_ssl_ticket_share(ticket);
  foal_ssl_ticket_drop(&ticket);
  cr_assert(resumes(&p, "a.test", other));
  foal_ssl_ticket_drop(&other);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
  pair_end(&p);
}

Test(ssl_keep, there_is_nothing_to_keep)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_tickets(p.server_ctx, 0), FOAL_OK);
  pair_begin(&p, "a.test");
  cr_assert_null(foal_ssl_keep(p.client), "nothing was agreed");
  pair_pump(&p);
  (void)hear(p.client, 0);
  cr_assert_null(foal_ssl_keep(p.client), "the server gives no tickets");
  cr_assert_null(foal_ssl_keep(p.server), "a server does not resume");
  foal_ssl_dispose(p.client);
  cr_assert_null(foal_ssl_keep(p.client), "it is over");
  pair_end(&p);
}

/* Resuming skips the check of names, so it must be the same one. */
Test(ssl_keep, another_host_is_asked_for_its_own_proof)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  foal_ssl_ticket *ticket = first_ticket(&p);
  cr_assert_not(resumes(&p, "b.test", ticket));
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_AUTH_FAIL);
  foal_ssl_ticket_drop(&ticket);
  pair_end(&p);
}

Test(ssl_keep, other_rules_ask_for_a_new_proof)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  foal_ssl_ticket *ticket = first_ticket(&p);
  foal_ssl_ctx_drop(&p.client_ctx);
  p.client_ctx = ctx_with(NULL, p.cast.root);
  cr_assert_eq(foal_ssl_ctx_verify_depth(p.client_ctx, 1), FOAL_OK);
  cr_assert_not(resumes(&p, "a.test", ticket));
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s", foal_ssl_reason(p.client));
  foal_ssl_ticket_drop(&ticket);
  pair_end(&p);
}
