/* swarm_test.c - after Pony's tcp-swarm, in light: connections whose habits are drawn
 * from a seed, over real sockets, plain and TLS; what comes back is what was sent, byte
 * by byte.
 *
 * One round is one seed: it draws sizes, frames, how writes are cut, who mutes and
 * yields when, and how clients end. Byte p of a client's stream is a hash of its number
 * and p, so bytes that are lost, doubled, out of order or somebody else's are seen at
 * once. A client ends when it has all of its echo. It fails when a byte is wrong, when
 * a client does not get to its end, or when nothing moves (the time-out of the test). */
#include "foal.h"
#include "foal_test.h"

#include <stdatomic.h>

TestSuite(conf_swarm, .timeout = 60);

#define must(cond) ((cond) ? (void)0 : fail(__LINE__, #cond))
_Noreturn static void fail(int line, const char *what);

enum {
  ROUNDS = 10,
  CLIENTS_MAX = 12,
  BYTES_MAX = 120000,
  CHUNK_MAX = 20000,
  BOUNCES_MAX = 5,
  STREAM = 1000
};
typedef enum ending { GRACEFUL, HALF, HARD, ENDINGS } ending;

/* What one seed draws for all of its connections. */
static struct {
  uint64_t seed;
  uint32_t clients, frame, chunk_max, mutes_of, yields_of;
  ending end;
  foal_listener listener;
} round_;
static atomic_uint numbers, done, verified;
static char client_context, server_context;

_Noreturn static void fail(int line, const char *what)
{
  fprintf(stderr, "swarm_test.c:%d: seed %llu: does not hold: %s\n", line,
          (unsigned long long)round_.seed, what);
  abort();
}

static uint64_t hash(uint64_t x)
{
  x += UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
  return x ^ x >> 31;
}

static uint32_t draw(uint64_t *state, uint32_t n)
{
  return (uint32_t)(hash((*state)++) % n);
}

/* ---- the protocol: a client or a server ---- */

typedef struct swarm {
  foal_conn *conn FOAL_REF;
  uint64_t dice, number, total, sent, got;
  uint32_t bounces; /* turns until it is unmuted */
  bool client, muted, over;
} swarm;
FOAL_TAG(swarm)
FOAL_PROTOCOL(swarm)
FOAL_BEHAVIOUR0(swarm, bounce)

static void fill(const swarm *self, uint8_t *bytes, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    uint64_t at = self->sent + i;
    bytes[i] = (uint8_t)(hash(self->number * STREAM + at / 8) >> (at % 8 * 8));
  }
}

static bool is_echo(const swarm *self, const uint8_t *bytes, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    uint64_t at = self->got + i;
    uint8_t wanted = (uint8_t)(hash(self->number * STREAM + at / 8) >> (at % 8 * 8));
    if (bytes[i] != wanted) return false;
  }
  return true;
}

static void send_some(swarm *self) FOAL_TURN;
static void send_some(swarm *self)
{
  while (self->sent < self->total && foal_conn_room(self->conn) > 0) {
    foal_buf *b;
    size_t len = 1 + draw(&self->dice, round_.chunk_max);
    if (len > self->total - self->sent) len = (size_t)(self->total - self->sent);
    if (!foal_buf_new(&b, len)) abort();
    fill(self, foal_buf_tail(b), len);
    foal_buf_extend(b, len);
    self->sent += len;
    foal_conn_write(self->conn, &b);
  }
}

static void swarm_on_opened(swarm *self, foal_conn *conn)
{
  self->conn = conn;
  self->client = foal_conn_context(conn) == &client_context;
  self->number = atomic_fetch_add(&numbers, 1) + 1;
  self->dice = hash(round_.seed ^ self->number << 32);
  foal_conn_expect(conn, round_.frame);
  if (!self->client) return;
  uint32_t frame = round_.frame == 0 ? 1 : round_.frame;
  self->total = (uint64_t)(1 + draw(&self->dice, BYTES_MAX / frame)) * frame;
  send_some(self);
}

/* Mutes itself now and then, for a few turns; or lets others have theirs. */
static void dawdle(swarm *self) FOAL_TURN;
static void dawdle(swarm *self)
{
  if (draw(&self->dice, round_.yields_of) == 0) foal_conn_yield(self->conn);
  if (self->muted || draw(&self->dice, round_.mutes_of) != 0) return;
  self->muted = true;
  self->bounces = draw(&self->dice, BOUNCES_MAX);
  foal_conn_mute(self->conn);
  swarm_bounce(swarm_self(self));
}

static void swarm_on_bounce(swarm *self)
{
  if (self->over) return;
  if (self->bounces-- > 0) {
    swarm_bounce(swarm_self(self));
    return;
  }
  self->muted = false;
  foal_conn_unmute(self->conn);
}

