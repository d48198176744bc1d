/* conn.c - the life of a connection actor: made, opened, asked to end, closed.
 *
 * `closed` is delivered exactly once to every protocol state that was begun: by the
 * TCP actor's last message, or by the end of the actor itself when that comes first.
 * The first reason wins. Handlers run in turns only, and every function here may be
 * called in any of them: what they want done is done at the end of the turn. */
#include "impl/conn_state.h"

#include "../runtime/impl/alloc.h"
#include "../runtime/impl/assert.h"
#include "../runtime/impl/worker.h"
#include "../runtime/log.h"
#include "../ssl/info.h"

#include <stdio.h>
#include <string.h>

enum { EXPECT_BYTES_MAX = 65536, PASSES_A_TURN = 4, TARGET_BYTES = 264 };

/* ---- the end of a turn ---- */

FOAL_SEND0(foal__proto, more)

/* Whether input waits that somebody wants, or that is to be thrown away: who closed
 * inside `sendable` may have left some, and the peer's end is behind it. */
static bool has_to_take_in(const foal_conn *c) FOAL_TURN;
static bool has_to_take_in(const foal_conn *c)
{
  bool over = c->phase == FOAL__CONN_CLOSING || c->phase == FOAL__CONN_LINGER;
  return c->stalled && (over || foal__conn_may_deliver(c));
}

static void flush(void *user) FOAL_TURN;
static void flush(void *user)
{
  foal_conn *c = foal__conn_of(user);
  foal_assert(c->config != NULL && !c->flushing);
  c->flush_due = false;
  c->flushing = true;
  for (int pass = 0; pass < PASSES_A_TURN; pass++) {
    foal__conn_settle(c);
    bool more = c->stalled || c->phase >= FOAL__CONN_CLOSING || foal__conn_has_failed(c);
    if (more) foal__conn_take_in(c);
    foal__conn_put_out(c);
    if (!has_to_take_in(c)) break;
  }
  foal__conn_report_in(c);
  c->flushing = false;
  bool due = c->receipts != NULL && foal__receipts_due(c->receipts);
  if (c->asking || c->yielded || due || has_to_take_in(c)) {
    foal__proto_tag me = {foal__self_tag(user)};
    foal__proto_more(me);
  }
}

FOAL_HANDLE0(foal__proto, more)
static void foal__proto_on_more(foal__proto *user)
{
  foal_conn *c = foal__conn_of(user);
  foal_assert(c->config != NULL);
  c->yielded = false;
  foal__conn_schedule(c);
}

void foal__conn_schedule(foal_conn *c)
{
  foal_assert(c->config != NULL);
  if (c->flush_due || c->flushing || c->phase >= FOAL__CONN_ABORTED) return;
  c->flush_due = true;
  foal__at_turn_end(flush);
}

/* ---- beginning ---- */

bool foal__conn_spawn(foal__proto_tag *out, foal__config *config)
{
  foal_assert(out != NULL && config != NULL);
  foal_assert(config->protocol->type.end == foal__conn_end);
  return foal__spawn_headed(&out->any, &config->protocol->type, sizeof(foal_conn), 0, 0);
}

void foal__conn_begin(foal__proto_tag user, foal__tcp_tag tcp, foal__config *config)
{
  foal_conn *c = foal__conn_of(foal__fresh_state(user.any));
  foal_assert(config != NULL && c->config == NULL);
  c->config = foal__config_share(config);
  c->protocol = config->protocol;
  c->peer = c->peer_short;
  c->tcp = tcp;
  c->phase = FOAL__CONN_CONNECTING;
  c->credit = true;
  c->reading = true;
  foal__set_late(user.any, config->ctx != NULL);
}

bool foal__connect(const foal_protocol *protocol, const foal_connect_options *options,
                   foal_tag *out)
{
  foal__proto_tag user;
  foal__tcp_tag tcp;
  foal_assert(protocol != NULL && options != NULL && out != NULL);
  foal_assert(options->host != NULL && foal_worker() != UINT32_MAX);
  foal__config *config = foal__config_new(protocol, options);
  if (config == NULL) return false;
  if (!foal__conn_spawn(&user, config)) {
    foal__config_drop(&config);
    return false;
  }
  foal__config *for_tcp = foal__config_share(config);
  bool dialing = foal__tcp_dial(user, &for_tcp, &tcp);
  if (dialing) {
    foal__conn_begin(user, tcp, config);
    *out = user.any;
  } else {
    foal_actor_tell_end(user.any,
                        FOAL_NO_MEMORY); /* it was not begun: it hears nothing */
  }
  foal__config_drop(&config);
  return dialing;
}

