/* tcp.c - the TCP actor: from the socket's events to messages and back.
 *
 * Phases only go forward: new, dialing, open, linger, closing. Whatever ends a
 * connection ends in foal__tcp_shut; the system then lets go of the socket, `gone`
 * comes, the user gets its one `closed` and the actor ends. Before its first byte the
 * connection of a TLS server has no user: a silent peer costs this actor and a socket,
 * nothing else. The end function undoes everything that is left, so the actor may end
 * in any phase. */
#include "impl/tcp_state.h"

#include "../runtime/actor.h"
#include "../runtime/impl/assert.h"
#include "../runtime/log.h"
#include "impl/listening.h"

FOAL_ACTOR_WITH_END(foal__tcp)

/* ---- closing ---- */

/* Nobody else will say it when there is no protocol to be told. */
static void log_silent_end(const foal__tcp *self, foal_err why)
{
  char peer[FOAL__ADDR_TEXT_MAX];
  if (why == FOAL_CLEAN || why == FOAL_LOCAL || why == FOAL_STOPPED) return;
  foal__addr_text(&self->peer, peer);
  foal_log(FOAL_LOG_INFO, "%s: %s%s", peer, foal_err_text(why),
           why == FOAL_TIMEOUT_HANDSHAKE ? " (not a byte of it came)" : "");
}

/* Whether the peer would take a FIN for the end of a stream of which a part is missing.
 * TLS says by itself that something is. */
static bool is_cut(const foal__tcp *self)
{
  return self->writing && !foal__tcp_is_tls(self);
}

void foal__tcp_shut(foal__tcp *self, foal__cause cause, bool reset)
{
  foal__tcp_check(self);
  foal_assert(cause.err != FOAL_OK);
  if (self->phase == FOAL__TCP_CLOSING) return;
  if (!foal__tcp_has_user(self)) log_silent_end(self, cause.err);
  self->phase = FOAL__TCP_CLOSING;
  self->cause = cause;
  foal__alarm_stop(&self->alarm);
  foal__dial_drop(&self->dial);
  if (self->sock != NULL) {
    foal__sock_close(self->sock, reset || is_cut(self));
  } else {
    foal__tcp_gone(self->me);
  }
}

FOAL_HANDLE0(foal__tcp, gone)
static void foal__tcp_on_gone(foal__tcp *self)
{
  foal__tcp_check(self);
  foal_assert(self->phase == FOAL__TCP_CLOSING && self->sock == NULL);
  if (foal__tcp_has_user(self)) foal__proto_closed(self->user, self->cause, self->said);
  foal_actor_end(FOAL_ENDED);
}

static void foal__tcp_on_end(foal__tcp *self)
{
  foal__alarm_stop(&self->alarm);
  foal__dial_drop(&self->dial);
  if (self->sock != NULL) {
    if (is_cut(self)) foal__sock_close(self->sock, true);
    foal__sock_detach(self->sock);
  }
  self->sock = NULL;
  if (self->counted) {
    foal__count(FOAL__C_closed, 1);
    foal__listening_tag listener = {self->config->listener};
    if (!foal_tag_is_nobody(listener.any)) {
      foal__listening_gone(listener, foal_worker(), self->begun);
    }
  }
  if (self->config != NULL) foal__config_drop(&self->config);
  if (self->held) foal_release();
}

/* ---- opening ---- */

/* From here on the actor keeps the program alive and hears of its end. */
static void begin(foal__tcp *self, foal__config **config) FOAL_TURN;
static void begin(foal__tcp *self, foal__config **config)
{
  foal_assert(self->phase == FOAL__TCP_NEW && self->config == NULL);
  self->me = foal__tcp_self(self);
  self->config = *config;
  *config = NULL;
  self->idle_ms = self->config->options.idle_ms;
  self->handshaking = self->config->ctx != NULL;
  foal_hold();
  self->held = true;
  foal__on_drain(self->me.any, &foal__tcp__be_drain);
}

static void introduce(foal__tcp *self)
{
  foal_assert(foal__tcp_has_user(self) && self->sock != NULL);
  foal__proto_local(self->user, foal__sock_local(self->sock));
  foal__proto_connected(self->user, self->peer);
}

static bool make_user(foal__tcp *self) FOAL_TURN;
static bool make_user(foal__tcp *self)
{
  foal_assert(!foal__tcp_has_user(self));
  foal__proto_tag user;
  if (!foal__conn_spawn(&user, self->config)) {
    foal__count(FOAL__C_shed, 1);
    foal__tcp_shut(self, (foal__cause){FOAL_NO_MEMORY, 0}, false);
    return false;
  }
  self->user = user;
  if (self->handshaking) {
    foal__listening_tag listener = {self->config->listener};
    self->begun = true;
    foal__listening_begun(listener);
  }
  foal__conn_begin(user, self->me, self->config);
  introduce(self);
  return true;
}

