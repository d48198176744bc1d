/* upgrade_kit.c - one plain connection on a fake sock, to be turned into TLS; see
 * upgrade_kit.h.
 *
 * All of it belongs to the one test that runs in this process. */
#include "upgrade_kit.h"

talk_plan up_plan;
talk_tag up_one;
fake_peer up_other;
foal_conn_options up_options;
foal_ssl_ctx *up_ctx;
const char *up_name = "localhost";
test_cert *up_cert;

static bool as_server;

foal_err up_grade(talk *self)
{
  foal_ssl_ctx *ctx = as_server ? kit_server_ctx : kit_client_ctx;
  return foal_conn_start_tls(self->conn, up_ctx != NULL ? up_ctx : ctx, up_name);
}

FOAL_TRUSTED void up_remember(talk *self)
{
  up_one = talk_me(self);
}

HOOK called(talk *self, uint32_t what)
{
  if (what == UP_EXPECT_AND_UPGRADE) foal_conn_expect(self->conn, 3);
  if (what == UP_ROOM) {
    talk_note(self->plan, "room:%s", foal_conn_room(self->conn) > 0 ? "some" : "none");
  } else {
    talk_note(self->plan, "upgrade:%s", foal_err_name(up_grade(self)));
  }
}

foal_ssl_ctx *up_trusting(void)
{
  up_cert = cert_make(&(cert_spec){.name = "localhost", .alt = "DNS:localhost"});
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  must(ctx != NULL && foal_ssl_ctx_trust_pem(ctx, up_cert->pem) == FOAL_OK);
  return ctx;
}

bool up_begin(unsigned n)
{
  if (n > 0) return false;
  if (as_server) {
    fake_arrive();
  } else {
    fake_connected(0, FOAL_OK);
  }
  return true;
}

void up_play(bool server, bool (*step)(unsigned n))
{
  foal_connect_options o = {.host = "192.0.2.7", .port = 4242, .conn = up_options};
  as_server = server;
  fake_step = step;
  fake_react = fake_peers_move;
  if (talk_called == NULL) talk_called = called;
  if (up_plan.opened == NULL) up_plan.opened = up_remember;
  kit_start(1);
  up_plan.last = 1;
  o.conn.context = &up_plan;
  if (server) {
    talk_serve(&up_plan, NULL, &up_options);
  } else {
    must(talk_try_connect(&o, &up_one));
  }
  kit_run();
  fake_peers_end();
  foal_ssl_ctx_drop(&up_ctx);
  if (up_cert != NULL) cert_free(up_cert);
  cr_assert_eq(up_plan.closed_count, 1);
}
