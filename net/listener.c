/* listener.c - one listening socket, accepted connections handed to the workers.
 *
 * Accepting stops (the socket is not watched, nobody spins) while a limit is reached:
 * open connections, unfinished handshakes, descriptors or memory of the system. It
 * goes on when a connection has closed, a handshake has ended, or after a while. What
 * waits meanwhile waits in the backlog. An accepted descriptor goes to the worker with
 * the fewest connections of this listener. The actor is pinned; connections tell it
 * when they are gone. */
#include "impl/listening.h"

#include "../runtime/actor.h"
#include "../runtime/impl/assert.h"
#include "../runtime/impl/worker.h"
#include "../runtime/log.h"
#include "impl/tcp.h"

enum {
  BACKLOG = 4096,
  HANDSHAKES_MAX = 1024, /* unfinished at the same time */
  ACCEPTS_A_TURN = 64,
  SPARE_FILES = 64, /* for everything else the program does */
  STARVED_MS = 100, /* until descriptors are looked for again */
  LOG_EVERY_MS = 10000
};

struct foal__listening {
  foal__acceptor *acceptor; /* NULL: closed */
  foal__config *config;
  foal__listening_tag me; /* events come outside turns */
  foal__alarm alarm;
  uint64_t next_log_ms;
  uint32_t connections_max;
  uint32_t connections, handshakes;
  uint32_t loads[FOAL_WORKERS_MAX]; /* connections by worker */
  bool ready : 1;                   /* a message about it is on its way */
  bool starved : 1;
};

FOAL_ACTOR_WITH_END(foal__listening)
FOAL_SEND0(foal__listening, accept)
FOAL_SEND0(foal__listening, resume)
FOAL_SEND0(foal__listening, stop)

static bool may_accept(const foal__listening *self)
{
  return self->acceptor != NULL && !self->starved && self->handshakes < HANDSHAKES_MAX &&
         self->connections < self->connections_max;
}

static void update_watching(foal__listening *self)
{
  foal_assert(self != NULL);
  if (self->acceptor != NULL) foal__acceptor_watch(self->acceptor, may_accept(self));
}

/* The least loaded worker; among equals the nearest after ours, so that a quiet server
 * stays on one thread. */
static uint32_t choose_worker(const foal__listening *self)
{
  uint32_t workers = foal_workers(), here = foal_worker(), best = here;
  foal_assert(workers <= FOAL_WORKERS_MAX && here < workers);
  for (uint32_t i = 1; i < workers; i++) {
    uint32_t w = (here + i) % workers;
    if (self->loads[w] < self->loads[best]) best = w;
  }
  return best;
}

static void warn(foal__listening *self, foal_err why, const char *what)
{
  uint64_t now = foal__now_ms();
  foal_assert(why != FOAL_OK && what != NULL);
  if (now < self->next_log_ms) return;
  self->next_log_ms = now + LOG_EVERY_MS;
  foal_log(FOAL_LOG_WARNING, "port %u: %s: %s; %u connections are open",
           (unsigned)self->config->port, what, foal_err_text(why), self->connections);
}

static void warn_full(foal__listening *self)
{
  uint64_t now = foal__now_ms();
  foal_assert(self->connections > 0);
  if (now < self->next_log_ms) return;
  self->next_log_ms = now + LOG_EVERY_MS;
  foal_log(FOAL_LOG_WARNING,
           "port %u: %u connections are open, the most allowed; more have to wait "
           "(connections_max; without it the limit of open files counts, ulimit -n)",
           (unsigned)self->config->port, self->connections);
}

/* ---- handing out ---- */

/* An accepted descriptor on its way back to the listener that accepted it. A context
 * that replaces another is in the mailbox before its giver can tell anybody, but an
 * `accept` may be there already: whoever connects now would be taken from the backlog by
 * that one, and served by the old context. This message is behind both. */
typedef struct accepted_args {
  int fd;
  foal__addr peer;
} accepted_args;

