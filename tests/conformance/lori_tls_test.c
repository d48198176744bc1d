/* lori_tls_test.c - the rows of lori about TLS and about the upgrade to it (STARTTLS).
 *
 * Over real sockets: both sides are protocols of the library, or one is a raw peer. The
 * journals tell what each was told. */
#include "lori_kit.h"

TestSuite(conf_lori, .timeout = 30);

enum { ROUNDS = 5, LARGE = 100000, FRAME = 1000 };

static talk_plan server, client;
static talk_tag dialing;
static foal_ssl_ctx *stranger; /* trusts nobody, and cannot serve */

/* Both sides; tls: from the beginning, else they upgrade by themselves. */
static void both(bool tls)
{
  kit_start(2);
  server.last = 1;
  stranger = foal_ssl_ctx_new();
  talk_serve(&server, tls ? kit_server_ctx : NULL, NULL);
  foal_connect_options o = {.host = "127.0.0.1",
                            .port = server.listener.port,
                            .ctx = tls ? kit_client_ctx : NULL,
                            .verify_name = "localhost",
                            .conn = {.context = &client}};
  talk_tag tag;
  must(talk_try_connect(&o, &tag));
  kit_run();
  foal_ssl_ctx_drop(&stranger);
  cr_assert_eq(server.closed_count, 1);
  cr_assert_eq(client.closed_count, 1);
}

/* Our server and a raw peer. */
static void against(void (*fn)(uint16_t port))
{
  kit_start(1);
  server.last = 1;
  talk_serve(&server, kit_server_ctx, NULL);
  kit_peer(fn, server.listener.port);
  kit_run();
  cr_assert_eq(server.closed_count, 1);
}

/* ---- TLS from the beginning ---- */

HOOK serves_ping(talk *self)
{
  must(talk_say(self, "ping", 1) == FOAL_OK);
}

HOOK returns_ping(talk *self, foal_buf **data)
{
  must(foal_buf_len(*data) == 4);
  if (++self->step == ROUNDS) {
    foal_buf_drop(data);
    foal_conn_close(self->conn);
  } else {
    foal_conn_write(self->conn, data);
  }
}

HOOK returns_pong(talk *self, foal_buf **data)
{
  foal_conn_write(self->conn, data);
}

Test(conf_lori, SSLPingPong)
{
  client.opened = serves_ping;
  client.received = returns_ping;
  server.received = returns_pong;
  both(true);
  cr_assert_eq(client.received_bytes, 4 * ROUNDS);
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_eq(server.why, FOAL_CLEAN);
  cr_assert_eq(client.sent_count, 1);
}

HOOK sends_large(talk *self)
{
  must(talk_send(self, LARGE, 1) == FOAL_OK);
}

HOOK expects_frames(talk *self)
{
  foal_conn_expect(self->conn, FRAME);
}

HOOK checks_frame(talk *self, foal_buf **data)
{
  must(foal_buf_len(*data) == FRAME);
  must(kit_is_pattern(foal_buf_data(*data), self->sent, FRAME));
  self->sent += FRAME;
  foal_buf_drop(data);
  if (self->sent == LARGE) foal_conn_close(self->conn);
}

Test(conf_lori, SSLLargePayload)
{
  client.opened = sends_large;
  server.opened = expects_frames;
  server.received = checks_frame;
  both(true);
  cr_assert_eq(server.received_bytes, LARGE);
  cr_assert(talk_has(&client, "opened receipt:1:OK ended:CLEAN closed:CLEAN"));
}

/* A plain listener, to which TLS is spoken. */
static void to_a_plain_one(void)
{
  kit_start(1);
  server.last = 1;
  talk_serve(&server, NULL, NULL);
  dialing = talk_call(&client, server.listener.port, kit_client_ctx, NULL);
  kit_run();
  cr_assert_eq(client.closed_count, 1);
}

HOOK answers_garbage(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  must(talk_say(self, "HTTP/1.1 400 Bad Request\r\n\r\n", 1) == FOAL_OK);
}

Test(conf_lori, SSLHandshakeFailureClient)
{
  server.received = answers_garbage;
  to_a_plain_one();
  cr_assert(talk_is(&client, "closed:TLS_FAILED"));
}

static void says_garbage(uint16_t port)
{
  static peer p;
  size_t bytes;
  peer_open(&p, port);
  peer_say(&p, "GET / HTTP/1.1\r\n\r\n", 18);
  peer_send(&p, 0);
  (void)peer_read_end(&p, &bytes);
  peer_close(&p);
}

Test(conf_lori, SSLHandshakeFailureServer)
{
  against(says_garbage);
  cr_assert(talk_is(&server, "closed:TLS_FAILED"));
}

HOOK opened_is_ready(talk *self)
{
  must(foal_ssl_state(foal_conn_ssl(self->conn)) == FOAL_SSL_READY);
  must(foal_conn_room(self->conn) > 0);
  must(talk_send(self, 10, 1) == FOAL_OK);
  foal_conn_close(self->conn);
}

