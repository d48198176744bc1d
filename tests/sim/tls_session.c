/* tls_session.c - sessions without a network: two actors that pass ciphertext on as
 * messages, again and again with what the session before left behind.
 *
 * Tickets are given, saved, used, rotated, forgotten, outlived, forged, used for another
 * host; whether a session resumes is predicted. Both sides write and update their keys
 * meanwhile, and one may flood the other with updates, which must end at the limit. Bytes
 * are cut anywhere on their way, as a network does. */
#include "kit.h"

#include "scenarios.h"

#include "ssl/info.h"

#include <string.h>

typedef enum fate {
  KEEPS,   /* the same server: resumes */
  ROTATES, /* its key is an old one, still known: resumes */
  FORGETS, /* its key is gone: a full handshake */
  FORGED,  /* a byte of what was saved is another one: nothing is trusted */
  OTHER,   /* the ticket is used for another host, whose certificate it is not */
  EXPIRES, /* many hours later: a full handshake */
  FATES
} fate;

enum { ROUNDS_MAX = 4, BYTES_MAX = 20000, CHUNK_MAX = 5000, FLOOD = 40 };
enum { HOURS_MS = 40 * 3600000 };

typedef struct half half;
FOAL_TAG(half)
struct half {
  foal_ssl *ssl FOAL_REF;
  half_tag peer;
  uint64_t written, got;
  bool server, ready, flooded, told, over;
};
FOAL_ACTOR_WITH_END(half)
FOAL_BEHAVIOUR1(half, serve, half_tag, client)
FOAL_BEHAVIOUR_ISO1(half, serve_again, half_tag, client)
FOAL_BEHAVIOUR1(half, go, half_tag, server)
FOAL_BEHAVIOUR_ISO1(half, resume, half_tag, server)
FOAL_BEHAVIOUR_ISO(half, cipher)
FOAL_BEHAVIOUR0(half, cut)

typedef struct director {
  foal_slot kept; /* what the last client saved */
  half_tag client, server;
  uint32_t round, over;
} director;
FOAL_TAG(director)
FOAL_ACTOR_WITH_END(director)
FOAL_TIMER(director, next)
FOAL_BEHAVIOUR_ISO(director, save)
FOAL_BEHAVIOUR0(director, half_over)

static director_tag boss;
static foal_ssl_ctx *server_ctx, *client_ctx;
static uint64_t totals[2];
static uint32_t rounds, judged, tickets;
static uint8_t key_number;
static fate now;
static bool floods, resuming, resumed[2], readied[2];
static foal_err errors[2];
static foal_tls version;

/* ---- a half ---- */

static const char *host(void)
{
  return now == OTHER ? "b.test" : "a.test";
}

static void become_ready(half *self) FOAL_TURN;
static void become_ready(half *self)
{
  foal_ssl_status state = foal_ssl_state(self->ssl);
  if (self->ready || state == FOAL_SSL_HANDSHAKE || foal_ssl_error(self->ssl) != FOAL_OK)
    return;
  self->ready = true;
  readied[self->server] = true;
  resumed[self->server] = foal_ssl_resumed(self->ssl);
  FOAL_SIM_CHECK(foal_ssl_version(self->ssl) == (int)version);
  FOAL_SIM_CHECK(now != OTHER || (self->server && version == FOAL_TLS_1_3));
  FOAL_SIM_CHECK(self->server || foal_ssl_peer_verified(self->ssl));
}

static void take(half *self) FOAL_TURN;
static void take(half *self)
{
  foal_buf *b;
  size_t expect = foal_sim_draw(3) == 0 ? 1 + foal_sim_draw(64) : 0;
  while (foal_ssl_read(self->ssl, expect, &b)) {
    size_t len = foal_buf_len(b);
    FOAL_SIM_CHECK(expect == 0 || len == expect);
    FOAL_SIM_CHECK(
        foal_sim_stream_is(self->server ? 1 : 2, self->got, foal_buf_data(b), len));
    self->got += len;
    foal_buf_drop(&b);
  }
  if (expect > 0 && self->got + expect > totals[!self->server]) take(self);
}

static void rekey(half *self, bool ask) FOAL_TURN;
static void rekey(half *self, bool ask)
{
  foal_err err = foal_ssl_key_update(self->ssl, ask);
  FOAL_SIM_CHECK(err == FOAL_OK || version == FOAL_TLS_1_2 ||
                 foal_ssl_error(self->ssl) != FOAL_OK);
}

