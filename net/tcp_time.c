/* tcp_time.c - deadlines of a TCP actor, and dialing.
 *
 * One alarm for all deadlines, armed lazily: progress only moves numbers, the alarm
 * looks at them when it rings and goes to sleep again until the earliest. So a busy
 * connection touches the timer wheel a few times a minute, not with every byte. */
#include "impl/tcp_state.h"

#include "../runtime/impl/assert.h"
#include "impl/resolver.h"

/* ---- deadlines ---- */

void foal__tcp_touch(foal__tcp *self)
{
  foal_assert(self != NULL);
  if (self->idle_ms != 0) self->active_ms = foal__recent_ms();
}

static bool idles(const foal__tcp *self)
{
  return self->idle_ms != 0 && self->phase == FOAL__TCP_OPEN && !self->handshaking;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

static uint64_t next_due(const foal__tcp *self)
{
  uint64_t due = UINT64_MAX;
  foal_assert(self->config != NULL);
  if (self->phase_due_ms != 0) due = earlier(due, self->phase_due_ms);
  if (idles(self)) due = earlier(due, self->active_ms + self->idle_ms);
  if (self->writing) due = earlier(due, self->stall_ms + self->config->options.write_ms);
  if (self->dial != NULL && self->dial->next < self->dial->count) {
    due = earlier(due, self->dial->next_ms);
  }
  return due;
}

void foal__tcp_rearm(foal__tcp *self)
{
  foal_assert(self != NULL);
  if (self->phase == FOAL__TCP_CLOSING) return;
  uint64_t due = next_due(self), now = foal__now_ms();
  if (due == UINT64_MAX) return;
  /* A deadline that has moved away needs nothing: the alarm rings early and looks. */
  if (self->alarm.link != NULL && self->alarm.due_ms <= due + 1) return;
  foal__alarm_set(&self->alarm, self->me.any, &foal__tcp__be_ring,
                  due > now ? due - now : 0);
}

void foal__tcp_watch_write(foal__tcp *self)
{
  foal_assert(self->writing);
  self->stall_ms = foal__now_ms();
  self->stall_bytes = foal__sock_unacked(self->sock);
  foal__tcp_rearm(self);
}

static void phase_over(foal__tcp *self) FOAL_TURN;
static void phase_over(foal__tcp *self)
{
  foal__cause cause = {FOAL_LOCAL, 0};
  foal_assert(self->phase_due_ms != 0);
  if (self->phase == FOAL__TCP_DIALING) cause.err = FOAL_TIMEOUT_CONNECT;
  if (self->phase == FOAL__TCP_OPEN) cause.err = FOAL_TIMEOUT_HANDSHAKE;
  /* What could not be written is missing: no FIN may say that this was all. */
  bool broken = self->broken.err != FOAL_OK;
  foal__tcp_shut(self, broken ? self->broken : cause, broken);
}

/* Whether the peer has taken nothing of the write in flight for too long. */
static bool is_stalled(foal__tcp *self, uint64_t now)
{
  foal_assert(self->config != NULL);
  if (!self->writing) return false;
  size_t unacked = foal__sock_unacked(self->sock);
  if (unacked < self->stall_bytes) {
    self->stall_bytes = unacked;
    self->stall_ms = now;
    foal__tcp_touch(self);
  }
  return now >= self->stall_ms + self->config->options.write_ms;
}

FOAL_HANDLE0(foal__tcp, ring)
static void foal__tcp_on_ring(foal__tcp *self)
{
  uint64_t now = foal__now_ms();
  foal_assert(self->config != NULL);
  if (self->phase == FOAL__TCP_CLOSING) return;
  if (self->phase_due_ms != 0 && now >= self->phase_due_ms) {
    phase_over(self);
    return;
  }
  if (is_stalled(self, now)) {
    /* FIN would wait behind the bytes that the peer does not take. */
    foal__tcp_shut(self, (foal__cause){FOAL_TIMEOUT_WRITE, 0}, true);
    return;
  }
  if (idles(self) && now >= self->active_ms + self->idle_ms) {
    self->idle_ms = 0;
    foal__proto_expired(self->user, FOAL_TIMEOUT_IDLE);
  }
  if (self->dial != NULL && self->dial->count > 0) foal__tcp_dial_go(self);
  foal__tcp_rearm(self);
}

FOAL_HANDLE1(foal__tcp, idle, uint32_t, idle_ms)
static void foal__tcp_on_idle(foal__tcp *self, uint32_t idle_ms)
{
  foal_assert(self->config != NULL);
  self->idle_ms = idle_ms;
  foal__tcp_touch(self);
  foal__tcp_rearm(self);
}

/* ---- dialing ---- */

void foal__tcp_dial_begin(foal__tcp *self)
{
  foal_assert(self->phase == FOAL__TCP_NEW && self->dial == NULL);
  self->phase = FOAL__TCP_DIALING;
  self->dial = foal__dial_new();
  if (self->dial == NULL || !foal__resolve(self->config->host, self->config->port,
                                           self->me.any, &foal__tcp__be_resolved)) {
    foal__tcp_shut(self, (foal__cause){FOAL_NO_MEMORY, 0}, false);
    return;
  }
  self->phase_due_ms = foal__now_ms() + self->config->options.connect_ms;
  foal__tcp_rearm(self);
}

FOAL_HANDLE_ISO(foal__tcp, resolved)
static void foal__tcp_on_resolved(foal__tcp *self, foal_buf **b)
{
  foal__addr addrs[FOAL__LOOKUP_ADDRS_MAX];
  foal_assert(self->config != NULL);
  uint32_t count = foal__resolved(*b, addrs);
  foal_buf_drop(b);
  if (self->phase != FOAL__TCP_DIALING) return;
  foal__dial_begin(self->dial, addrs, count);
  foal__tcp_dial_go(self);
  foal__tcp_rearm(self);
}

void foal__tcp_dial_go(foal__tcp *self)
{
  foal_assert(self->phase == FOAL__TCP_DIALING && self->dial != NULL);
  if (!foal__dial_go(self->dial, self, foal__now_ms())) {
    foal__tcp_shut(self, self->dial->cause, false);
  }
}

void foal__tcp_connected(foal__tcp *self, foal__sock *sock, foal__cause cause)
{
  foal_assert(self != NULL && sock != NULL);
  if (self->dial == NULL) return;
  uint32_t index = foal__dial_find(self->dial, sock);
  foal_assert(index <
              FOAL__LOOKUP_ADDRS_MAX); /* a socket that was given up tells nobody */
  foal__tcp_tried(self->me, index, cause);
}

FOAL_HANDLE2(foal__tcp, tried, uint32_t, index, foal__cause, cause)
static void foal__tcp_on_tried(foal__tcp *self, uint32_t index, foal__cause cause)
{
  foal_assert(index < FOAL__LOOKUP_ADDRS_MAX);
  if (self->dial == NULL) return;
  if (cause.err != FOAL_OK) {
    foal__dial_failed(self->dial, index, cause);
    foal__tcp_dial_go(self);
    if (self->dial != NULL) foal__tcp_rearm(self);
    return;
  }
  foal__sock *sock = foal__dial_take(self->dial, index);
  if (sock == NULL) return;
  self->sock = sock;
  self->peer = self->dial->addrs[index];
  foal__dial_drop(&self->dial);
  foal__count(FOAL__C_connected, 1);
  foal__tcp_open(self);
}
