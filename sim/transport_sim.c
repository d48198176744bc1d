/* transport_sim.c - stream sockets on the simulated network.
 *
 * The same steps as net/transport_uv.c takes, in the same order, with the same
 * allocations and counters: one write at a time, tried at once, the rest waits in a
 * request that owns the buffer; reads go into the worker's buffer, small ones are copied
 * out. What the network tells becomes an item of the poller, and what an item finds when
 * it runs is looked at then, for it may be over. A sock frees itself when the poll has
 * told its end. Belongs to the worker the sock was made on. */
#include "../net/impl/transport.h"

#include "../runtime/bufq.h"
#include "../runtime/impl/alloc.h"
#include "../runtime/impl/assert.h"
#include "../runtime/impl/worker.h"
#include "impl/pending.h"
#include "impl/wire.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum {
  COPY_BYTES_MAX = 4096, /* reads up to this are copied out of the read buffer */
  RETRY_MS_MAX = 1024,   /* without memory to read into; begins at 1 and doubles */
  LATE_MS_MAX = 50,
};

typedef struct connecting {
  foal__sim_dial dial; /* first */
  foal__sock *sock;
  int status;
} connecting;

typedef struct writing {
  foal_slot buf;
  size_t len, done;
  int status; /* negated errno */
  bool told_late;
} writing;

struct foal__sock {
  foal__sim_pending read, write, connect, close;
  foal__sim_event retry, late;
  foal__poller *poller;
  foal__tcp *owner; /* NULL: nobody listens any more */
  foal__sim_end *end;
  connecting *connecting;
  writing *writing;
  size_t run;      /* bytes the system took since it was full */
  size_t last_run; /* and how many it took before it was full; 0: not known */
  uint32_t retry_ms;
  bool wanted; /* the owner wants to read */
  bool closing;
};

#define SOCK_OF(p, field)                                                                \
  ((foal__sock *)(void *)((char *)(p)-offsetof(foal__sock, field)))

/* ---- what the network tells ---- */

static void on_readable(foal__sim_end *end)
{
  foal__sock *sock = end->owner;
  if (sock->wanted) foal__sim_pend(sock->poller, &sock->read);
}

static void on_writable(foal__sim_end *end)
{
  foal__sock *sock = end->owner;
  if (sock->writing != NULL) foal__sim_pend(sock->poller, &sock->write);
}

static void on_retry(foal__sim_event *event)
{
  foal__sock *sock = SOCK_OF(event, retry);
  foal__sim_pend(sock->poller, &sock->read);
}

static void on_late(foal__sim_event *event)
{
  foal__sock *sock = SOCK_OF(event, late);
  foal__sim_pend(sock->poller, &sock->write);
}

static void attach(foal__sock *sock, foal__sim_end *end)
{
  sock->end = end;
  end->owner = sock;
  end->readable = on_readable;
  end->writable = on_writable;
}

/* ---- settings ---- */

/* There is no system behind it that could gather, probe or refuse. */
foal__cause foal__sock_set(foal__sock *sock, foal_conn_option option, uint32_t value)
{
  foal_assert(sock != NULL && sock->end != NULL);
  foal_assert(option != FOAL_CONN_NAGLE || value <= 1);
  return foal__sim_cause(0);
}

foal__addr foal__sock_local(const foal__sock *sock)
{
  foal_assert(sock != NULL && sock->end != NULL);
  const foal__sim_wire *wire = sock->end->wire;
  foal__addr server = {.ip = {127, 0, 0, 1}, .port = wire->port, .family = 4};
  return sock->end->server ? server : wire->client;
}

/* ---- reading ---- */