static foal_ssl *client_session(const foal__config *config) FOAL_TURN;
static foal_ssl *client_session(const foal__config *config)
{
  foal_buf *saved;
  if (config->ticket != NULL)
    return foal_ssl_client_again(config->ctx, config->verify_name, config->ticket);
  if (config->session_bytes == 0 ||
      !foal_buf_from(&saved, config->session, config->session_bytes))
    return foal_ssl_client(config->ctx, config->verify_name);
  foal_buf_mark_secret(saved);
  foal_ssl *s = foal_ssl_client_resume(config->ctx, config->verify_name, saved);
  foal_buf_drop(&saved);
  return s;
}

static void begin_tls(foal_conn *c) FOAL_TURN;
static void begin_tls(foal_conn *c)
{
  const foal__config *config = c->config;
  foal_assert(c->ssl == NULL && config->ctx != NULL);
  c->phase = FOAL__CONN_HANDSHAKE;
  c->tls = true;
  bool server = !foal_tag_is_nobody(config->listener);
  c->ssl = server ? foal_ssl_server(config->ctx) : client_session(config);
  if (c->ssl == NULL) {
    foal__conn_fail(c, (foal__cause){FOAL_NO_MEMORY, 0});
  } else if (foal__conn_has_failed(c)) {
    foal__conn_fail(c, (foal__cause){foal_ssl_error(c->ssl), 0});
  }
}

FOAL_HANDLE1(foal__proto, local, foal__addr, local)
static void foal__proto_on_local(foal__proto *user, foal__addr local)
{
  foal_conn *c = foal__conn_of(user);
  foal_assert(c->config != NULL);
  c->local = local;
}

/* false: out of memory, which only a long address needs. */
static bool note_peer(foal_conn *c, const foal__addr *peer) FOAL_TURN;
static bool note_peer(foal_conn *c, const foal__addr *peer)
{
  char text[FOAL__ADDR_TEXT_MAX];
  foal__addr_text(peer, text);
  size_t size = strlen(text) + 1;
  foal_assert(c->peer == c->peer_short);
  char *to = size <= sizeof c->peer_short ? c->peer_short : foal__alloc(size);
  if (to == NULL) return false;
  memcpy(to, text, size);
  c->peer = to;
  return true;
}

static void forget_peer(foal_conn *c) FOAL_TURN;
static void forget_peer(foal_conn *c)
{
  if (c->peer != c->peer_short) foal__free(c->peer);
  c->peer = c->peer_short;
}

FOAL_HANDLE1(foal__proto, connected, foal__addr, peer)
static void foal__proto_on_connected(foal__proto *user, foal__addr peer)
{
  foal_conn *c = foal__conn_of(user);
  foal_assert(c->config != NULL);
  if (c->phase != FOAL__CONN_CONNECTING) return;
  if (!note_peer(c, &peer)) {
    foal__conn_fail(c, (foal__cause){FOAL_NO_MEMORY, 0});
  } else if (c->config->ctx != NULL) {
    begin_tls(c);
  } else {
    c->phase = FOAL__CONN_OPEN;
    c->protocol->opened(user, c);
  }
  foal__conn_schedule(c);
}

/* ---- ending ---- */

void foal__conn_fail(foal_conn *c, foal__cause cause)
{
  foal_assert(cause.err != FOAL_OK);
  if (c->phase > FOAL__CONN_CLOSING) return;
  if (c->cause.err == FOAL_OK) c->cause = cause;
  if (!c->tls) { /* a FIN would call what was dropped the end */
    foal_conn_abort(c, c->cause.err);
    return;
  }
  c->phase = FOAL__CONN_CLOSING;
  foal__conn_forget_out(c);
  foal__conn_schedule(c);
}

void foal__conn_close(foal_conn *c)
{
  foal_assert(c->config != NULL);
  if (c->phase >= FOAL__CONN_CLOSING) return;
  c->phase = FOAL__CONN_CLOSING;
  foal__conn_schedule(c);
}

static bool has_said_all(const foal_conn *c)
{
  return c->phase == FOAL__CONN_LINGER && !c->unsaid;
}