static void turn_away(foal__listening *self)
{
  foal_assert(self->connections > 0);
  self->connections--;
  foal__count(FOAL__C_shed, 1);
  warn(self, FOAL_NO_MEMORY, "a connection was turned away");
}

static void hand_out(foal__listening *self, accepted_args a)
{
  uint32_t worker = choose_worker(self);
  foal__config *config = foal__config_share(self->config);
  foal_assert(a.fd >= 0);
  if (!foal__tcp_accept(worker, a.fd, &config, &a.peer)) {
    turn_away(self);
    update_watching(self);
    return;
  }
  foal__count(FOAL__C_accepted, 1);
  self->loads[worker]++;
}

FOAL_TRUSTED static void accepted_run(void *self, foal_msg *m)
{
  accepted_args a = *(accepted_args *)foal__args(m);
  foal__message_done(m);
  hand_out(self, a);
}

static void accepted_drop(foal_msg *m)
{
  accepted_args *a = foal__args(m);
  foal__transport_drop(a->fd);
}
static const foal_behaviour accepted_behaviour = {accepted_run, accepted_drop,
                                                  "foal__listening", "accepted", false};

static void took(foal__listening *self, int fd, const foal__addr *peer)
{
  accepted_args *a = foal__message(&accepted_behaviour);
  self->connections++;
  if (a == NULL) {
    foal__transport_drop(fd);
    turn_away(self);
    return;
  }
  *a = (accepted_args){fd, *peer};
  foal__post_args(self->me.any, a);
  if (self->connections == self->connections_max) warn_full(self);
}

/* ---- accepting ---- */

static void starve(foal__listening *self, foal__cause cause)
{
  foal_assert(cause.err != FOAL_OK);
  self->starved = true;
  warn(self, cause.err, "connections have to wait");
  foal__alarm_set(&self->alarm, self->me.any, &foal__listening__be_resume, STARVED_MS);
}

FOAL_HANDLE0(foal__listening, accept)
static void foal__listening_on_accept(foal__listening *self)
{
  foal_assert(self->me.any.slot_ != NULL);
  self->ready = false;
  for (int i = 0; i < ACCEPTS_A_TURN && may_accept(self); i++) {
    int fd = -1;
    foal__addr peer;
    foal__cause cause = {FOAL_OK, 0};
    foal__accepted got = foal__acceptor_accept(self->acceptor, &fd, &peer, &cause);
    if (got == FOAL__ACCEPT_NONE) break;
    if (got == FOAL__ACCEPT_STARVED) {
      starve(self, cause);
    } else {
      took(self, fd, &peer);
    }
  }
  update_watching(self);
}

void foal__listening_ready(foal__listening *self)
{
  foal_assert(self != NULL && self->acceptor != NULL);
  if (self->ready) return;
  self->ready = true;
  foal__listening_accept(self->me);
}

FOAL_HANDLE0(foal__listening, resume)
static void foal__listening_on_resume(foal__listening *self)
{
  foal_assert(self->me.any.slot_ != NULL);
  self->starved = false;
  update_watching(self);
}

/* ---- counting ---- */

/* Without memory for messages some of these are lost: the counts of handshakes then find
 * their way back. */

FOAL_HANDLE0(foal__listening, begun)
static void foal__listening_on_begun(foal__listening *self)
{
  foal_assert(self->config != NULL);
  if (self->handshakes < self->connections) self->handshakes++;
  update_watching(self);
}

FOAL_HANDLE0(foal__listening, agreed)
static void foal__listening_on_agreed(foal__listening *self)
{
  foal_assert(self->config != NULL);
  if (self->handshakes > 0) self->handshakes--;
  update_watching(self);
}

FOAL_HANDLE2(foal__listening, gone, uint32_t, worker, bool, handshaking)
static void foal__listening_on_gone(foal__listening *self, uint32_t worker,
                                    bool handshaking)
{
  foal_assert(worker < FOAL_WORKERS_MAX && self->loads[worker] > 0);
  foal_assert(self->connections > 0);
  self->connections--;
  self->loads[worker]--;
  if (handshaking && self->handshakes > 0) self->handshakes--;
  if (self->handshakes > self->connections) self->handshakes = self->connections;
  self->starved = false; /* a descriptor has come back */
  update_watching(self);
}