/* Gives the read buffer away: as it is, or a copy of the n bytes in it. */
static void deliver(foal__sock *sock, foal_buf **b, size_t n) FOAL_LOOP FOAL_TAKES(*b);
static void deliver(foal__sock *sock, foal_buf **b, size_t n)
{
  foal_buf *small;
  foal_assert(n > 0 && sock->owner != NULL);
  if (n > COPY_BYTES_MAX || !foal_buf_from(&small, foal_buf_tail(*b), n)) {
    foal_buf_extend(*b, n);
    foal__tcp_received(sock->owner, b);
    return;
  }
  foal__read_buf_give(b);
  foal__tcp_received(sock->owner, &small);
}

static void end_reading(foal__sock *sock, int status) FOAL_LOOP;
static void end_reading(foal__sock *sock, int status)
{
  foal__cause cause = {FOAL_CLEAN, 0};
  if (status != FOAL__SIM_EOF) cause = foal__sim_cause(status);
  sock->wanted = false;
  foal__tcp_ended(sock->owner, cause);
}

/* One read; false: nothing more for now. */
static bool read_once(foal__sock *sock) FOAL_LOOP;
static bool read_once(foal__sock *sock)
{
  foal_buf *b;
  if (!foal__read_buf_take(&b)) {
    sock->retry_ms = sock->retry_ms == 0 ? 1 : sock->retry_ms * 2;
    if (sock->retry_ms > RETRY_MS_MAX) sock->retry_ms = RETRY_MS_MAX;
    foal__sim_event_set(&sock->retry, foal__sim_now_ns() + sock->retry_ms * MS);
    return false;
  }
  sock->retry_ms = 0;
  ptrdiff_t n = foal__sim_end_read(sock->end, foal_buf_tail(b), foal_buf_room(b));
  if (n > 0) {
    deliver(sock, &b, (size_t)n);
    return true;
  }
  foal__read_buf_give(&b);
  if (n < 0) end_reading(sock, (int)n);
  return false;
}

static bool may_read(const foal__sock *sock)
{
  return sock->wanted && !sock->closing && sock->owner != NULL &&
         foal__sim_end_has_input(sock->end);
}

static void run_read(foal__sim_pending *item) FOAL_LOOP;
static void run_read(foal__sim_pending *item)
{
  foal__sock *sock = SOCK_OF(item, read);
  if (!may_read(sock)) return;
  if (sock->writing != NULL && sock->writing->status != 0) {
    /* The system has told an error to the writer, and only to him: he hears it first. */
    foal__sim_pend(sock->poller, &sock->read);
    return;
  }
  if (!read_once(sock) || !may_read(sock)) return;
  /* An end that is known already may be told in the same pass. */
  if (sock->end->in.len == 0 && foal__sim_draw(FOAL__SIM_S_net, 2) == 0) {
    (void)read_once(sock);
  } else {
    foal__sim_pend(sock->poller, &sock->read);
  }
}

void foal__sock_read(foal__sock *sock, bool on)
{
  foal_assert(sock != NULL);
  if (sock->wanted == on || sock->closing) return;
  foal_assert(sock->end != NULL);
  sock->wanted = on;
  if (!on) {
    foal__sim_unpend(&sock->read);
    foal__sim_event_cancel(&sock->retry);
  } else if (foal__sim_end_has_input(sock->end)) {
    foal__sim_pend(sock->poller, &sock->read);
  }
}

/* ---- writing ---- */

static size_t unwritten(const foal__sock *sock)
{
  return sock->writing != NULL ? sock->writing->len - sock->writing->done : 0;
}

/* Gives the system what it takes of the rest. The buffer is the transport's own here,
 * whatever the checker knows. */
FOAL_TRUSTED static void push(foal__sock *sock)
{
  writing *w = sock->writing;
  if (w->status != 0 || w->done == w->len) return;
  const uint8_t *bytes = foal_buf_data(w->buf.held_) + w->done;
  ptrdiff_t n = foal__sim_end_write(sock->end, bytes, w->len - w->done);
  if (n < 0) {
    w->status = (int)n;
  } else {
    w->done += (size_t)n;
  }
}

static bool is_through(const writing *w)
{
  return w->status != 0 || w->done == w->len;
}