Test(conf_lori, SSLHandshakeCompleteTransitionsToOpen)
{
  client.opened = opened_is_ready;
  both(true);
  cr_assert(talk_is(&client, "opened receipt:1:OK closed:CLEAN"));
  cr_assert_eq(server.received_bytes, 10);
}

/* Told before `opened`, while the peer keeps the handshake waiting. */
HOOK asks_for_room(talk *self, uint32_t arg)
{
  (void)arg;
  must(foal_conn_room(self->conn) == 0);
  must(talk_send(self, 10, 1) == FOAL_BAD_STATE);
  talk_note(self->plan, "no-room");
}

HOOK asks_the_client(talk *self, foal_buf **data)
{
  (void)self;
  foal_buf_drop(data);
  talk_tell(dialing, TALK_CALL, 0);
  talk_tell(dialing, TALK_ABORT, 0);
}

Test(conf_lori, SSLIsWriteableDuringHandshake)
{
  talk_called = asks_for_room;
  server.received = asks_the_client;
  to_a_plain_one();
  cr_assert(talk_is(&client, "no-room closed:LOCAL"));
}

/* ---- hard and graceful closes in handlers ---- */

HOOK aborts(talk *self)
{
  foal_conn_abort(self->conn, FOAL_LOCAL);
}

HOOK aborts_on_data(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  foal_conn_abort(self->conn, FOAL_LOCAL);
}

HOOK sends_fifty(talk *self)
{
  must(talk_send(self, 50, 1) == FOAL_OK);
}

HOOK expects_ten(talk *self)
{
  foal_conn_expect(self->conn, 10);
}

Test(conf_lori, SSLHardCloseDuringReceive)
{
  client.opened = sends_fifty;
  server.opened = expects_ten;
  server.received = aborts_on_data;
  both(true);
  cr_assert(talk_is(&server, "opened received:10 closed:LOCAL"));
  cr_assert_eq(client.opened_count, 1);
}

Test(conf_lori, SSLHardCloseOnConnected)
{
  client.opened = aborts;
  both(true);
  cr_assert(talk_is(&client, "opened closed:LOCAL"));
}

Test(conf_lori, SSLHardCloseOnStarted)
{
  server.opened = aborts;
  both(true);
  cr_assert(talk_is(&server, "opened closed:LOCAL"));
}

HOOK closes_on_data(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  foal_conn_close(self->conn);
}

/* lori keeps delivering the rest of the same read; ours delivers nothing any more to one
 * that has closed. To go on reading there is foal_conn_finish, in the second half. */
Test(conf_lori, SSLCloseDuringReceive)
{
  client.opened = sends_fifty;
  server.opened = expects_ten;
  server.received = closes_on_data;
  both(true);
  cr_assert(talk_is(&server, "opened received:10 closed:CLEAN"));
}

HOOK finishes_on_data(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  foal_conn_finish(self->conn);
}

Test(conf_lori_more, ssl_finish_during_receive_keeps_delivering)
{
  client.opened = sends_fifty;
  server.opened = expects_ten;
  server.received = finishes_on_data;
  both(true);
  cr_assert(talk_is(&server, "opened received:10 received:10 received:10 received:10 "
                             "received:10 ended:CLEAN closed:CLEAN"));
}

/* ---- STARTTLS ---- */

static void go_up(talk *self, bool as_server) FOAL_TURN;
static void go_up(talk *self, bool as_server)
{
  foal_ssl_ctx *ctx = as_server ? kit_server_ctx : kit_client_ctx;
  must(foal_conn_start_tls(self->conn, ctx, NULL) == FOAL_OK);
  talk_note(self->plan, "upgrade");
}

/* In plain "up?" is answered by "go!", then both are TLS: "ping" is echoed. */
HOOK asks_for_tls(talk *self)
{
  bool again = foal_conn_ssl(self->conn) != NULL;
  must(talk_say(self, again ? "ping" : "up?", 1) == FOAL_OK);
}

HOOK client_goes_up(talk *self, foal_buf **data)
{
  bool tls = foal_conn_ssl(self->conn) != NULL;
  must(foal_buf_len(*data) == (tls ? 4 : 3));
  foal_buf_drop(data);
  if (tls) {
    foal_conn_close(self->conn);
  } else {
    go_up(self, false);
  }
}

HOOK server_goes_up(talk *self, foal_buf **data)
{
  if (foal_conn_ssl(self->conn) != NULL) {
    foal_conn_write(self->conn, data);
    return;
  }
  foal_buf_drop(data);
  must(talk_say(self, "go!", 1) == FOAL_OK);
  go_up(self, true);
}

Test(conf_lori, StartTLSPingPong)
{
  client.opened = asks_for_tls;
  client.received = client_goes_up;
  server.received = server_goes_up;
  both(false);
  cr_assert(talk_is(&client, "opened receipt:1:OK received:3 upgrade opened receipt:1:OK "
                             "received:4 closed:CLEAN"));
  cr_assert(talk_is(&server, "opened received:3 upgrade receipt:1:OK opened received:4 "
                             "ended:CLEAN closed:CLEAN"));
}

