/* transport_uv.c - stream sockets on libuv.
 *
 * libuv tells when there is something to read; reading and writing is done here, with
 * recv and send, which cost less than the read and write that libuv calls. It is never
 * given a buffer, so it never reads by itself; what it has told waits for its turn (see
 * poller_uv.c). At most one write is in flight: it is tried at once, what the system
 * does not take waits in one uv_write whose request owns the buffer. Reads go into the
 * worker's 64 KiB buffer; small reads are copied out so that it stays hot, big ones move
 * on as they are. Nothing is handed to libuv that an actor owns: a sock and its requests
 * free themselves in their callbacks. Belongs to the thread of the worker the sock was
 * made on. */
#include "impl/transport.h"

#include "../runtime/bufq.h"
#include "../runtime/impl/alloc.h"
#include "../runtime/impl/assert.h"
#include "../runtime/impl/worker.h"
#include "impl/cause_uv.h"
#include "impl/loop.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { COPY_BYTES_MAX = 4096 }; /* reads up to this are copied out of the read buffer */

typedef struct connecting {
  uv_connect_t req;
} connecting;

typedef struct writing {
  uv_write_t req;
  foal__sock *sock;
  foal_slot buf;
} writing;

struct foal__sock {
  uv_tcp_t tcp;     /* first: a handle is its sock */
  foal__due due;    /* told, and not yet read */
  foal__tcp *owner; /* NULL: nobody listens any more */
  int fd;           /* of the socket once it is connected; libuv's */
  bool wanted;      /* the owner wants to read */
  bool started;     /* libuv tells when there is something */
  bool skipped;     /* it told although the owner does not want to know */
  size_t run;       /* bytes the system took since it was full */
  size_t last_run;  /* and how many it took before it was full; 0: not known */
};

static foal__poller *poller_of(const foal__sock *sock)
{
  return (foal__poller *)sock->tcp.loop->data;
}

static size_t unwritten(const foal__sock *sock)
{
  return uv_stream_get_write_queue_size((const uv_stream_t *)&sock->tcp);
}

static bool is_closing(const foal__sock *sock)
{
  return uv_is_closing((const uv_handle_t *)&sock->tcp) != 0;
}

static void serve(foal__due *due) FOAL_LOOP;

bool foal__sock_new(foal__sock **out, foal__tcp *owner)
{
  foal__poller *poller = foal__worker_poller();
  foal_assert(out != NULL && owner != NULL);
  foal_assert(poller != NULL);
  foal__sock *sock = foal__alloc(sizeof *sock);
  if (sock == NULL) return false;
  memset(sock, 0, sizeof *sock);
  sock->owner = owner;
  (void)uv_tcp_init(foal__poller_loop(poller),
                    &sock->tcp); /* memory only, makes no socket yet */
  foal__due_served_by(poller, serve);
  foal__poller_count(poller, 1);
  foal__count(FOAL__C_handles_live, 1);
  *out = sock;
  return true;
}

/* Small writes leave at once; gathering is done above, per turn. */
static void set_nodelay(foal__sock *sock)
{
  (void)uv_tcp_nodelay(&sock->tcp, 1);
}

foal__cause foal__sock_adopt(foal__sock *sock, int fd)
{
  foal_assert(sock != NULL && fd >= 0);
  int status = uv_tcp_open(&sock->tcp, fd);
  if (status != 0) {
    foal__transport_drop(fd);
    return foal__cause_of(status);
  }
  sock->fd = fd;
  return foal__cause_of(0);
}

/* ---- connecting ---- */

static void on_connect(uv_connect_t *req, int status) FOAL_LOOP;
static void on_connect(uv_connect_t *req, int status)
{
  foal__sock *sock = (foal__sock *)req->data;
  foal__free((connecting *)(void *)req);
  if (status == UV_ECANCELED || is_closing(sock) || sock->owner == NULL) return;
  if (status == 0) status = uv_fileno((const uv_handle_t *)&sock->tcp, &sock->fd);
  if (status == 0) set_nodelay(sock);
  foal__cause cause = foal__cause_of(status);
  if (status == UV_ETIMEDOUT) cause.err = FOAL_TIMEOUT_CONNECT;
  foal__tcp_connected(sock->owner, sock, cause);
}