static void run_write(foal__sim_pending *item)
{
  foal__sock *sock = SOCK_OF(item, write);
  writing *w = sock->writing;
  foal_buf *b;
  if (w == NULL || sock->closing) return;
  push(sock);
  if (!is_through(w)) {
    if (foal__sim_end_has_room(sock->end)) foal__sim_pend(sock->poller, &sock->write);
    return;
  }
  if (w->status == 0 && !w->told_late && foal__sim_fires(FOAL__SIM_W_late_wrote)) {
    uint64_t ms = 1 + foal__sim_how(FOAL__SIM_W_late_wrote, LATE_MS_MAX);
    w->told_late = true;
    foal__sim_event_set(&sock->late, foal__sim_now_ns() + ms * MS);
    return;
  }
  if (sock->late.at != 0) return;
  foal__cause cause = foal__sim_cause(w->status);
  sock->writing = NULL;
  if (foal_slot_take(&w->buf, &b)) foal__tcp_wrote(sock->owner, &b, cause);
  foal__free(w);
}

/* Queues what the system did not take. */
static void write_rest(foal__sock *sock, foal_buf **b, size_t done) FOAL_TAKES(*b);
static void write_rest(foal__sock *sock, foal_buf **b, size_t done)
{
  writing *w = foal__alloc(sizeof *w);
  if (w == NULL) {
    foal__tcp_wrote(sock->owner, b, foal__sim_cause(-ENOMEM));
    return;
  }
  *w = (writing){.len = foal_buf_len(*b), .done = done};
  foal__count(FOAL__C_writes, 1);
  foal_slot_put(&w->buf, b);
  sock->writing = w;
  push(sock);
  if (is_through(w) || foal__sim_end_has_room(sock->end))
    foal__sim_pend(sock->poller, &sock->write);
  size_t left = unwritten(sock);
  sock->last_run = left > 0 ? sock->run + w->len - left : 0;
  sock->run = 0;
}

void foal__sock_write(foal__sock *sock, foal_buf **b)
{
  foal_assert(sock != NULL && !sock->closing && sock->owner != NULL);
  foal_assert(sock->writing == NULL && sock->end != NULL);
  size_t len = foal_buf_len(*b);
  foal_assert(len > 0);
  bool expects_full = sock->run + len > sock->last_run / 8 * 7 && sock->last_run != 0;
  if (expects_full || foal__sim_fires(FOAL__SIM_W_late_wrote)) {
    write_rest(sock, b, 0);
    return;
  }
  ptrdiff_t n = foal__sim_end_write(sock->end, foal_buf_data(*b), len);
  foal__count(FOAL__C_writes, 1);
  if (n < 0) {
    foal__tcp_wrote(sock->owner, b, foal__sim_cause((int)n));
  } else if ((size_t)n == len) {
    sock->run += len;
    foal__tcp_wrote(sock->owner, b, foal__sim_cause(0));
  } else {
    write_rest(sock, b, (size_t)n);
  }
}

void foal__sock_write_last(foal__sock *sock, foal_buf **b)
{
  foal__sock_write(sock, b);
}

bool foal__sock_ended(const foal__sock *sock)
{
  foal_assert(sock != NULL && sock->end != NULL);
  return sock->end->in.len == 0 && sock->end->fin;
}

size_t foal__sock_unacked(const foal__sock *sock)
{
  foal_assert(sock != NULL);
  return unwritten(sock) + (sock->end != NULL ? sock->end->out.len : 0);
}

void foal__sock_finish(foal__sock *sock)
{
  foal_assert(sock != NULL && unwritten(sock) == 0);
  if (!sock->closing && sock->end != NULL) foal__sim_end_finish(sock->end);
}

/* ---- connecting ---- */