/* The reason that counts, from all that is known at the end. */
static foal_err judge(const foal_conn *c, foal__cause cause) FOAL_TURN;
static foal_err judge(const foal_conn *c, foal__cause cause)
{
  bool tls = foal__conn_is_tls(c);
  bool told_by_tls = c->ssl != NULL && foal_ssl_end_seen(c->ssl);
  if (c->cause.err != FOAL_OK) return c->cause.err;
  /* Both have said that they are finished: what the transport does now changes
   * nothing. */
  if (told_by_tls && has_said_all(c)) return FOAL_CLEAN;
  if (cause.err != FOAL_CLEAN && cause.err != FOAL_LOCAL) return cause.err;
  if (tls) return told_by_tls ? FOAL_CLEAN : FOAL_LOCAL;
  return cause.err;
}

static void log_end(const foal_conn *c, foal_err why) FOAL_TURN;
static void log_end(const foal_conn *c, foal_err why)
{
  const char *reason = foal_conn_reason(c);
  const char *peer = c->peer;
  char target[TARGET_BYTES];
  if (why == FOAL_CLEAN || why == FOAL_LOCAL || why == FOAL_STOPPED) return;
  if (peer[0] == '\0') { /* never reached */
    snprintf(target, sizeof target, "%s:%u", c->config->host, (unsigned)c->config->port);
    peer = target;
  }
  foal_log(why == FOAL_NO_MEMORY ? FOAL_LOG_WARNING : FOAL_LOG_INFO, "%s: %s%s%s%s", peer,
           foal_err_text(why), reason[0] != '\0' ? " (" : "", reason,
           reason[0] != '\0' ? ")" : "");
}

static void say_closed(foal_conn *c, foal__cause cause) FOAL_TURN;
static void say_closed(foal_conn *c, foal__cause cause)
{
  foal_err why = judge(c, cause);
  foal_assert(c->phase != FOAL__CONN_CLOSED);
  if (c->cause.err == FOAL_OK)
    c->cause = (foal__cause){why, why == cause.err ? cause.os : 0};
  c->phase = FOAL__CONN_CLOSED;
  log_end(c, why);
  foal__conn_settle_all(c, why);
  c->protocol->closed(foal__user_of(c), why);
}

FOAL_HANDLE2(foal__proto, closed, foal__cause, cause, bool, said)
static void foal__proto_on_closed(foal__proto *user, foal__cause cause, bool said)
{
  foal_conn *c = foal__conn_of(user);
  foal_assert(c->config != NULL && cause.err != FOAL_OK);
  if (c->phase == FOAL__CONN_CLOSED) return;
  if (said) c->unsaid = false;
  say_closed(c, cause);
  bool ordinary = c->cause.err == FOAL_CLEAN || c->cause.err == FOAL_LOCAL;
  foal_actor_end(ordinary ? FOAL_ENDED : c->cause.err);
}

FOAL_HANDLE1(foal__proto, expired, foal_err, why)
static void foal__proto_on_expired(foal__proto *user, foal_err why)
{
  foal_conn *c = foal__conn_of(user);
  foal_assert(c->config != NULL && why != FOAL_OK);
  if (c->phase >= FOAL__CONN_CLOSING) return;
  c->cause = (foal__cause){why, 0};
  foal__conn_close(c);
}

FOAL_HANDLE0(foal__proto, stopping)
static void foal__proto_on_stopping(foal__proto *user)
{
  foal_conn *c = foal__conn_of(user);
  foal_assert(c->config != NULL);
  /* An upgrade of which the TCP actor had not heard; it cuts every other handshake. */
  if (c->phase == FOAL__CONN_HANDSHAKE)
    foal__conn_fail(c, (foal__cause){FOAL_STOPPED, 0});
  if (c->phase != FOAL__CONN_OPEN || c->stopping) return;
  c->stopping = true;
  c->protocol->ended(user, FOAL_STOPPED);
}

/* The reason that was given for the end of the actor, if it says anything. */
static foal_err why_left(void)
{
  foal_err why = foal__ending_why();
  return why == FOAL_OK || why == FOAL_ENDED ? FOAL_LOCAL : why;
}

/* The actor ends: by itself after `closed`, or because somebody ended it before. */
FOAL_TRUSTED void foal__conn_end(void *self)
{
  foal_conn *c = foal__conn_of(self);
  foal_assert(self != NULL);
  if (c->config == NULL) return;
  if (c->phase != FOAL__CONN_CLOSED) {
    bool stopped = foal__leaving() || foal_draining();
    bool cut = !c->tls && foal_bufq_count(&c->out) > 0;
    foal__tcp_abort(c->tcp, cut); /* a plain FIN would say that this was all */
    /* Who leaves with something unsaid did not end cleanly, whatever the peer said. */
    if (c->cause.err == FOAL_OK && !stopped && !has_said_all(c))
      c->cause = (foal__cause){why_left(), 0};
    say_closed(c, (foal__cause){stopped ? FOAL_STOPPED : why_left(), 0});
  }
  foal_ssl_free(&c->ssl);
  foal_bufq_clear(&c->in);
  foal__conn_forget_out(c);
  foal__receipts_drop(&c->receipts);
  forget_peer(c);
  foal__config_drop(&c->config);
}