void foal__tcp_open(foal__tcp *self)
{
  foal__tcp_check(self);
  foal_assert(self->sock != NULL && self->phase < FOAL__TCP_OPEN);
  self->phase = FOAL__TCP_OPEN;
  self->counted = true;
  self->phase_due_ms = 0;
  if (self->handshaking) {
    self->phase_due_ms = foal__now_ms() + self->config->options.handshake_ms;
  }
  foal__tcp_touch(self);
  foal__tcp_set_up(self);
  if (foal__tcp_has_user(self)) {
    introduce(self);
  } else if (!self->handshaking && !make_user(self)) {
    return;
  }
  foal__tcp_update_reading(self);
  foal__tcp_rearm(self);
}

typedef struct accept_args {
  int fd;
  foal__config *config;
  foal__addr peer;
} accept_args;
FOAL_FITS_(accept_args, FOAL_ARGS_BYTES_MAX);

static void accepted(foal__tcp *self, accept_args a) FOAL_TURN;
static void accepted(foal__tcp *self, accept_args a)
{
  begin(self, &a.config);
  self->peer = a.peer;
  self->counted = true;
  if (!foal__sock_new(&self->sock, self)) {
    foal__transport_drop(a.fd);
    foal__count(FOAL__C_shed, 1);
    foal__tcp_shut(self, (foal__cause){FOAL_NO_MEMORY, 0}, false);
    return;
  }
  foal__cause cause = foal__sock_adopt(self->sock, a.fd);
  if (cause.err != FOAL_OK) {
    foal__tcp_shut(self, cause, false);
    return;
  }
  foal__tcp_open(self);
}

FOAL_TRUSTED static void accept_run(void *self, foal_msg *m)
{
  accept_args a = *(accept_args *)foal__args(m);
  foal__message_done(m);
  accepted(self, a);
}

/* The program ended while the connection was on its way to its worker. */
static void accept_drop(foal_msg *m)
{
  accept_args *a = foal__args(m);
  foal__transport_drop(a->fd);
  foal__count(FOAL__C_closed, 1);
  foal__config_drop(&a->config);
}
static const foal_behaviour accept_behaviour = {accept_run, accept_drop, "foal__tcp",
                                                "accept", false};

bool foal__tcp_accept(uint32_t worker, int fd, foal__config **config,
                      const foal__addr *peer)
{
  foal__tcp_tag tag;
  foal_assert(fd >= 0 && config != NULL && *config != NULL && peer != NULL);
  accept_args *a = foal__message(&accept_behaviour);
  if (a != NULL) {
    *a = (accept_args){fd, *config, *peer};
    *config = NULL;
    if (foal__tcp_spawn_pinned(&tag, worker)) {
      foal__post_args(tag.any, a);
      return true;
    }
    *config = a->config;
    foal__message_done((foal_msg *)(void *)a - 1);
  }
  foal__transport_drop(fd);
  foal__config_drop(config);
  return false;
}

typedef struct dial_args {
  foal__proto_tag user;
  foal__config *config;
} dial_args;

FOAL_TRUSTED static void dial_run(void *state, foal_msg *m)
{
  foal__tcp *self = state;
  dial_args a = *(dial_args *)foal__args(m);
  foal__message_done(m);
  begin(self, &a.config);
  self->user = a.user;
  foal__tcp_dial_begin(self);
}

static void dial_drop(foal_msg *m)
{
  dial_args *a = foal__args(m);
  foal__config_drop(&a->config);
}
static const foal_behaviour dial_behaviour = {dial_run, dial_drop, "foal__tcp", "dial",
                                              false};

bool foal__tcp_dial(foal__proto_tag user, foal__config **config, foal__tcp_tag *out)
{
  foal_assert(config != NULL && *config != NULL && out != NULL);
  dial_args *a = foal__message(&dial_behaviour);
  if (a != NULL) {
    *a = (dial_args){user, *config};
    *config = NULL;
    if (foal__tcp_spawn_pinned(out, foal_worker())) {
      foal__post_args(out->any, a);
      return true;
    }
    *config = a->config;
    foal__message_done((foal_msg *)(void *)a - 1);
  }
  foal__config_drop(config);
  return false;
}