/* ---- beginning and end ---- */

typedef struct listen_args {
  foal__config *config;
  int fd;
  uint32_t connections_max;
} listen_args;

static void listening(foal__listening *self, listen_args a) FOAL_TURN;
static void listening(foal__listening *self, listen_args a)
{
  foal_assert(self->config == NULL);
  foal_hold();
  self->me = foal__listening_self(self);
  self->config = a.config;
  self->connections_max = a.connections_max;
  foal__cause cause = foal__acceptor_new(&self->acceptor, a.fd, self);
  if (cause.err != FOAL_OK) {
    foal_log(FOAL_LOG_ERROR, "port %u: cannot watch the socket: %s (%s)",
             (unsigned)a.config->port, foal_err_text(cause.err),
             foal__cause_text(cause.os));
    foal_actor_end(cause.err);
    return;
  }
  update_watching(self);
  foal__on_drain(self->me.any, &foal__listening__be_stop);
}

FOAL_TRUSTED static void listen_run(void *self, foal_msg *m)
{
  listen_args a = *(listen_args *)foal__args(m);
  foal__message_done(m);
  listening(self, a);
}

static void listen_drop(foal_msg *m)
{
  listen_args *a = foal__args(m);
  foal__transport_drop(a->fd);
  foal__config_drop(&a->config);
}
static const foal_behaviour listen_behaviour = {listen_run, listen_drop,
                                                "foal__listening", "listen", false};

FOAL_HANDLE0(foal__listening, stop)
static void foal__listening_on_stop(foal__listening *self)
{
  foal_assert(self->config != NULL);
  foal_actor_end(FOAL_ENDED);
}

static void foal__listening_on_end(foal__listening *self)
{
  foal__alarm_stop(&self->alarm);
  if (self->acceptor != NULL) foal__acceptor_close(self->acceptor);
  self->acceptor = NULL;
  if (self->config == NULL) return;
  foal__config_drop(&self->config);
  foal_release();
}

void foal_listener_close(foal_listener listener)
{
  foal__listening_tag tag = {listener.any};
  foal__listening_stop(tag);
}

/* ---- another context ---- */

static void reload(foal__listening *self, foal_ssl_ctx **ctx)
{
  foal_assert(self->config != NULL && *ctx != NULL);
  if (self->config->ctx == NULL) {
    foal_log(FOAL_LOG_WARNING, "port %u: a plain listener has no context to replace",
             (unsigned)self->config->port);
    foal_ssl_ctx_drop(ctx);
    return;
  }
  foal__config *config = foal__config_with(self->config, ctx);
  if (config == NULL) {
    foal_log(FOAL_LOG_ERROR, "port %u: out of memory: the old context goes on serving",
             (unsigned)self->config->port);
    return;
  }
  foal__config_drop(&self->config);
  self->config = config;
}

FOAL_TRUSTED static void reload_run(void *self, foal_msg *m)
{
  foal_ssl_ctx *ctx = *(foal_ssl_ctx **)foal__args(m);
  foal__message_done(m);
  reload(self, &ctx);
}

static void reload_drop(foal_msg *m)
{
  foal_ssl_ctx_drop(foal__args(m));
}
static const foal_behaviour reload_behaviour = {reload_run, reload_drop,
                                                "foal__listening", "reload", false};

/* What is wrong with serving by it from now on. */
static foal_err send_reload(foal_listener listener, foal_ssl_ctx *ctx)
{
  foal_err err = foal_ssl_ctx_freeze(ctx);
  if (err != FOAL_OK) return err;
  if (!foal_ssl_ctx_can_serve(ctx)) return FOAL_BAD_STATE;
  foal_ssl_ctx *shared = foal_ssl_ctx_share(ctx);
  if (shared == NULL) return FOAL_NO_MEMORY;
  foal_ssl_ctx **args = foal__message(&reload_behaviour);
  if (args == NULL) {
    foal_ssl_ctx_drop(&shared);
    return FOAL_NO_MEMORY;
  }
  *args = shared;
  foal__post_args(listener.any, args);
  return FOAL_OK;
}

