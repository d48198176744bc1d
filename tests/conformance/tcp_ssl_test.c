/* tcp_ssl_test.c - Pony's tests of SSLConnection: a protocol over TLS over TCP. */
#include "tcp_rows.h"

TestSuite(conf_tcpssl, .timeout = 30);

Test(conf_tcpssl, net_TCPSSL_expect)
{
  rows_expect(true);
}

/* There is no filter between a protocol and its bytes: what Pony's `sentv` adds, the
 * protocol writes itself. */
Test(conf_tcpssl, net_TCPSSL_writev)
{
  rows_writev(true);
}

Test(conf_tcpssl, net_TCPSSLMute)
{
  rows_mute(true);
}

Test(conf_tcpssl, net_TCPSSLUnmute)
{
  rows_unmute(true);
}

/* `throttled` is a room of 0, `unthrottled` is `sendable`. */
Test(conf_tcpssl, net_TCPSSLThrottle)
{
  rows_throttle(true);
}

/* ---- who the peer is ---- */

static char seen_subject[128];
static bool seen_verified;

HOOK looks_and_closes(point *self)
{
  foal_ssl *ssl = foal_conn_ssl(self->conn);
  must(foal_ssl_state(ssl) == FOAL_SSL_READY);
  seen_verified = foal_ssl_peer_verified(ssl);
  (void)foal_ssl_peer_subject(ssl, seen_subject, sizeof seen_subject);
  foal_conn_close(self->conn);
}

HOOK listens_no_more(point *self, foal_err why)
{
  (void)self, (void)why;
  foal_listener_close(rows_server.listener);
}

/* Connects by TLS to what listens, to a server of this name. */
static void meet(foal_ssl_ctx *server, foal_ssl_ctx *client, const char *name)
{
  point_tag tag;
  rows_client.opened = looks_and_closes;
  rows_client.closed = listens_no_more;
  kit_listen(&rows_server, server, NULL);
  foal_connect_options o = {.host = "127.0.0.1",
                            .port = rows_server.listener.port,
                            .ctx = client,
                            .verify_name = name,
                            .conn = {.context = &rows_client}};
  cr_assert(kit_try_connect(&o, &tag));
  kit_run();
  cr_assert_eq(rows_client.closed_count, 1);
}

Test(conf_tcpssl, net_TCPSSL_client_verify_false_with_hostname)
{
  kit_start(1);
  foal_ssl_ctx *trusting = foal_ssl_ctx_new();
  cr_assert_eq(foal_ssl_ctx_verify_peer(trusting, false), FOAL_OK);
  meet(kit_server_ctx, trusting, "nomatch.example.com");
  foal_ssl_ctx_drop(&trusting);
  cr_assert_eq(rows_client.opened_count, 1);
  cr_assert_eq(rows_client.why, FOAL_CLEAN);
  cr_assert(!seen_verified);
}

Test(conf_tcpssl, net_TCPSSL_peer_certificate_verify)
{
  kit_start(1);
  meet(kit_server_ctx, kit_client_ctx, "localhost");
  cr_assert_eq(rows_client.opened_count, 1);
  cr_assert_eq(rows_server.opened_count, 1);
  cr_assert_eq(rows_client.why, FOAL_CLEAN);
  cr_assert(seen_verified);
  cr_assert_not_null(strstr(seen_subject, "localhost"), "%s", seen_subject);
}

/* The name is checked within the handshake, so the server learns of it: in Pony it is
 * ready and never told. */
Test(conf_tcpssl, net_TCPSSL_peer_certificate_hostname_mismatch)
{
  kit_start(1);
  meet(kit_server_ctx, kit_client_ctx, "nomatch.example.com");
  cr_assert_eq(rows_client.opened_count, 0);
  cr_assert_eq(rows_client.why, FOAL_AUTH_FAILED);
  cr_assert_eq(rows_server.opened_count, 0);
  cr_assert_eq(rows_server.closed_count, 1);
  cr_assert_eq(rows_server.why, FOAL_TLS_ALERT);
}

/* There is no handler for it: FOAL_AUTH_FAILED is what `closed` says, which comes once
 * (the kit checks that nothing follows). */
Test(conf_tcpssl, net_TCPSSL_auth_failed_called_once)
{
  kit_start(1);
  foal_ssl_ctx *stranger = foal_ssl_ctx_new();
  cr_assert_eq(foal_ssl_ctx_self_signed(stranger, "localhost"), FOAL_OK);
  meet(stranger, kit_client_ctx, "localhost");
  foal_ssl_ctx_drop(&stranger);
  cr_assert_eq(rows_client.opened_count, 0);
  cr_assert_eq(rows_client.ended_count, 0);
  cr_assert_eq(rows_client.received_bytes, 0);
  cr_assert_eq(rows_client.why, FOAL_AUTH_FAILED);
}

HOOK talks_plainly(point *self, foal_buf **data)
{
  foal_buf *b;
  foal_buf_drop(data);
  if (!foal_buf_from(&b, "HTTP/1.1 400 Bad Request\r\n\r\n", 28)) abort();
  foal_conn_write(self->conn, &b);
  foal_conn_close(self->conn);
}

Test(conf_tcpssl, net_TCPSSL_non_tls_peer_does_not_auth_fail)
{
  kit_start(1);
  rows_server.received = talks_plainly;
  meet(NULL, kit_client_ctx, "localhost");
  cr_assert_eq(rows_client.opened_count, 0);
  cr_assert_eq(rows_client.closed_count, 1);
  cr_assert_eq(rows_client.why, FOAL_TLS_FAILED);
}