foal__cause foal__sock_connect(foal__sock *sock, const foal__addr *to)
{
  struct sockaddr_storage sa;
  foal_assert(sock != NULL && to != NULL);
  connecting *c = foal__alloc(sizeof *c);
  if (c == NULL) return foal__cause_of(UV_ENOMEM);
  memset(c, 0, sizeof *c);
  c->req.data = sock;
  (void)foal__addr_to(to, &sa);
  int status =
      uv_tcp_connect(&c->req, &sock->tcp, (const struct sockaddr *)&sa, on_connect);
  if (status != 0) foal__free(c);
  return foal__cause_of(status);
}

/* ---- settings ---- */

static int set_keepalive(foal__sock *sock, uint32_t seconds)
{
  int fd, on = seconds != 0, probes_s = (int)(seconds / 4 + 1);
  int status = uv_fileno((const uv_handle_t *)&sock->tcp, &fd);
  if (status == 0) status = uv_tcp_keepalive(&sock->tcp, on, seconds);
  if (status != 0 || !on) return status;
  /* libuv has one probe a second: short where a minute of silence was asked for. */
  return setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &probes_s, sizeof probes_s) == 0
             ? 0
             : uv_translate_sys_error(errno);
}

foal__cause foal__sock_set(foal__sock *sock, foal_conn_option option, uint32_t value)
{
  int status = UV_EINVAL, bytes = (int)value;
  foal_assert(sock != NULL && sock->owner != NULL);
  switch (option) {
  case FOAL_CONN_NAGLE:
    status = uv_tcp_nodelay(&sock->tcp, value == 0);
    break;
  case FOAL_CONN_KEEPALIVE_S:
    status = set_keepalive(sock, value);
    break;
  case FOAL_CONN_RECEIVE_BYTES:
    status = uv_recv_buffer_size((uv_handle_t *)&sock->tcp, &bytes);
    break;
  case FOAL_CONN_SEND_BYTES:
    status = uv_send_buffer_size((uv_handle_t *)&sock->tcp, &bytes);
    break;
  }
  return foal__cause_of(status);
}