foal_err foal_listener_reload(foal_listener listener, foal_ssl_ctx *ctx)
{
  foal_assert(ctx != NULL);
  foal_err err = send_reload(listener, ctx);
  if (err == FOAL_OK) return err;
  foal_log(FOAL_LOG_ERROR, "port %u: the old context goes on serving: %s", listener.port,
           err == FOAL_BAD_STATE ? "the new one has no certificate" : foal_err_text(err));
  return err;
}

/* ---- opening ---- */

static const char *advice(foal_err err)
{
  switch ((int)err) {
  case FOAL_ADDRESS_IN_USE:
    return "; stop the other program or choose another port";
  case FOAL_ADDRESS_UNAVAILABLE:
    return "; use an address of this machine, or 0.0.0.0 for all";
  case FOAL_DNS_FAILED:
    return "; write the address in digits";
  default:
    return "";
  }
}

static foal_err start(foal__config *config, listen_args a, foal_listener *out)
{
  foal__listening_tag tag;
  listen_args *args = foal__message(&listen_behaviour);
  foal_assert(foal__refs_alone(&config->refs)); /* nobody else reads it yet */
  if (args == NULL) return FOAL_NO_MEMORY;
  if (!foal__listening_spawn_pinned(&tag, foal_worker())) {
    foal__message_done((foal_msg *)(void *)args - 1);
    return FOAL_NO_MEMORY;
  }
  config->listener = tag.any;
  *args = a;
  foal__post_args(tag.any, args);
  *out = (foal_listener){tag.any, config->port};
  return FOAL_OK;
}

static uint32_t limit_of(const foal_listen_options *options)
{
  if (options->connections_max != 0) return options->connections_max;
  uint32_t files = foal__transport_files_max();
  return files > 2 * SPARE_FILES ? files - SPARE_FILES : files / 2;
}

static foal_err check_ctx(const foal_listen_options *options)
{
  if (options->ctx == NULL) return FOAL_OK;
  foal_err err = foal_ssl_ctx_freeze(options->ctx);
  if (err == FOAL_OK && !foal_ssl_ctx_can_serve(options->ctx)) err = FOAL_BAD_STATE;
  if (err != FOAL_OK) {
    foal_log(FOAL_LOG_ERROR, "cannot listen on port %u: %s", (unsigned)options->port,
             err == FOAL_BAD_STATE ? "the TLS context has no certificate"
                                   : foal_ssl_ctx_detail(options->ctx));
  }
  return err;
}

foal_err foal__listen(const foal_protocol *protocol, const foal_listen_options *options,
                      foal_listener *out)
{
  listen_args a = {.fd = -1};
  foal_assert(protocol != NULL && options != NULL && out != NULL);
  foal_assert(foal_worker() != UINT32_MAX);
  const char *host = options->host != NULL ? options->host : "0.0.0.0";
  uint32_t backlog = options->backlog != 0 ? options->backlog : BACKLOG;
  foal_err err = check_ctx(options);
  if (err != FOAL_OK) return err;
  foal_connect_options settings = {
      .host = host, .ctx = options->ctx, .conn = options->conn};
  a.config = foal__config_new(protocol, &settings);
  a.connections_max = limit_of(options);
  if (a.config == NULL) return FOAL_NO_MEMORY;
  foal__cause cause =
      foal__transport_listen(host, options->port, backlog, &a.fd, &a.config->port);
  if (cause.err != FOAL_OK) {
    foal_log(FOAL_LOG_ERROR, "cannot listen on %s port %u: %s%s", host,
             (unsigned)options->port, foal_err_text(cause.err), advice(cause.err));
    foal__config_drop(&a.config);
    return cause.err;
  }
  err = start(a.config, a, out);
  if (err != FOAL_OK) {
    foal__transport_drop(a.fd);
    foal__config_drop(&a.config);
  }
  return err;
}