/* ---- what the protocol asks for ---- */

foal_conn *foal__conn_self(void *self)
{
  foal_conn *c = foal__conn_of(self);
  foal_assert(self == foal__self_state() && c->config != NULL);
  return c;
}

void foal_conn_finish(foal_conn *conn)
{
  foal_assert(conn != NULL && conn->config != NULL);
  if (conn->phase != FOAL__CONN_OPEN || conn->finish) return;
  conn->finish = true;
  /* No `sendable` follows any more, so nothing may wait for it: reading goes on. */
  conn->blocked = false;
  conn->held = false;
  foal__conn_schedule(conn);
}

void foal_conn_close(foal_conn *conn)
{
  foal_assert(conn != NULL && conn->config != NULL);
  foal__conn_close(conn);
}

void foal_conn_abort(foal_conn *conn, foal_err why)
{
  foal_assert(conn != NULL && conn->config != NULL);
  foal_assert(why > FOAL_OK && why < FOAL_ERR_COUNT);
  if (conn->phase >= FOAL__CONN_ABORTED) return;
  conn->phase = FOAL__CONN_ABORTED;
  if (conn->cause.err == FOAL_OK) conn->cause = (foal__cause){why, 0};
  foal__conn_forget_out(conn);
  foal_bufq_clear(&conn->in);
  foal__tcp_abort(conn->tcp, true);
}

void foal_conn_mute(foal_conn *conn)
{
  foal_assert(conn != NULL && conn->config != NULL);
  if (conn->muted) return;
  conn->muted = true;
  foal__conn_schedule(conn);
}

void foal_conn_unmute(foal_conn *conn)
{
  foal_assert(conn != NULL && conn->config != NULL);
  if (!conn->muted) return;
  conn->muted = false;
  foal__conn_schedule(conn);
}

void foal_conn_expect(foal_conn *conn, size_t bytes)
{
  foal_assert(conn != NULL && conn->config != NULL);
  if (bytes > EXPECT_BYTES_MAX) { /* perhaps a length that the peer has sent */
    foal_log(FOAL_LOG_WARNING,
             "%s: the protocol expects %zu bytes, more than %d: cut off", conn->peer,
             bytes, (int)EXPECT_BYTES_MAX);
    foal_conn_abort(conn, FOAL_LIMIT);
    return;
  }
  if (conn->expect == bytes) return;
  conn->expect = (uint32_t)bytes;
  if (conn->phase != FOAL__CONN_OPEN) return;
  conn->stalled = true; /* what was not enough before may be enough now */
  foal__conn_schedule(conn);
}

void foal_conn_idle(foal_conn *conn, uint32_t idle_ms)
{
  foal_assert(conn != NULL && conn->config != NULL);
  if (conn->phase < FOAL__CONN_ABORTED) foal__tcp_idle(conn->tcp, idle_ms);
}

const void *foal_conn_context(const foal_conn *conn)
{
  foal_assert(conn != NULL && conn->config != NULL);
  return conn->config->options.context;
}

foal_ssl *foal_conn_ssl(foal_conn *conn)
{
  foal_assert(conn != NULL && conn->config != NULL);
  return conn->ssl;
}

foal_err foal_conn_key_update(foal_conn *conn)
{
  foal_assert(conn != NULL && conn->config != NULL);
  if (conn->ssl == NULL || conn->phase != FOAL__CONN_OPEN || conn->finish)
    return FOAL_BAD_STATE;
  foal__conn_schedule(conn);
  return foal_ssl_key_update(conn->ssl, false);
}

const char *foal_conn_peer(const foal_conn *conn)
{
  foal_assert(conn != NULL && conn->config != NULL);
  return conn->peer;
}

const char *foal_conn_reason(const foal_conn *conn)
{
  foal_assert(conn != NULL && conn->config != NULL);
  if (conn->ssl != NULL && foal_ssl_error(conn->ssl) == conn->cause.err) {
    return foal_ssl_reason(conn->ssl);
  }
  return foal__cause_text(conn->cause.os);
}