foal__addr foal__sock_local(const foal__sock *sock)
{
  struct sockaddr_storage sa;
  int size = sizeof sa;
  foal__addr unknown = {.family = 0};
  foal_assert(sock != NULL);
  if (uv_tcp_getsockname(&sock->tcp, (struct sockaddr *)&sa, &size) != 0) return unknown;
  return foal__addr_from((const struct sockaddr *)&sa);
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

static void end_reading(foal__sock *sock, ssize_t status) FOAL_LOOP;
static void end_reading(foal__sock *sock, ssize_t status)
{
  foal__cause cause = foal__cause_of((int)status);
  foal_assert(status < 0);
  if (sock->owner == NULL) return;
  sock->wanted = false;
  sock->started = false;
  (void)uv_read_stop((uv_stream_t *)&sock->tcp);
  if (status == UV_EOF) cause = (foal__cause){FOAL_CLEAN, 0};
  foal__tcp_ended(sock->owner, cause);
}

/* Stopping costs system calls, so it is done only when bytes wait that nobody wants,
 * and not in the pass that has just filled the owner's window: mostly he wants more
 * before the next. */
static void skip(foal__sock *sock)
{
  foal_assert(!sock->wanted && sock->started);
  if (sock->skipped) {
    sock->started = false;
    (void)uv_read_stop((uv_stream_t *)&sock->tcp);
  }
  sock->skipped = true;
}

/* The owner's state is needed right behind the system call: it comes meanwhile. Among
 * many connections it has left the cache since their last message. */
static void fetch(const foal__tcp *owner)
{
  enum { LINE_BYTES = 64, LINES = 3 };
  for (int i = 0; i < LINES; i++)
    __builtin_prefetch((const char *)owner + (ptrdiff_t)i * LINE_BYTES);
}

/* One read: where it does not take all there is, the next pass tells again. */
static void read_once(foal__sock *sock) FOAL_LOOP;
static void read_once(foal__sock *sock)
{
  foal_buf *b;
  if (!foal__read_buf_take(&b)) {
    end_reading(sock, UV_ENOMEM);
    return;
  }
  fetch(sock->owner);
  ssize_t n = recv(sock->fd, foal_buf_tail(b), foal_buf_room(b), 0);
  if (n > 0) {
    deliver(sock, &b, (size_t)n);
    return;
  }
  int error = errno;
  foal__read_buf_give(&b);
  if (n == 0) {
    end_reading(sock, UV_EOF);
  } else if (error != EAGAIN && error != EINTR) {
    end_reading(sock, uv_translate_sys_error(error));
  }
}

static void serve(foal__due *due)
{
  foal__sock *sock = (foal__sock *)(void *)((char *)due - offsetof(foal__sock, due));
  /* Who does not want it any more is told again by libuv when he does. */
  if (sock->owner != NULL && sock->wanted) read_once(sock);
}

/* Without a buffer libuv does not read; it reports UV_ENOBUFS, and asks again in the next
 * pass. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
  (void)handle, (void)suggested;
  *out = uv_buf_init(NULL, 0);
}

static void on_readable(uv_stream_t *stream, ssize_t status, const uv_buf_t *b) FOAL_LOOP;
static void on_readable(uv_stream_t *stream, ssize_t status, const uv_buf_t *b)
{
  foal__sock *sock = (foal__sock *)stream;
  (void)b;
  foal_assert(status == UV_ENOBUFS);
  if (sock->owner == NULL) return;
  if (sock->wanted) {
    foal__due_add(poller_of(sock), &sock->due);
  } else {
    skip(sock);
  }
}

void foal__sock_read(foal__sock *sock, bool on)
{
  foal_assert(sock != NULL);
  if (sock->wanted == on || is_closing(sock)) return;
  sock->wanted = on;
  sock->skipped = false;
  if (!on || sock->started) return;
  sock->started = true;
  int status = uv_read_start((uv_stream_t *)&sock->tcp, on_alloc, on_readable);
  /* Only an unconnected or closing handle is refused, and ours is neither. */
  foal_assert(status == 0);
}

/* ---- writing ---- */

static void on_write(uv_write_t *req, int status)
{
  writing *w = (writing *)(void *)req;
  foal__sock *sock = w->sock;
  foal_buf *b;
  if (foal_slot_take(&w->buf, &b)) {
    if (is_closing(sock) || sock->owner == NULL) {
      foal_buf_drop(&b);
    } else {
      foal__tcp_wrote(sock->owner, &b, foal__cause_of(status));
    }
  }
  foal__free(w);
}

/* Queues what the system did not take. */
static void write_rest(foal__sock *sock, foal_buf **b, size_t done) FOAL_TAKES(*b);
static void write_rest(foal__sock *sock, foal_buf **b, size_t done)
{
  uv_buf_t rest =
      uv_buf_init((char *)foal_buf_bytes(*b) + done, (unsigned)(foal_buf_len(*b) - done));
  writing *w = foal__alloc(sizeof *w);
  if (w == NULL) {
    foal__tcp_wrote(sock->owner, b, foal__cause_of(UV_ENOMEM));
    return;
  }
  memset(w, 0, sizeof *w);
  w->sock = sock;
  foal__count(FOAL__C_writes, 1);
  int status = uv_write(&w->req, (uv_stream_t *)&sock->tcp, &rest, 1, on_write);
  if (status != 0) {
    foal__free(w);
    foal__tcp_wrote(sock->owner, b, foal__cause_of(status));
    return;
  }
  size_t left = unwritten(sock);
  sock->last_run = left > 0 ? sock->run + foal_buf_len(*b) - left : 0;
  sock->run = 0;
  foal_slot_put(&w->buf, b);
}