/* ---- reading ---- */

void foal__tcp_update_reading(foal__tcp *self)
{
  foal__tcp_check(self);
  if (self->sock == NULL || self->phase == FOAL__TCP_CLOSING) return;
  bool open = self->phase == FOAL__TCP_OPEN || self->phase == FOAL__TCP_LINGER;
  bool room = self->unconsumed < FOAL__WINDOW_BYTES;
  foal__sock_read(self->sock, open && !self->eof && !self->paused && room);
}

/* Only a TLS session still has something to find in the rest: the peer's close_notify. */
static bool is_wanted(const foal__tcp *self)
{
  return self->phase == FOAL__TCP_OPEN ||
         (self->phase == FOAL__TCP_LINGER && foal__tcp_is_tls(self) &&
          foal__tcp_has_user(self));
}

void foal__tcp_received(foal__tcp *self, foal_buf **b)
{
  foal__tcp_check(self);
  uint32_t len = (uint32_t)foal_buf_len(*b);
  foal_assert(len > 0);
  foal__count(FOAL__C_bytes_in, len);
  foal__tcp_touch(self);
  if (self->phase == FOAL__TCP_LINGER) {
    self->lingered += len;
    if (self->lingered > self->config->options.linger_bytes && !self->eof) {
      self->eof = true;
      foal__tcp_over(self->me, (foal__cause){FOAL_LOCAL, 0});
    }
  }
  if (!is_wanted(self)) {
    foal_buf_drop(b);
  } else {
    self->unconsumed += len;
    if (foal__tcp_has_user(self) && self->relayed == 0) {
      foal__proto_bytes(self->user, b);
    } else {
      self->relayed++;
      foal__tcp_first(self->me, b);
    }
  }
  foal__tcp_update_reading(self);
}

FOAL_HANDLE_ISO(foal__tcp, first)
static void foal__tcp_on_first(foal__tcp *self, foal_buf **b)
{
  foal__tcp_check(self);
  foal_assert(self->relayed > 0);
  self->relayed--;
  if (self->phase == FOAL__TCP_CLOSING ||
      (!foal__tcp_has_user(self) && !make_user(self))) {
    foal_buf_drop(b);
    return;
  }
  foal__proto_bytes(self->user, b);
}

void foal__tcp_ended(foal__tcp *self, foal__cause cause)
{
  foal__tcp_check(self);
  if (self->eof || self->phase == FOAL__TCP_CLOSING) return;
  self->eof = true;
  foal__tcp_over(self->me, cause);
}

FOAL_HANDLE1(foal__tcp, over, foal__cause, cause)
static void foal__tcp_on_over(foal__tcp *self, foal__cause cause)
{
  foal__tcp_check(self);
  if (self->phase == FOAL__TCP_CLOSING) return;
  if (self->broken.err != FOAL_OK) {
    /* The peer's last words, an alert perhaps, are still read if that can be done
     * soon. */
    self->phase_due_ms = foal__now_ms() + self->config->options.linger_ms;
    foal__tcp_rearm(self);
    if (self->eof || self->paused) foal__tcp_shut(self, self->broken, true);
  } else if (cause.err != FOAL_CLEAN || self->phase == FOAL__TCP_LINGER) {
    foal__tcp_shut(self, cause, false);
  } else if (foal__tcp_has_user(self)) {
    foal__proto_eof(self->user);
  } else {
    foal__tcp_shut(self, cause, false);
  }
}

FOAL_HANDLE1(foal__tcp, consumed, uint32_t, bytes)
static void foal__tcp_on_consumed(foal__tcp *self, uint32_t bytes)
{
  foal__tcp_check(self);
  foal_assert(bytes <= self->unconsumed);
  self->unconsumed -= bytes;
  foal__tcp_update_reading(self);
}

FOAL_HANDLE1(foal__tcp, reading, bool, on)
static void foal__tcp_on_reading(foal__tcp *self, bool on)
{
  foal__tcp_check(self);
  if (self->phase != FOAL__TCP_OPEN) return;
  self->paused = !on;
  foal__tcp_update_reading(self);
}

/* ---- writing ---- */

FOAL_HANDLE_ISO(foal__tcp, write)
static void foal__tcp_on_write(foal__tcp *self, foal_buf **b)
{
  foal__tcp_check(self);
  if (self->phase != FOAL__TCP_OPEN || self->broken.err != FOAL_OK) {
    foal_buf_drop(b);
    return;
  }
  foal_assert(!self->writing && !self->finished);
  self->writing = true;
  foal__sock_write(self->sock, b);
  if (self->writing) foal__tcp_watch_write(self);
}