static void run_connect(foal__sim_pending *item) FOAL_LOOP;
static void run_connect(foal__sim_pending *item)
{
  foal__sock *sock = SOCK_OF(item, connect);
  if (sock->closing || sock->owner == NULL) return;
  foal__cause cause = foal__sim_cause(sock->connecting->status);
  if (sock->connecting->status == -ETIMEDOUT) cause.err = FOAL_TIMEOUT_CONNECT;
  foal__free(sock->connecting);
  sock->connecting = NULL;
  foal__tcp_connected(sock->owner, sock, cause);
}

static void on_dialed(foal__sim_dial *dial, int status, foal__sim_end *end)
{
  connecting *c = (connecting *)(void *)dial;
  c->status = status;
  if (end != NULL) attach(c->sock, end);
  foal__sim_pend(c->sock->poller, &c->sock->connect);
}

foal__cause foal__sock_connect(foal__sock *sock, const foal__addr *to)
{
  foal_assert(sock != NULL && to != NULL && sock->connecting == NULL);
  connecting *c = foal__alloc(sizeof *c);
  if (c == NULL) return foal__sim_cause(-ENOMEM);
  *c = (connecting){.dial = {.done = on_dialed}, .sock = sock};
  int status = foal__sim_dial_begin(&c->dial, to);
  if (status != 0) {
    foal__free(c);
  } else {
    sock->connecting = c;
  }
  return foal__sim_cause(status);
}

/* ---- beginning and end ---- */

static void run_close(foal__sim_pending *item) FOAL_LOOP;
static void run_close(foal__sim_pending *item)
{
  foal__sock *sock = SOCK_OF(item, close);
  foal__sim_poller_count(sock->poller, -1);
  foal__sim_world.socks--;
  foal__count(FOAL__C_handles_live, -1);
  if (sock->writing != NULL) foal_slot_clear(&sock->writing->buf);
  foal__free(sock->writing);
  foal__free(sock->connecting);
  if (sock->owner != NULL) foal__tcp_closed(sock->owner, sock);
  foal__free(sock);
}

bool foal__sock_new(foal__sock **out, foal__tcp *owner)
{
  foal__poller *poller = foal__worker_poller();
  foal_assert(out != NULL && owner != NULL);
  foal_assert(poller != NULL);
  foal__sock *sock = foal__alloc(sizeof *sock);
  if (sock == NULL) return false;
  *sock = (foal__sock){.read = {.run = run_read},
                       .write = {.run = run_write},
                       .connect = {.run = run_connect},
                       .close = {.run = run_close},
                       .retry = {.fire = on_retry},
                       .late = {.fire = on_late},
                       .poller = poller,
                       .owner = owner};
  foal__sim_poller_count(poller, 1);
  foal__sim_world.socks++;
  foal__count(FOAL__C_handles_live, 1);
  *out = sock;
  return true;
}

foal__cause foal__sock_adopt(foal__sock *sock, int fd)
{
  foal__sim_listener *listener;
  foal__sim_end *end;
  foal_assert(sock != NULL && sock->end == NULL);
  foal__sim_file_take(fd, &listener, &end);
  foal_assert(listener == NULL && end != NULL);
  attach(sock, end);
  return foal__sim_cause(0);
}

void foal__sock_close(foal__sock *sock, bool reset)
{
  foal_assert(sock != NULL);
  if (sock->closing) return;
  sock->closing = true;
  foal__sim_unpend(&sock->read);
  foal__sim_unpend(&sock->write);
  foal__sim_unpend(&sock->connect);
  foal__sim_event_cancel(&sock->retry);
  foal__sim_event_cancel(&sock->late);
  if (sock->connecting != NULL) foal__sim_dial_cancel(&sock->connecting->dial);
  if (sock->end != NULL) foal__sim_end_close(sock->end, reset);
  sock->end = NULL;
  foal__sim_pend(sock->poller, &sock->close);
}

void foal__sock_detach(foal__sock *sock)
{
  foal_assert(sock != NULL);
  sock->owner = NULL;
  foal__sock_close(sock, false);
}
