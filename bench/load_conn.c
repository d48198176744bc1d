/* load_conn.c - a client connection: socket, epoll, and what to do when something comes.
 *
 * Everything written in one batch leaves with one send. A connection that never runs dry
 * gives way after TURN_BYTES, so that the clock and the others get their turn. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  READ_BYTES = 256 * 1024,
  TURN_BYTES = 1 << 20,
  EVENTS = 512,
  SOURCES = 8, /* addresses to connect from: one has 28,000 ports */
  STALLED_BYTES = 4096,
  ENDED = EPOLLRDHUP | EPOLLHUP | EPOLLERR,
};

static int epoll;
static unsigned char read_bytes[READ_BYTES];
static load_conn **again;
static size_t again_count;

void load_conn_set_up(void)
{
  again = calloc(load_opt.connections + load_opt.slow, sizeof *again);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (again == NULL || epoll < 0) load_die("start");
  if (!load_opt.plain) load_tls_set_up();
}

/* ---- open and close ---- */

static void open_socket(load_conn *c)
{
  int one = 1, small = STALLED_BYTES;
  uint32_t source = 0x7f000002u + (uint32_t)((c - load_conns) % SOURCES);
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons(load_opt.port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                              .data.ptr = c};
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) load_die("socket");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  if (load_opt.mode == LOAD_HOLD && load_opt.held == LOAD_STALLED)
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0) load_die("bind");
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
    load_die("connect");
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) load_die("epoll_ctl");
}

void load_conn_open(load_conn *c)
{
  c->opened_ns = load_now_ns;
  c->out_len = c->out_done = 0;
  c->http.head_len = 0;
  c->http.in_body = c->asked = c->dry = c->ended = false;
  c->state = LOAD_HANDSHAKING;
  open_socket(c);
  c->ssl = load_opt.plain ? NULL : load_tls_open(c);
}

void load_conn_close(load_conn *c, bool polite)
{
  if (c->ssl != NULL) {
    if (!polite) SSL_set_quiet_shutdown(c->ssl, 1);
    SSL_shutdown(c->ssl);
    if (polite) load_conn_flush(c);
    SSL_free(c->ssl);
    c->ssl = NULL;
  }
  ERR_clear_error();
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
  c->state = LOAD_CLOSED;
}

void load_conn_fail(load_conn *c, const char *what)
{
  char *text = load_count.first_failure;
  unsigned long err = ERR_peek_last_error();
  if (text[0] == '\0') {
    snprintf(text, sizeof load_count.first_failure, "%s: %s", what,
             err != 0 ? ERR_reason_error_string(err) : "end of stream");
  }
  load_count.failed++;
  load_conn_close(c, false);
}

/* ---- traffic ---- */

void load_conn_write(load_conn *c, const void *bytes, size_t len)
{
  if (c->ssl == NULL) {
    memcpy(load_room(c, len), bytes, len);
  } else if (SSL_write(c->ssl, bytes, (int)len) != (int)len) {
    load_conn_fail(c, "write");
  }
}

void load_conn_flush(load_conn *c)
{
  while (c->out_done < c->out_len) {
    ssize_t n = send(c->fd, c->out + c->out_done, c->out_len - c->out_done, MSG_NOSIGNAL);
    if (n < 0) return; /* full: the next event goes on; broken: reading will tell */
    c->out_done += (size_t)n;
  }
  c->out_len = c->out_done = 0;
}

/* 1: done, 0: not yet, -1: failed */
static int step_handshake(load_conn *c, uint32_t events)
{
  if (c->ssl == NULL) return (events & (EPOLLERR | EPOLLHUP)) != 0 ? -1 : 1;
  int n = SSL_do_handshake(c->ssl);
  if (n != 1 && SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ) return -1;
  load_conn_flush(c);
  return n == 1 ? 1 : 0;
}

/* true: the connection is open */
static bool handshake(load_conn *c, uint32_t events)
{
  int n = step_handshake(c, events);
  if (n < 0) load_conn_fail(c, "handshake");
  if (n != 1) return false;
  c->state = LOAD_OPEN;
  load_opened(c);
  if (c->state == LOAD_CLOSED) return false;
  load_conn_flush(c);
  return c->state == LOAD_OPEN || c->slow;
}

static void come_back(load_conn *c)
{
  if (c->again) return;
  c->again = true;
  again[again_count++] = c;
}

static void lose(load_conn *c)
{
  if (c->state == LOAD_KEPT) {
    load_count.lost++;
    if (c->slow) load_count.slow_lost++;
    load_conn_close(c, false);
  } else {
    load_conn_fail(c, "read");
  }
}

/* As load_receive, decrypted. */
static ssize_t read_some(load_conn *c)
{
  if (c->ssl == NULL) return load_receive(c, read_bytes, READ_BYTES);
  int n = SSL_read(c->ssl, read_bytes, READ_BYTES);
  if (n > 0) return n;
  return SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ ? -1 : 0;
}

static bool feed(load_conn *c, size_t len)
{
  if (c->slow) return true; /* whatever it says */
  if (load_opt.mode == LOAD_ECHO) return load_echo_feed(c, read_bytes, len);
  return load_http_feed(c, read_bytes, len);
}

/* Nothing is left to read, so no call that would only say so. */
static bool is_dry(load_conn *c)
{
  return c->dry && (c->ssl == NULL || !SSL_has_pending(c->ssl));
}

static void receive(load_conn *c)
{
  size_t taken = 0;
  ssize_t n = 0;
  while (taken < TURN_BYTES && (n = read_some(c)) > 0) {
    taken += (size_t)n;
    if (!feed(c, (size_t)n) || c->state == LOAD_CLOSED) return;
    if (is_dry(c)) {
      load_conn_flush(c);
      return;
    }
  }
  load_conn_flush(c);
  if (n == 0 || n == -2) {
    lose(c);
  } else if (n > 0) {
    come_back(c);
  }
}

/* Connections of which nothing is read: only their end is noticed. */
static bool drive_held(load_conn *c, uint32_t events)
{
  bool silent = load_opt.mode == LOAD_HOLD && load_opt.held == LOAD_SILENT;
  if (silent && c->state == LOAD_HANDSHAKING && (events & EPOLLOUT) != 0) {
    c->state = LOAD_KEPT;
    load_opened(c);
  }
  if (c->state != LOAD_KEPT || c->slow) return false;
  if (!silent && load_opt.held != LOAD_STALLED) return false;
  if ((events & ENDED) != 0) lose(c);
  return true;
}

static void drive(load_conn *c, uint32_t events)
{
  if (c->state == LOAD_CLOSED || drive_held(c, events)) return;
  if (events != 0) c->dry = false;
  if ((events & ENDED) != 0) c->ended = true;
  if (c->state == LOAD_HANDSHAKING && !handshake(c, events)) return;
  load_conn_flush(c);
  receive(c);
}

void load_conn_poll(int timeout_ms)
{
  struct epoll_event events[EVENTS];
  int n = epoll_wait(epoll, events, EVENTS, again_count > 0 ? 0 : timeout_ms);
  load_now_ns = load_clock_ns();
  for (int i = 0; i < n; i++) drive(events[i].data.ptr, events[i].events);
  size_t count = again_count;
  for (size_t i = 0; i < count; i++) again[i]->again = false;
  again_count = 0;
  /* come_back writes below what is still read here: never beyond position i. */
  for (size_t i = 0; i < count; i++) drive(again[i], 0);
}