static void write_now(foal__sock *sock, foal_buf **b, int flags) FOAL_TAKES(*b);
static void write_now(foal__sock *sock, foal_buf **b, int flags)
{
  foal_assert(sock != NULL && !is_closing(sock) && sock->owner != NULL);
  foal_assert(unwritten(sock) == 0);
  size_t len = foal_buf_len(*b);
  foal_assert(len > 0);
  /* uv_write begins with a try of its own. Where it is to be expected that not
   * everything fits, that one is enough. */
  if (sock->run + len > sock->last_run / 8 * 7 && sock->last_run != 0) {
    write_rest(sock, b, 0);
    return;
  }
  ssize_t n = send(sock->fd, foal_buf_data(*b), len, MSG_NOSIGNAL | flags);
  int error = n < 0 ? errno : 0;
  foal__count(FOAL__C_writes, 1);
  if (n < 0 && error != EAGAIN && error != EINTR && error != ENOBUFS) {
    foal__tcp_wrote(sock->owner, b, foal__cause_of(uv_translate_sys_error(error)));
  } else if (n >= 0 && (size_t)n == len) {
    sock->run += len;
    foal__tcp_wrote(sock->owner, b, foal__cause_of(0));
  } else {
    write_rest(sock, b, n > 0 ? (size_t)n : 0);
  }
}

void foal__sock_write(foal__sock *sock, foal_buf **b)
{
  write_now(sock, b, 0);
}

void foal__sock_write_last(foal__sock *sock, foal_buf **b)
{
  write_now(sock, b, MSG_MORE);
}

bool foal__sock_ended(const foal__sock *sock)
{
  char byte;
  foal_assert(sock != NULL && !is_closing(sock));
  return recv(sock->fd, &byte, 1, MSG_PEEK) == 0;
}

size_t foal__sock_unacked(const foal__sock *sock)
{
  uv_os_fd_t fd;
  int kernel = 0;
  foal_assert(sock != NULL);
  if (uv_fileno((const uv_handle_t *)&sock->tcp, &fd) != 0) return 0;
  if (ioctl(fd, TIOCOUTQ, &kernel) != 0 || kernel < 0) kernel = 0;
  return unwritten(sock) + (size_t)kernel;
}

/* uv_shutdown would need a request and forbid a reset afterwards; with no write in
 * flight the system call is all there is to it. */
void foal__sock_finish(foal__sock *sock)
{
  uv_os_fd_t fd;
  foal_assert(sock != NULL && unwritten(sock) == 0);
  if (is_closing(sock)) return;
  if (uv_fileno((const uv_handle_t *)&sock->tcp, &fd) == 0) (void)shutdown(fd, SHUT_WR);
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle) FOAL_LOOP;
static void on_closed(uv_handle_t *handle)
{
  foal__sock *sock = (foal__sock *)handle;
  foal__poller_count(poller_of(sock), -1);
  foal__count(FOAL__C_handles_live, -1);
  if (sock->owner != NULL) foal__tcp_closed(sock->owner, sock);
  foal__free(sock);
}

void foal__sock_close(foal__sock *sock, bool reset)
{
  foal_assert(sock != NULL);
  if (is_closing(sock)) return;
  foal__due_remove(poller_of(sock), &sock->due);
  /* Refused for a handle without a connected socket: an ordinary close does there. */
  if (reset && uv_tcp_close_reset(&sock->tcp, on_closed) == 0) return;
  uv_close((uv_handle_t *)&sock->tcp, on_closed);
}

void foal__sock_detach(foal__sock *sock)
{
  foal_assert(sock != NULL);
  sock->owner = NULL;
  foal__sock_close(sock, false);
}