static void refuse(talk *self, foal_err want) FOAL_TURN;
static void refuse(talk *self, foal_err want)
{
  must(foal_conn_start_tls(self->conn, kit_server_ctx, NULL) == want);
  must(foal_conn_ssl(self->conn) == NULL);
}

HOOK tries_too_early(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  if (self->step++ == 0) {
    refuse(self, FOAL_EARLY_BYTES); /* five more bytes wait */
    return;
  }
  foal_conn_mute(self->conn);
  refuse(self, FOAL_BAD_STATE);
  foal_conn_unmute(self->conn);
  must(foal_conn_start_tls(self->conn, stranger, NULL) == FOAL_BAD_STATE);
  foal_conn_finish(self->conn);
  refuse(self, FOAL_BAD_STATE);
  foal_conn_close(self->conn);
  refuse(self, FOAL_BAD_STATE);
}

HOOK expects_five(talk *self)
{
  foal_conn_expect(self->conn, 5);
}

HOOK refuses_in_closed(talk *self, foal_err why)
{
  (void)why;
  refuse(self, FOAL_BAD_STATE);
}

HOOK sends_ten(talk *self)
{
  must(talk_send(self, 10, 1) == FOAL_OK);
}

/* lori also refuses while writes are pending; ours sends them first, in plain. */
Test(conf_lori, StartTLSPreconditions)
{
  client.opened = sends_ten;
  server.opened = expects_five;
  server.received = tries_too_early;
  server.closed = refuses_in_closed;
  both(false);
  cr_assert(talk_is(&server, "opened received:5 received:5 closed:CLEAN"));
}

HOOK tries_to_send(talk *self, foal_buf **data)
{
  bool tls = foal_conn_ssl(self->conn) != NULL;
  client_goes_up(self, data);
  if (tls) return;
  must(foal_conn_room(self->conn) == 0);
  must(talk_send(self, 10, 7) == FOAL_BAD_STATE);
  talk_note(self->plan, "refused");
}

Test(conf_lori, StartTLSSendDuringUpgrade)
{
  client.opened = asks_for_tls;
  client.received = tries_to_send;
  server.received = server_goes_up;
  both(false);
  cr_assert(talk_is(&client, "opened receipt:1:OK received:3 upgrade refused opened "
                             "receipt:1:OK received:4 closed:CLEAN"));
  cr_assert_eq(server.received_bytes, 3 + 4);
}

HOOK asks_with_room(talk *self)
{
  must(foal_conn_room(self->conn) > 0);
  asks_for_tls(self);
}

HOOK goes_up_without_room(talk *self, foal_buf **data)
{
  bool tls = foal_conn_ssl(self->conn) != NULL;
  must(foal_conn_room(self->conn) > 0);
  client_goes_up(self, data);
  must(foal_conn_room(self->conn) == 0 || tls);
}

/* Writeable before and after, not in between. */
Test(conf_lori, StartTLSIsWriteableDuringUpgrade)
{
  client.opened = asks_with_room;
  client.received = goes_up_without_room;
  server.received = server_goes_up;
  both(false);
  cr_assert_eq(client.opened_count, 2);
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_eq(client.sendable_count, 0);
}

HOOK goes_up_alone(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  if (self->step++ == 0) {
    must(talk_say(self, "go!", 1) == FOAL_OK);
  } else {
    must(talk_say(self, "I do not speak TLS\r\n", 2) == FOAL_OK);
  }
}

/* lori tells the failure and then `closed`; ours has the reason in `closed`. */
Test(conf_lori, StartTLSHandshakeFailure)
{
  client.opened = asks_for_tls;
  client.received = client_goes_up;
  server.received = goes_up_alone;
  both(false);
  cr_assert(talk_is(&client, "opened receipt:1:OK received:3 upgrade closed:TLS_FAILED"));
  cr_assert_str_neq(client.reason, "");
}

HOOK client_goes_up_trusting_nobody(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  must(foal_conn_start_tls(self->conn, stranger, NULL) == FOAL_OK);
}

Test(conf_lori, StartTLSAuthFailure)
{
  client.opened = asks_for_tls;
  client.received = client_goes_up_trusting_nobody;
  server.received = server_goes_up;
  both(false);
  cr_assert(talk_is(&client, "opened receipt:1:OK received:3 closed:AUTH_FAILED"));
  cr_assert(talk_is(&server, "opened received:3 upgrade receipt:1:OK closed:TLS_ALERT"));
}

HOOK aborts_when_up(talk *self)
{
  if (foal_conn_ssl(self->conn) == NULL) {
    asks_for_tls(self);
  } else {
    foal_conn_abort(self->conn, FOAL_LOCAL);
  }
}

Test(conf_lori, StartTLSHardCloseOnTLSReady)
{
  client.opened = aborts_when_up;
  client.received = client_goes_up;
  server.received = server_goes_up;
  both(false);
  cr_assert(
      talk_is(&client, "opened receipt:1:OK received:3 upgrade opened closed:LOCAL"));
  cr_assert_eq(server.closed_count, 1);
}