static void end_client(swarm *self) FOAL_TURN;
static void end_client(swarm *self)
{
  verified++;
  switch (round_.end) {
  case GRACEFUL:
    foal_conn_close(self->conn);
    break;
  case HALF:
    foal_conn_finish(self->conn);
    break;
  case HARD:
  case ENDINGS:
    foal_conn_abort(self->conn, FOAL_LOCAL);
    break;
  }
}

static void swarm_on_received(swarm *self, foal_buf **data)
{
  size_t len = foal_buf_len(*data);
  must(len > 0 && !self->muted && !self->over);
  must(round_.frame == 0 || len == round_.frame);
  if (!self->client) {
    self->got += len;
    foal_conn_write(self->conn, data);
    dawdle(self);
    return;
  }
  must(self->got + len <= self->sent);
  must(is_echo(self, foal_buf_data(*data), len));
  self->got += len;
  foal_buf_drop(data);
  if (self->got == self->total) {
    end_client(self);
  } else {
    dawdle(self);
  }
}

static void swarm_on_sendable(swarm *self, size_t room_bytes)
{
  must(room_bytes > 0 && !self->over);
  send_some(self);
}

static void swarm_on_ended(swarm *self, foal_err why)
{
  must(why == FOAL_CLEAN && (!self->client || round_.end == HALF));
  foal_conn_close(self->conn);
}

static void swarm_on_closed(swarm *self, foal_err why)
{
  must(!self->over && self->conn != NULL);
  self->over = true;
  if (self->client) {
    must(self->got == self->total);
    must(why == (round_.end == HARD ? FOAL_LOCAL : FOAL_CLEAN));
  } else {
    bool cut = why == FOAL_RESET || why == FOAL_TRUNCATED;
    must(why == FOAL_CLEAN || (cut && round_.end == HARD));
  }
  if (++done == 2 * round_.clients) foal_listener_close(round_.listener);
}

/* ---- rounds ---- */

static void draw_round(uint64_t seed)
{
  static const uint32_t frames[] = {0, 0, 1000, 7, 4096, 16384, 65536};
  uint64_t dice = hash(seed);
  round_.seed = seed;
  round_.clients = 1 + draw(&dice, CLIENTS_MAX);
  round_.frame = frames[draw(&dice, sizeof frames / sizeof *frames)];
  round_.chunk_max = draw(&dice, 3) == 0 ? 200 : CHUNK_MAX;
  round_.mutes_of = 2 + draw(&dice, 20);
  round_.yields_of = 2 + draw(&dice, 20);
  round_.end = draw(&dice, ENDINGS);
  done = verified = numbers = 0;
}

static void run_round(foal_ssl_ctx *server, foal_ssl_ctx *client)
{
  foal_options options = {.workers = 2, .keep_signals = true};
  foal_counters c;
  uint64_t dice = hash(~round_.seed);
  foal_conn_options shy = {.context = &client_context,
                           .room_bytes = 1 + draw(&dice, 40000)};
  cr_assert_eq(foal_start(&options), FOAL_OK);
  foal_listen_options l = {
      .host = "127.0.0.1", .ctx = server, .conn = {.context = &server_context}};
  cr_assert_eq(swarm_listen(&l, &round_.listener), FOAL_OK);
  for (uint32_t i = 0; i < round_.clients; i++) {
    swarm_tag tag;
    foal_connect_options o = {
        .host = "127.0.0.1", .port = round_.listener.port, .ctx = client, .conn = shy};
    cr_assert(swarm_connect(&o, &tag));
  }
  cr_assert_eq(foal_run(), 0);
  foal_counters_read(&c);
  cr_assert_eq(verified, round_.clients);
  cr_assert_eq(done, 2 * round_.clients);
  cr_assert_eq(c.bufs_live, 0);
  cr_assert_eq(c.handles_live, 0);
}

static void run_swarm(uint64_t first_seed, bool tls)
{
  foal_ssl_ctx *server = NULL, *client = NULL;
  if (tls) {
    server = foal_ssl_ctx_new();
    client = foal_ssl_ctx_new();
    cr_assert_eq(foal_ssl_ctx_self_signed(server, "localhost"), FOAL_OK);
    const char *pem = foal_ssl_ctx_self_signed_pem(server);
    cr_assert_eq(foal_ssl_ctx_trust_pem(client, pem), FOAL_OK);
  }
  for (uint64_t seed = first_seed; seed < first_seed + ROUNDS; seed++) {
    draw_round(seed);
    run_round(server, client);
  }
  foal_ssl_ctx_drop(&server);
  foal_ssl_ctx_drop(&client);
}

Test(conf_swarm, tcp_swarm)
{
  run_swarm(1, false);
}

Test(conf_swarm, tcp_swarm_tls)
{
  run_swarm(1001, true);
}