static void give(half *self) FOAL_TURN;
static void give(half *self)
{
  uint64_t total = totals[self->server];
  while (self->ready && self->written < total && foal_ssl_write_room(self->ssl) > 0) {
    foal_buf *b;
    uint64_t left = total - self->written;
    size_t len = 1 + foal_sim_draw(CHUNK_MAX);
    if (len > left) len = (size_t)left;
    if (!foal_buf_new(&b, len)) foal_sim_fail("no memory");
    foal_sim_stream(self->server ? 2 : 1, self->written, foal_buf_tail(b), len);
    foal_buf_extend(b, len);
    if (foal_ssl_write(self->ssl, &b) != FOAL_OK) return;
    self->written += len;
    if (foal_sim_draw(6) == 0) rekey(self, foal_sim_draw(2) == 0);
  }
}

static void pass_on(half *self) FOAL_TURN;
static void pass_on(half *self)
{
  foal_buf *b, *first;
  kit_leave_error();
  while (foal_ssl_send(self->ssl, &b)) {
    uint32_t len = (uint32_t)foal_buf_len(b);
    if (len > 1 && foal_sim_draw(2) == 0 &&
        foal_buf_split(b, 1 + foal_sim_draw(len - 1), &first))
      half_cipher(self->peer, &first);
    half_cipher(self->peer, &b);
  }
}

/* More updates than are borne, none with data between. */
static void flood(half *self) FOAL_TURN;
static void flood(half *self)
{
  self->flooded = true;
  foal_sim_mark("flood");
  for (int i = 0; i < FLOOD; i++) {
    rekey(self, false);
    pass_on(self);
  }
}

static void finish(half *self) FOAL_TURN;
static void finish(half *self)
{
  if (self->over) return;
  self->over = true;
  errors[self->server] = foal_ssl_error(self->ssl);
  half_cut(self->peer);
  director_half_over(boss);
}

static void go_on(half *self) FOAL_TURN;
static void go_on(half *self)
{
  foal_buf *ticket;
  become_ready(self);
  take(self);
  give(self);
  pass_on(self);
  if (self->over) return;
  bool all = self->ready && self->written == totals[self->server] &&
             self->got == totals[!self->server];
  if (all && floods && !self->server && !self->flooded) flood(self);
  if (foal_ssl_error(self->ssl) != FOAL_OK) {
    finish(self);
  } else if (all && !self->told && !(floods && self->server)) {
    self->told = true;
    if (!self->server && foal_ssl_save(self->ssl, &ticket)) director_save(boss, &ticket);
    foal_ssl_close(self->ssl);
    pass_on(self);
  }
  if (foal_ssl_state(self->ssl) == FOAL_SSL_CLOSED && !foal_ssl_can_send(self->ssl))
    finish(self);
}

/* The director's ticket goes with the first message to the client, so that nothing
 * depends on which of two messages comes first. */
static void half_on_serve(half *self, half_tag client)
{
  self->server = true;
  self->peer = client;
  self->ssl = foal_ssl_server(server_ctx);
  FOAL_SIM_CHECK(self->ssl != NULL);
  half_go(client, half_self(self));
}

static void half_on_serve_again(half *self, foal_buf **b, half_tag client)
{
  self->server = true;
  self->peer = client;
  self->ssl = foal_ssl_server(server_ctx);
  FOAL_SIM_CHECK(self->ssl != NULL);
  half_resume(client, b, half_self(self));
}

static void half_on_go(half *self, half_tag server)
{
  self->peer = server;
  self->ssl = foal_ssl_client(client_ctx, host());
  FOAL_SIM_CHECK(self->ssl != NULL);
  go_on(self);
}

static void half_on_resume(half *self, foal_buf **b, half_tag server)
{
  uint32_t len = (uint32_t)foal_buf_len(*b);
  self->peer = server;
  if (now == FORGED) {
    uint8_t bit = (uint8_t)(1 << foal_sim_draw(8));
    foal_buf_bytes(*b)[foal_sim_draw(len)] ^= bit;
  }
  self->ssl = foal_ssl_client_resume(client_ctx, host(), *b);
  FOAL_SIM_CHECK(self->ssl != NULL);
  foal_buf_drop(b);
  go_on(self);
}

static void half_on_cipher(half *self, foal_buf **b)
{
  foal_ssl_receive(self->ssl, b);
  go_on(self);
}

static void half_on_cut(half *self)
{
  foal_err err = foal_ssl_receive_end(self->ssl);
  go_on(self);
  if (err != FOAL_OK) finish(self);
}

static void half_on_end(half *self)
{
  foal_ssl_free(&self->ssl);
}

/* ---- the director ---- */

