/* net_dial_test.c - a name with several addresses: attempts one after another, two at
 * the same time, and which of them counts.
 *
 * Brings its own look-up, so the addresses are those of a script: one where a connection
 * is made, one where nobody listens, ones where nobody answers (a full backlog). */
#include "net/impl/transport.h"
#include "net_kit.h"
#include "runtime/impl/worker.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILL = 8, HANGS_MAX = 2, STAGGER_MS = 250 };

/* ---- look-ups by script ---- */

static const char *script[FOAL__LOOKUP_ADDRS_MAX];
static bool script_fails;

bool foal__transport_lookup(const char *host, uint16_t port, foal_tag to,
                            const foal_behaviour *done)
{
  foal_buf *b;
  must(strcmp(host, "scripted.test") == 0);
  if (script_fails) return false;
  if (!foal_buf_new(&b, sizeof script / sizeof *script * sizeof(foal__addr)))
    return false;
  for (size_t i = 0; i < sizeof script / sizeof *script && script[i] != NULL; i++) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
    must(inet_pton(AF_INET, script[i], &sa.sin_addr) == 1);
    foal__addr addr = foal__addr_from((const struct sockaddr *)&sa);
    (void)foal_buf_append(b, &addr, sizeof addr);
  }
  foal__post_buf(to, done, &b);
  return true;
}

/* ---- addresses where nobody answers ---- */

static int hanging[HANGS_MAX][FILL + 1], hangings;

static struct sockaddr_in address(const char *text, uint16_t port)
{
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
  must(inet_pton(AF_INET, text, &sa.sin_addr) == 1);
  return sa;
}

/* A full backlog drops further SYNs. */
static void hang_at(const char *text, uint16_t port)
{
  struct sockaddr_in sa = address(text, port);
  int *fds = hanging[hangings++], on = 1;
  fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  (void)setsockopt(fds[0], SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  cr_assert_eq(bind(fds[0], (struct sockaddr *)&sa, sizeof sa), 0);
  cr_assert_eq(listen(fds[0], 0), 0);
  for (int i = 1; i <= FILL; i++) {
    fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)connect(fds[i], (struct sockaddr *)&sa, sizeof sa);
  }
}

static void stop_hanging(void)
{
  while (hangings > 0) {
    hangings--;
    for (int i = 0; i <= FILL; i++) (void)close(hanging[hangings][i]);
  }
}

/* ---- dialing ---- */

static point_plan server, client;

HOOK hang_up(point *self)
{
  foal_conn_close(self->conn);
}

HOOK no_more(point *self, foal_err why)
{
  (void)self, (void)why;
  foal_listener_close(server.listener);
}

/* Listens on 127.0.0.1, to be followed by `dial`. */
static uint16_t prepare(void)
{
  memset(script, 0, sizeof script);
  kit_start(1);
  client.opened = hang_up;
  client.closed = no_more;
  kit_listen(&server, NULL, NULL);
  return server.listener.port;
}

static foal_err dial(uint32_t connect_ms)
{
  point_tag tag;
  foal_connect_options o = {.host = "scripted.test",
                            .port = server.listener.port,
                            .conn = {.context = &client, .connect_ms = connect_ms}};
  cr_assert(kit_try_connect(&o, &tag));
  kit_run();
  stop_hanging();
  cr_assert_eq(client.closed_count, 1);
  return client.why;
}

TestSuite(net_dial, .timeout = 30);

Test(net_dial, where_nobody_listens_the_next_one_is_tried)
{
  (void)prepare();
  script[0] = "127.0.0.3";
  script[1] = "127.0.0.1";
  cr_assert_eq(dial(0), FOAL_CLEAN);
  cr_assert_eq(client.opened_count, 1);
  cr_assert_eq(server.closed_count, 1);
}

Test(net_dial, where_nobody_answers_the_next_one_is_tried_beside_it)
{
  hang_at("127.0.0.2", prepare());
  script[0] = "127.0.0.2";
  script[1] = "127.0.0.1";
  cr_assert_eq(dial(0), FOAL_CLEAN);
  cr_assert_eq(client.opened_count, 1);
  cr_assert_eq(strncmp(client.peer, "127.0.0.1:", 10), 0, "%s", client.peer);
}

/* One hangs, one is refused: the third does not wait for the first. */
Test(net_dial, a_refusal_calls_the_next_one)
{
  hang_at("127.0.0.2", prepare());
  script[0] = "127.0.0.2";
  script[1] = "127.0.0.3";
  script[2] = "127.0.0.1";
  cr_assert_eq(dial(0), FOAL_CLEAN);
  cr_assert_eq(client.opened_count, 1);
}

Test(net_dial, an_address_that_fails_at_once_costs_no_time)
{
  (void)prepare();
  script[0] = "255.255.255.255"; /* no TCP to everybody */
  script[1] = "127.0.0.1";
  cr_assert_eq(dial(STAGGER_MS / 2), FOAL_CLEAN);
  cr_assert_eq(client.opened_count, 1);
}

