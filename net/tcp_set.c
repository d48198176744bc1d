/* tcp_set.c - what can change while a connection works: socket settings, and TLS.
 *
 * In turns of the TCP actor, in order with its writes. */
#include "impl/tcp_state.h"

#include "../runtime/impl/assert.h"
#include "../runtime/log.h"
#include "impl/listening.h"

static const char *option_name(foal_conn_option option)
{
  static const char *const names[] = {"nagle", "keepalive_s", "receive_bytes",
                                      "send_bytes"};
  foal_assert((unsigned)option < sizeof names / sizeof names[0]);
  return names[option];
}

static void set(foal__tcp *self, foal_conn_option option, uint32_t value)
{
  char peer[FOAL__ADDR_TEXT_MAX];
  foal__cause cause = foal__sock_set(self->sock, option, value);
  if (cause.err == FOAL_OK) return;
  foal__addr_text(&self->peer, peer);
  foal_log(FOAL_LOG_WARNING, "%s: the socket option %s cannot be %u: %s (%s)", peer,
           option_name(option), (unsigned)value, foal_err_text(cause.err),
           foal__cause_text(cause.os));
}

void foal__tcp_set_up(foal__tcp *self)
{
  const foal_conn_options *o = &self->config->options;
  foal_assert(self->sock != NULL);
  if (o->nagle) set(self, FOAL_CONN_NAGLE, 1);
  if (o->keepalive_s != 0) set(self, FOAL_CONN_KEEPALIVE_S, o->keepalive_s);
  if (o->receive_bytes != 0) set(self, FOAL_CONN_RECEIVE_BYTES, o->receive_bytes);
  if (o->send_bytes != 0) set(self, FOAL_CONN_SEND_BYTES, o->send_bytes);
}

FOAL_HANDLE2(foal__tcp, set, foal_conn_option, option, uint32_t, value)
static void foal__tcp_on_set(foal__tcp *self, foal_conn_option option, uint32_t value)
{
  foal__tcp_check(self);
  if (self->phase == FOAL__TCP_OPEN) set(self, option, value);
}

FOAL_HANDLE0(foal__tcp, upgrade)
static void foal__tcp_on_upgrade(foal__tcp *self)
{
  foal__tcp_check(self);
  if (self->phase != FOAL__TCP_OPEN) return;
  foal_assert(!self->handshaking && !foal__tcp_is_tls(self));
  foal__listening_tag listener = {self->config->listener};
  self->handshaking = true;
  if (!foal_tag_is_nobody(listener.any)) {
    self->begun = true;
    foal__listening_begun(listener);
  }
  /* After a write that failed there is one already, and a shorter one. */
  if (self->broken.err == FOAL_OK) {
    self->phase_due_ms = foal__now_ms() + self->config->options.handshake_ms;
  }
  foal__tcp_rearm(self);
}

FOAL_HANDLE0(foal__tcp, agreed)
static void foal__tcp_on_agreed(foal__tcp *self)
{
  foal__tcp_check(self);
  if (!self->handshaking) return;
  self->handshaking = false;
  self->upgraded = self->config->ctx == NULL;
  if (self->begun) {
    foal__listening_tag listener = {self->config->listener};
    self->begun = false;
    foal__listening_agreed(listener);
  }
  if (self->phase != FOAL__TCP_OPEN) return;
  self->phase_due_ms = 0;
  foal__tcp_touch(self);
  foal__tcp_rearm(self);
}
