/* load_conn.c - a client connection: socket, TLS session, epoll.
 *
 * Everything written in one batch leaves with one send; reading takes what the socket
 * has in one recv (read-ahead). A connection that never runs dry gives way after
 * TURN_BYTES, so that the clock and the others get their turn. */
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
  AHEAD_BYTES = 68 * 1024,
  AHEAD_BYTES_HELD = 4096,
  TURN_BYTES = 1 << 20,
  EVENTS = 512,
  SOURCES = 8, /* addresses to connect from: one has 28,000 ports */
  STALLED_BYTES = 4096,
};

static SSL_CTX *tls;
static BIO_METHOD *bio_method;
static int epoll;
static unsigned char read_bytes[READ_BYTES];
static load_conn **again;
static size_t again_count;

/* ---- BIO ---- */

static int bio_write(BIO *bio, const char *bytes, int len)
{
  load_conn *c = BIO_get_data(bio);
  size_t need = c->out_len + (size_t)len;
  if (need > c->out_capacity) {
    c->out_capacity = need * 2;
    c->out = realloc(c->out, c->out_capacity);
    if (c->out == NULL) load_die("realloc");
  }
  memcpy(c->out + c->out_len, bytes, (size_t)len);
  c->out_len = need;
  BIO_clear_retry_flags(bio);
  return len;
}

static int bio_read(BIO *bio, char *bytes, int len)
{
  load_conn *c = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  ssize_t n = recv(c->fd, bytes, (size_t)len, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
  (void)bio;
  (void)number;
  (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
  BIO_set_init(bio, 1);
  return 1;
}

/* ---- context ---- */

static int on_session(SSL *ssl, SSL_SESSION *session)
{
  load_conn *c = SSL_get_app_data(ssl);
  if (!load_opt.resume) return 0;
  SSL_SESSION_free(c->session);
  c->session = session;
  return 1;
}

/* What is measured is the server: the certificate is one that was made a minute ago. */
static int accept_any(X509_STORE_CTX *store, void *arg)
{
  (void)store;
  (void)arg;
  return 1;
}

/* One suite and one group, so that no server chooses a cheaper one. */
static void limit_choice(void)
{
  char group[] = "X25519";
  SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
  if (SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256") != 1 ||
      SSL_CTX_set1_groups_list(tls, group) != 1)
    load_die("cipher suite or group");
}

void load_conn_set_up(void)
{
  bool held = load_opt.mode == LOAD_HOLD;
  again = calloc(load_opt.connections, sizeof *again);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  tls = SSL_CTX_new(TLS_client_method());
  bio_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "load");
  if (again == NULL || epoll < 0 || tls == NULL || bio_method == NULL) load_die("start");
  limit_choice();
  SSL_CTX_set_cert_verify_callback(tls, accept_any, NULL);
  SSL_CTX_set_read_ahead(tls, 1);
  SSL_CTX_set_default_read_buffer_len(tls, held ? AHEAD_BYTES_HELD : AHEAD_BYTES);
  SSL_CTX_set_mode(tls,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (held) SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(tls, load_opt.resume ? SSL_SESS_CACHE_CLIENT |
                                                            SSL_SESS_CACHE_NO_INTERNAL
                                                      : SSL_SESS_CACHE_OFF);
  SSL_CTX_sess_set_new_cb(tls, on_session);
  BIO_meth_set_write(bio_method, bio_write);
  BIO_meth_set_read(bio_method, bio_read);
  BIO_meth_set_ctrl(bio_method, bio_ctrl);
  BIO_meth_set_create(bio_method, bio_create);
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
  if (load_opt.mode == LOAD_HOLD && load_opt.hold == LOAD_STALLED)
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0) load_die("bind");
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
    load_die("connect");
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) load_die("epoll_ctl");
}

static void open_session(load_conn *c)
{
  BIO *bio = BIO_new(bio_method);
  c->ssl = SSL_new(tls);
  if (bio == NULL || c->ssl == NULL) load_die("session");
  BIO_set_data(bio, c);
  SSL_set_bio(c->ssl, bio, bio);
  SSL_set_app_data(c->ssl, c);
  SSL_set_connect_state(c->ssl);
  if (!load_opt.resume || c->session == NULL) return;
  /* A copy: OpenSSL takes a used session for spent, and not every server sends a new
   * ticket. */
  SSL_SESSION *copy = SSL_SESSION_dup(c->session);
  SSL_set_session(c->ssl, copy);
  SSL_SESSION_free(copy);
}

void load_conn_open(load_conn *c)
{
  c->opened_ns = load_now_ns;
  c->out_len = c->out_done = 0;
  c->head_len = 0;
  c->in_body = c->asked = false;
  c->state = LOAD_HANDSHAKING;
  open_socket(c);
  open_session(c);
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
  if (SSL_write(c->ssl, bytes, (int)len) != (int)len) load_conn_fail(c, "write");
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

/* true: the session is open */
static bool handshake(load_conn *c)
{
  int n = SSL_do_handshake(c->ssl);
  if (n != 1 && SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ) {
    load_conn_fail(c, "handshake");
    return false;
  }
  load_conn_flush(c);
  if (n != 1) return false;
  c->state = LOAD_OPEN;
  load_opened(c);
  if (c->state == LOAD_CLOSED) return false;
  load_conn_flush(c);
  return c->state == LOAD_OPEN;
}

static void come_back(load_conn *c)
{
  if (c->again) return;
  c->again = true;
  again[again_count++] = c;
}

static void lose(load_conn *c)
{
  if (c->state == LOAD_HELD) {
    load_count.lost++;
    load_conn_close(c, false);
  } else {
    load_conn_fail(c, "read");
  }
}

static void receive(load_conn *c)
{
  size_t taken = 0;
  while (taken < TURN_BYTES) {
    int n = SSL_read(c->ssl, read_bytes, READ_BYTES);
    if (n <= 0) {
      if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ) lose(c);
      return;
    }
    taken += (size_t)n;
    if (!load_http_feed(c, read_bytes, (size_t)n) || c->state == LOAD_CLOSED) return;
    /* The answer is here and the next request waits: new data will raise a new edge, so
     * no recv that would only say EAGAIN. */
    if (c->out_len > c->out_done) {
      load_conn_flush(c);
      return;
    }
  }
  come_back(c);
}

static void drive(load_conn *c, uint32_t events)
{
  if (c->state == LOAD_CLOSED) return;
  bool silent = load_opt.mode == LOAD_HOLD && load_opt.hold == LOAD_SILENT;
  if (silent && c->state == LOAD_HANDSHAKING && (events & EPOLLOUT) != 0) {
    c->state = LOAD_HELD;
    load_opened(c);
  }
  if (c->state == LOAD_HELD && (silent || load_opt.hold == LOAD_STALLED)) {
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) lose(c);
    return;
  }
  if (c->state == LOAD_HANDSHAKING && !handshake(c)) return;
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