Test(net_dial, the_last_refusal_is_the_reason)
{
  (void)prepare();
  script[0] = "127.0.0.2";
  script[1] = "127.0.0.3";
  cr_assert_eq(dial(0), FOAL_REFUSED);
  cr_assert_eq(client.opened_count, 0);
}

Test(net_dial, all_that_hang_are_given_up_together)
{
  uint16_t port = prepare();
  hang_at("127.0.0.2", port);
  hang_at("127.0.0.3", port);
  script[0] = "127.0.0.2";
  script[1] = "127.0.0.3";
  cr_assert_eq(dial(STAGGER_MS + 150), FOAL_TIMEOUT_CONNECT);
  cr_assert_eq(client.opened_count, 0);
}

Test(net_dial, one_that_hangs_is_waited_for_when_all_others_have_failed)
{
  hang_at("127.0.0.2", prepare());
  script[0] = "127.0.0.2";
  script[1] = "127.0.0.3";
  cr_assert_eq(dial(STAGGER_MS + 150), FOAL_TIMEOUT_CONNECT);
}

Test(net_dial, without_addresses_there_is_no_such_name)
{
  (void)prepare();
  cr_assert_eq(dial(0), FOAL_DNS_FAILED);
}

Test(net_dial, a_look_up_needs_memory)
{
  (void)prepare();
  script_fails = true;
  cr_assert_eq(dial(0), FOAL_NO_MEMORY);
}

/* Somebody ends the actor while two attempts are on their way. */
static point_tag dialing;

static void end_it(uint16_t port)
{
  (void)port;
  peer_pause(STAGGER_MS + 100);
  foal_actor_tell_end(dialing.any, FOAL_LOCAL);
}

Test(net_dial, the_end_of_the_actor_ends_its_attempts)
{
  uint16_t port = prepare();
  hang_at("127.0.0.2", port);
  hang_at("127.0.0.3", port);
  script[0] = "127.0.0.2";
  script[1] = "127.0.0.3";
  foal_connect_options o = {
      .host = "scripted.test", .port = port, .conn = {.context = &client}};
  cr_assert(kit_try_connect(&o, &dialing));
  kit_peer(end_it, port);
  kit_run();
  stop_hanging();
  cr_assert_eq(client.closed_count, 1);
  cr_assert_eq(client.why, FOAL_LOCAL);
}

/* ---- a connection that is not wanted any more ---- */

typedef struct caller {
  bool opened;
} caller;
FOAL_TAG(caller)
FOAL_PROTOCOL(caller)
FOAL_BEHAVIOUR0(caller, cancel)

static atomic_uint cancelled, opened;
static foal_err cancelled_why;

static void caller_on_opened(caller *self, foal_conn *conn)
{
  (void)self, (void)conn;
  opened++;
}

static void caller_on_received(caller *self, foal_buf **data)
{
  (void)self;
  foal_buf_drop(data);
}

static void caller_on_sendable(caller *self, size_t room)
{
  (void)self, (void)room;
}

static void caller_on_ended(caller *self, foal_err why)
{
  (void)why;
  foal_conn_close(caller_conn(self));
}

static void caller_on_closed(caller *self, foal_err why)
{
  (void)self;
  cancelled++;
  cancelled_why = why;
  foal_listener_close(server.listener);
}

static void caller_on_cancel(caller *self)
{
  foal_conn_close(caller_conn(self));
}

static caller_tag calling;

static void cancel_it(uint16_t port)
{
  (void)port;
  peer_pause(50);
  caller_cancel(calling);
}

static void call(const char *host, foal_ssl_ctx *ctx)
{
  foal_connect_options o = {.host = host, .port = server.listener.port, .ctx = ctx};
  cr_assert(caller_connect(&o, &calling));
}

Test(net_dial, a_call_can_be_cancelled)
{
  hang_at("127.0.0.2", prepare());
  script[0] = "127.0.0.2";
  call("scripted.test", NULL);
  kit_peer(cancel_it, 0);
  kit_run();
  stop_hanging();
  cr_assert_eq(opened, 0);
  cr_assert_eq(cancelled, 1);
  cr_assert_eq(cancelled_why, FOAL_LOCAL);
}

/* Cancelled before it began, or in the moment in which it is connected. */
static void cancel_at_once(foal_ssl_ctx **ctx)
{
  (void)prepare();
  call("127.0.0.1", *ctx);
  caller_cancel(calling);
  kit_run();
  cr_assert_eq(opened, 0);
  cr_assert_eq(cancelled, 1);
  cr_assert_eq(cancelled_why, FOAL_LOCAL);
}

Test(net_dial, a_call_can_be_cancelled_before_it_begins_plain)
{
  static foal_ssl_ctx *none;
  cancel_at_once(&none);
}

Test(net_dial, a_call_can_be_cancelled_before_it_begins_tls)
{
  cancel_at_once(&kit_client_ctx);
}