/* The server of this round: what it knows of ticket keys is decided by the fate. */
static void make_server(void)
{
  foal_ticket_key keys[2] = {kit_ticket_key(key_number)};
  size_t count = 1;
  if (now == ROTATES) {
    keys[1] = keys[0];
    keys[0] = kit_ticket_key(++key_number);
    count = 2;
  } else if (now == FORGETS) {
    keys[0] = kit_ticket_key(++key_number);
  }
  server_ctx = kit_server_with(KIT_GOOD);
  KIT_SET(foal_ssl_ctx_ticket_keys(server_ctx, keys, count));
  KIT_SET(foal_ssl_ctx_tickets(server_ctx, tickets));
}

static void director_on_next(director *self)
{
  foal_buf *b;
  self->over = 0;
  memset(resumed, 0, sizeof resumed);
  memset(readied, 0, sizeof readied);
  make_server();
  totals[0] = 1 + foal_sim_size(BYTES_MAX);
  totals[1] = 1 + foal_sim_size(BYTES_MAX);
  floods = version == FOAL_TLS_1_3 && now == KEEPS && foal_sim_draw(6) == 0;
  uint32_t workers = foal_workers();
  if (!half_spawn_on(&self->client, foal_sim_draw(workers)) ||
      !half_spawn_on(&self->server, foal_sim_draw(workers)))
    return; /* the program is ending */
  foal_sim_note("round %u: fate %d", self->round, now);
  resuming = false;
  if (foal_slot_take(&self->kept, &b)) {
    resuming = true;
    half_serve_again(self->server, &b, self->client);
  } else {
    half_serve(self->server, self->client);
  }
}

static void director_on_save(director *self, foal_buf **b)
{
  FOAL_SIM_CHECK(tickets > 0);
  foal_slot_clear(&self->kept);
  foal_slot_put(&self->kept, b);
}

/* How the round had to end. */
static void judge(void)
{
  judged++;
  if (floods) {
    FOAL_SIM_CHECK(errors[1] == FOAL_LIMIT);
    return;
  }
  if (now == OTHER) {
    FOAL_SIM_CHECK(errors[0] == FOAL_AUTH_FAILED && errors[1] == FOAL_TLS_ALERT);
    return;
  }
  if (now == FORGED && resuming) return;
  FOAL_SIM_CHECK(errors[0] == FOAL_OK && errors[1] == FOAL_OK);
  FOAL_SIM_CHECK(readied[0] && readied[1] && resumed[0] == resumed[1]);
  if (foal__sim_fired(FOAL__SIM_W_clock)) return;
  bool may = resuming && (now == KEEPS || now == ROTATES);
  FOAL_SIM_CHECK(resumed[0] == may);
  if (may) foal_sim_mark("resumed");
  if (resuming && now == ROTATES) foal_sim_mark("rotated");
  if (resuming && now == EXPIRES) foal_sim_mark("outlived");
}

static void director_on_half_over(director *self)
{
  if (++self->over < 2) return;
  judge();
  foal_actor_tell_end(self->client.any, FOAL_ENDED);
  foal_actor_tell_end(self->server.any, FOAL_ENDED);
  foal_ssl_ctx_drop(&server_ctx);
  if (++self->round == rounds) {
    foal_actor_end(FOAL_ENDED);
    return;
  }
  now = (fate)foal_sim_draw(FATES);
  (void)director_next_after(self, now == EXPIRES ? HOURS_MS : 0);
}

static void director_on_end(director *self)
{
  foal_slot_clear(&self->kept);
}

static bool start(void)
{
  static const kit_ctx clients[] = {KIT_CLIENT_1_2, KIT_CLIENT_1_3};
  uint32_t which = foal_sim_draw(2);
  version = which == 0 ? FOAL_TLS_1_2 : FOAL_TLS_1_3;
  client_ctx = kit_context(clients[which]);
  rounds = 1 + foal_sim_size(ROUNDS_MAX);
  tickets = foal_sim_draw(4);
  key_number = 1;
  now = KEEPS;
  judged = 0;
  if (!director_spawn(&boss)) return false;
  director_next(boss);
  return true;
}

static void check(void)
{
  foal_ssl_ctx_drop(&server_ctx);
  FOAL_SIM_CHECK(judged == rounds && foal_ssl_live_count() == 0);
}

static const char *const marks[] = {"resumed", "rotated", "outlived", "flood", NULL};

const foal_scenario tls_session = {
    .name = "tls_session",
    .about = "sessions passed on as messages: tickets, key updates, floods",
    .prepare = kit_prepare,
    .start = start,
    .check = check,
    .marks = marks,
};