void foal__tcp_wrote(foal__tcp *self, foal_buf **b, foal__cause cause)
{
  foal__tcp_check(self);
  foal_assert(self->writing);
  self->writing = false;
  if (cause.err != FOAL_OK) {
    foal_buf_drop(b);
    self->broken = cause;
    foal__tcp_over(self->me, cause);
    return;
  }
  foal__count(FOAL__C_bytes_out, (int64_t)foal_buf_len(*b));
  foal__tcp_touch(self);
  bool quiet = self->last ? !self->waited : foal__conn_credit_now(self->user);
  if (!quiet) foal_buf_truncate(*b, 0);
  if (quiet)
    foal_buf_drop(b);
  else if (self->last)
    foal__tcp_spoken(self->me, b);
  else
    foal__proto_credit(self->user, b);
}

static void send_fin(foal__tcp *self)
{
  if (self->finished || self->broken.err != FOAL_OK) return;
  foal_assert(!self->writing);
  self->finished = true;
  foal__sock_finish(self->sock);
}

FOAL_HANDLE0(foal__tcp, finish)
static void foal__tcp_on_finish(foal__tcp *self)
{
  foal__tcp_check(self);
  if (self->phase == FOAL__TCP_OPEN) send_fin(self);
}

/* All is said: FIN, and the end once the peer's is there. Closing sends one, too. */
static void begin_end(foal__tcp *self) FOAL_TURN;
static void begin_end(foal__tcp *self)
{
  foal_assert(self->phase == FOAL__TCP_OPEN && !self->writing);
  self->said = true;
  if (self->eof) {
    foal__tcp_shut(self, (foal__cause){FOAL_CLEAN, 0}, false);
    return;
  }
  send_fin(self);
  self->phase = FOAL__TCP_LINGER;
  self->phase_due_ms = foal__now_ms() + self->config->options.linger_ms;
  self->paused = false;
  foal__tcp_update_reading(self);
  foal__tcp_rearm(self);
}

FOAL_HANDLE0(foal__tcp, close)
static void foal__tcp_on_close(foal__tcp *self)
{
  foal__tcp_check(self);
  if (self->phase == FOAL__TCP_DIALING)
    foal__tcp_shut(self, (foal__cause){FOAL_LOCAL, 0}, false);
  if (self->phase == FOAL__TCP_OPEN) begin_end(self);
}

FOAL_HANDLE_ISO(foal__tcp, spoken)
static void foal__tcp_on_spoken(foal__tcp *self, foal_buf **b)
{
  foal__tcp_check(self);
  foal_buf_drop(b);
  if (self->phase == FOAL__TCP_OPEN) begin_end(self);
}

FOAL_HANDLE_ISO1(foal__tcp, last, bool, heard)
static void foal__tcp_on_last(foal__tcp *self, foal_buf **b, bool heard)
{
  foal__tcp_check(self);
  if (self->phase != FOAL__TCP_OPEN || self->broken.err != FOAL_OK) {
    foal_buf_drop(b);
    return;
  }
  foal_assert(!self->writing && !self->finished);
  if (heard && !self->eof) self->eof = foal__sock_ended(self->sock);
  self->writing = self->last = true;
  foal__sock_write_last(self->sock, b);
  if (self->writing) {
    self->waited = true;
    self->paused = false;
    foal__tcp_update_reading(self);
    foal__tcp_watch_write(self);
  } else if (self->broken.err == FOAL_OK) {
    begin_end(self);
  }
}

FOAL_HANDLE1(foal__tcp, abort, bool, reset)
static void foal__tcp_on_abort(foal__tcp *self, bool reset)
{
  foal__tcp_check(self);
  foal__tcp_shut(self, (foal__cause){FOAL_LOCAL, 0}, reset);
}

/* ---- the rest of the events ---- */

void foal__tcp_closed(foal__tcp *self, foal__sock *sock)
{
  foal__tcp_check(self);
  foal_assert(self->sock == sock);
  self->sock = NULL;
  foal__tcp_gone(self->me);
}

FOAL_HANDLE0(foal__tcp, drain)
static void foal__tcp_on_drain(foal__tcp *self)
{
  foal__tcp_check(self);
  if (self->phase < FOAL__TCP_OPEN || self->handshaking) {
    foal__tcp_shut(self, (foal__cause){FOAL_STOPPED, 0}, false);
  } else if (self->phase == FOAL__TCP_OPEN) {
    foal__proto_stopping(self->user);
  }
}
