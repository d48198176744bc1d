/* net_reload_test.c - a listener that is given another context: whom it counts for. */
#include "net_kit.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <time.h>

static point_plan server;
static foal_ssl_ctx *second_server, *second_client;

static void second_begin(uint32_t workers)
{
  kit_start(workers);
  second_server = foal_ssl_ctx_new();
  second_client = foal_ssl_ctx_new();
  cr_assert_eq(foal_ssl_ctx_self_signed(second_server, "localhost"), FOAL_OK);
  const char *pem = foal_ssl_ctx_self_signed_pem(second_server);
  cr_assert_eq(foal_ssl_ctx_trust_pem(second_client, pem), FOAL_OK);
}

static void second_end(void)
{
  foal_ssl_ctx_drop(&second_server);
  foal_ssl_ctx_drop(&second_client);
}

/* ---- one after the other ---- */

static point_plan trusts_first, trusts_second;

HOOK hang_up(point *self)
{
  foal_conn_close(self->conn);
}

HOOK reload_and_reconnect(point *self)
{
  must(foal_listener_reload(server.listener, second_server) == FOAL_OK);
  kit_connect(&trusts_second, server.listener.port, second_client, NULL);
  foal_conn_close(self->conn);
}

Test(net_reload, the_next_gets_the_new_one, .timeout = 20)
{
  second_begin(1);
  trusts_first.opened = reload_and_reconnect;
  trusts_second.opened = hang_up;
  server.last = 2;
  kit_listen(&server, kit_server_ctx, NULL);
  kit_connect(&trusts_first, server.listener.port, kit_client_ctx, NULL);
  kit_run();
  cr_assert_eq(trusts_first.opened_count, 1);
  cr_assert_eq(trusts_second.opened_count, 1);
  cr_assert_eq(trusts_first.why, FOAL_CLEAN);
  cr_assert_eq(trusts_second.why, FOAL_CLEAN);
  second_end();
}

/* ---- in the middle of a crowd ---- */

/* Always runnable, so that it is in front when the loop has found something. It lets the
 * listener begin and connects. After the next look at the loop the listener knows of the
 * connection but has not accepted it: that is when the context is replaced, and somebody
 * else connects. */
enum { LISTENER_BEGINS = 10 };
typedef struct hasty {
  int64_t polls_before; /* 0: not connected */
} hasty;

static peer before, after;
static atomic_uint both_there;

FOAL_TAG(hasty)
FOAL_ACTOR(hasty)
FOAL_SEND0(hasty, act)
FOAL_HANDLE0(hasty, act)
static void hasty_on_act(hasty *self)
{
  foal_counters now;
  foal_counters_read(&now);
  if (self->polls_before == 0 && now.polls > LISTENER_BEGINS) {
    peer_open(&before, server.listener.port);
    self->polls_before = now.polls;
  } else if (self->polls_before != 0 && now.polls > self->polls_before) {
    must(foal_listener_reload(server.listener, second_server) == FOAL_OK);
    peer_open(&after, server.listener.port);
    atomic_store(&both_there, 1);
    return;
  }
  hasty_act(hasty_self(self));
}

static bool got(const peer *p, foal_ssl_ctx *of)
{
  BIO *pem = BIO_new(BIO_s_mem());
  X509 *cert = SSL_get1_peer_certificate(p->ssl);
  char *text;
  must(PEM_write_bio_X509(pem, cert) == 1);
  long len = BIO_get_mem_data(pem, &text);
  bool same = strncmp(foal_ssl_ctx_self_signed_pem(of), text, (size_t)len) == 0;
  X509_free(cert);
  BIO_free(pem);
  return same;
}

static void look_at_both(uint16_t port)
{
  size_t bytes;
  (void)port;
  peer_wait(&both_there, 1);
  peer_tls(&after, 0);
  must(got(&after, second_server));
  peer_tls(&before, 0);
  must(got(&before, kit_server_ctx) || got(&before, second_server));
  peer_notify(&before);
  peer_notify(&after);
  peer_send(&before, 0);
  peer_send(&after, 0);
  must(peer_read_end(&before, &bytes) == 0);
  must(peer_read_end(&after, &bytes) == 0);
  peer_close(&before);
  peer_close(&after);
}

Test(net_reload, who_connects_afterwards_gets_the_new_one, .timeout = 20)
{
  hasty_tag first;
  second_begin(1);
  server.last = 2;
  kit_listen(&server, kit_server_ctx, NULL);
  must(hasty_spawn(&first));
  hasty_act(first);
  kit_peer(look_at_both, server.listener.port);
  kit_run();
  cr_assert_eq(server.opened_count, 2);
  second_end();
}
