/* net_kit.c - a scripted protocol and raw peers; see net_kit.h. */
#include "net_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PEERS_MAX = 64, PEER_SECONDS = 30 };

foal_ssl_ctx *kit_server_ctx, *kit_client_ctx;
uint32_t kit_connections_max;
void (*point_poked)(point *self, uint32_t what);

void kit_fail(const char *file, int line, const char *what)
{
  fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
  abort();
}

/* ---- the protocol ---- */

static pthread_mutex_t notes = PTHREAD_MUTEX_INITIALIZER; /* texts and reasons of plans */

FOAL_PROTOCOL(point)
FOAL_HANDLE1(point, poke, uint32_t, what)

point_tag point_me(const point *self)
{
  return point_self(self);
}

static void point_on_opened(point *self, foal_conn *conn)
{
  self->conn = conn;
  self->plan = (point_plan *)(uintptr_t)foal_conn_context(conn);
  must(!self->done);
  pthread_mutex_lock(&notes);
  snprintf(self->plan->peer, sizeof self->plan->peer, "%s", foal_conn_peer(conn));
  pthread_mutex_unlock(&notes);
  if (self->plan->opened != NULL) self->plan->opened(self);
  self->plan->opened_count++; /* last: peers that wait for it read what the hook wrote */
}

FOAL_TRUSTED static void point_on_received(point *self, foal_buf **data)
{
  must(!self->done);
  must(foal_buf_len(*data) > 0);
  self->plan->received_bytes += foal_buf_len(*data);
  if (self->plan->received != NULL) {
    self->plan->received(self, data);
  } else {
    foal_conn_write(self->conn, data);
  }
}

static void point_on_sendable(point *self, size_t room)
{
  must(!self->done);
  must(room > 0);
  self->plan->sendable_count++;
  if (self->plan->sendable != NULL) self->plan->sendable(self, room);
}

static void point_on_ended(point *self, foal_err why)
{
  must(!self->done);
  must(why == FOAL_CLEAN || why == FOAL_STOPPED || why == FOAL_INCOMPLETE);
  if (why != FOAL_STOPPED) self->plan->ended_count++;
  if (why == FOAL_STOPPED) self->plan->stopping_count++;
  if (self->plan->ended != NULL) {
    self->plan->ended(self, why);
  } else {
    foal_conn_close(self->conn);
  }
}

static void point_on_closed(point *self, foal_err why)
{
  must(!self->done);
  self->done = true;
  if (self->plan == NULL)
    self->plan = (point_plan *)(uintptr_t)foal_conn_context(point_conn(self));
  point_plan *plan = self->plan;
  pthread_mutex_lock(&notes);
  plan->why = why;
  if (self->conn != NULL) {
    snprintf(plan->reason, sizeof plan->reason, "%s", foal_conn_reason(self->conn));
  }
  pthread_mutex_unlock(&notes);
  if (plan->closed != NULL) plan->closed(self, why);
  if (++plan->closed_count == plan->last) foal_listener_close(plan->listener);
}

static void point_on_poke(point *self, uint32_t what)
{
  if (point_poked != NULL) point_poked(self, what);
}

/* ---- the runtime ---- */

void kit_start(uint32_t workers)
{
  foal_options options = {.workers = workers, .keep_signals = true};
  must(foal_start(&options) == FOAL_OK);
  kit_server_ctx = foal_ssl_ctx_new();
  kit_client_ctx = foal_ssl_ctx_new();
  must(kit_server_ctx != NULL && kit_client_ctx != NULL);
  must(foal_ssl_ctx_self_signed(kit_server_ctx, "localhost") == FOAL_OK);
  const char *pem = foal_ssl_ctx_self_signed_pem(kit_server_ctx);
  must(foal_ssl_ctx_trust_pem(kit_client_ctx, pem) == FOAL_OK);
}

void kit_listen(point_plan *plan, foal_ssl_ctx *ctx, const foal_conn_options *options)
{
  foal_listen_options o = {
      .host = "127.0.0.1", .ctx = ctx, .connections_max = kit_connections_max};
  if (options != NULL) o.conn = *options;
  o.conn.context = plan;
  must(point_listen(&o, &plan->listener) == FOAL_OK);
  must(plan->listener.port != 0);
}

foal_err kit_try_listen(const foal_listen_options *options, foal_listener *out)
{
  return point_listen(options, out);
}

bool kit_try_connect(const foal_connect_options *options, point_tag *out)
{
  return point_connect(options, out);
}

point_tag kit_connect(point_plan *plan, uint16_t port, foal_ssl_ctx *ctx,
                      const foal_conn_options *options)
{
  point_tag tag;
  foal_connect_options o = {.host = "127.0.0.1", .port = port, .ctx = ctx};
  if (options != NULL) o.conn = *options;
  o.conn.context = plan;
  must(kit_try_connect(&o, &tag));
  return tag;
}

static struct peer_thread {
  pthread_t thread;
  void (*fn)(uint16_t port);
  uint16_t port;
} peers[PEERS_MAX];
static int peers_count;

static void *peer_main(void *arg)
{
  struct peer_thread *p = arg;
  p->fn(p->port);
  return NULL;
}

void kit_peer(void (*fn)(uint16_t port), uint16_t port)
{
  must(peers_count < PEERS_MAX);
  struct peer_thread *p = &peers[peers_count++];
  p->fn = fn;
  p->port = port;
  must(pthread_create(&p->thread, NULL, peer_main, p) == 0);
}

void kit_run(void)
{
  foal_counters c;
  cr_assert_eq(foal_run(), 0);
  for (int i = 0; i < peers_count; i++) pthread_join(peers[i].thread, NULL);
  peers_count = 0;
  foal_ssl_ctx_drop(&kit_server_ctx);
  foal_ssl_ctx_drop(&kit_client_ctx);
  foal_counters_read(&c);
  cr_assert_eq(c.actors_live, 0);
  cr_assert_eq(c.bufs_live, 0);
  cr_assert_eq(c.handles_live, 0);
  cr_assert_eq(c.timers_live, 0);
  cr_assert_eq(c.works_live, 0);
  cr_assert_eq(c.accepted + c.connected, c.closed);
  cr_assert_eq(c.messages_lost, 0);
  cr_assert_eq(foal_ssl_live_count(), 0);
}

static uint8_t pattern_at(uint64_t i)
{
  return (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

void kit_pattern(foal_buf **out, uint64_t offset, size_t len)
{
  if (!foal_buf_new(out, len)) abort();
  uint8_t *bytes = foal_buf_tail(*out);
  for (size_t i = 0; i < len; i++) bytes[i] = pattern_at(offset + i);
  foal_buf_extend(*out, len);
}

bool kit_is_pattern(const uint8_t *bytes, uint64_t offset, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    if (bytes[i] != pattern_at(offset + i)) return false;
  }
  return true;
}

void kit_stream(point *self, uint64_t total)
{
  for (;;) {
    size_t room = foal_conn_room(self->conn);
    uint64_t left = total - self->sent;
    size_t n = left < room ? (size_t)left : room;
    if (n > 20000) n = 20000;
    if (n == 0) return;
    foal_buf *b;
    kit_pattern(&b, self->sent, n);
    self->sent += n;
    foal_conn_write(self->conn, &b);
  }
}

/* ---- peers ---- */

int peer_receive_bytes;

void peer_open(peer *p, uint16_t port)
{
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct timeval patience = {.tv_sec = PEER_SECONDS};
  int on = 1;
  memset(p, 0, sizeof *p);
  sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(p->fd >= 0);
  setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  /* Before connecting: a window that was offered is not taken back. */
  int bytes = peer_receive_bytes;
  if (bytes != 0) setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  must(connect(p->fd, (struct sockaddr *)&sa, sizeof sa) == 0);
}

void peer_close(peer *p)
{
  if (p->fd >= 0) close(p->fd);
  SSL_free(p->ssl);
  p->ssl = NULL;
  p->fd = -1;
}

void peer_reset(peer *p)
{
  struct linger hard = {.l_onoff = 1, .l_linger = 0};
  setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  peer_close(p);
}

void peer_fin(peer *p)
{
  (void)shutdown(p->fd, SHUT_WR);
}

void peer_pause(unsigned ms)
{
  struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  nanosleep(&pause, NULL);
}

void peer_wait(atomic_uint *count, unsigned n)
{
  while (atomic_load(count) < n) peer_pause(1);
}

foal_counters peer_wait_still(void)
{
  foal_counters now, before;
  int same = 0;
  foal_counters_read(&before);
  now = before;
  while (same < 30) {
    peer_pause(5);
    foal_counters_read(&now);
    bool moved = now.bytes_in != before.bytes_in || now.bytes_out != before.bytes_out;
    same = moved ? 0 : same + 1;
    before = now;
  }
  return now;
}

static void queue_cipher(peer *p)
{
  int n;
  while ((n = BIO_read(SSL_get_wbio(p->ssl), p->cipher + p->cipher_len,
                       (int)(sizeof p->cipher - p->cipher_len))) > 0) {
    p->cipher_len += (size_t)n;
  }
}

/* One read from the socket into the session: 1 bytes came, 0 FIN, -1 broken. */
static int feed(peer *p)
{
  uint8_t bytes[16384];
  ssize_t n = recv(p->fd, bytes, sizeof bytes, 0);
  if (n > 0) BIO_write(SSL_get_rbio(p->ssl), bytes, (int)n);
  return n > 0 ? 1 : (int)n;
}

void peer_tls(peer *p, int version)
{
  SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
  p->ssl = SSL_new(ctx);
  SSL_CTX_free(ctx);
  if (version != 0) SSL_set_max_proto_version(p->ssl, version);
  SSL_set_bio(p->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(p->ssl);
  for (;;) {
    int done = SSL_do_handshake(p->ssl);
    queue_cipher(p);
    peer_send(p, 0);
    if (done == 1) return;
    must(SSL_get_error(p->ssl, done) == SSL_ERROR_WANT_READ);
    must(feed(p) == 1);
  }
}

void peer_say(peer *p, const void *bytes, size_t len)
{
  if (p->ssl != NULL) {
    must(SSL_write(p->ssl, bytes, (int)len) == (int)len);
    queue_cipher(p);
  } else {
    must(p->cipher_len + len <= sizeof p->cipher);
    memcpy(p->cipher + p->cipher_len, bytes, len);
    p->cipher_len += len;
  }
}

void peer_notify(peer *p)
{
  SSL_shutdown(p->ssl);
  queue_cipher(p);
}

void peer_send(peer *p, size_t piece)
{
  for (size_t done = 0; done < p->cipher_len;) {
    size_t n = p->cipher_len - done;
    if (piece != 0 && n > piece) n = piece;
    ssize_t sent = send(p->fd, p->cipher + done, n, MSG_NOSIGNAL);
    if (sent <= 0) break; /* the other side is gone, which the test sees when it reads */
    done += (size_t)sent;
  }
  p->cipher_len = 0;
}

size_t peer_read(peer *p, void *bytes, size_t len)
{
  size_t got = 0;
  while (got < len) {
    if (p->ssl == NULL) {
      ssize_t n = recv(p->fd, (char *)bytes + got, len - got, 0);
      if (n <= 0) break;
      got += (size_t)n;
      continue;
    }
    int n = SSL_read(p->ssl, (char *)bytes + got, (int)(len - got));
    if (n > 0) {
      got += (size_t)n;
    } else if (SSL_get_error(p->ssl, n) != SSL_ERROR_WANT_READ || feed(p) <= 0) {
      break;
    }
  }
  return got;
}

int peer_read_end(peer *p, size_t *bytes)
{
  uint8_t sink[16384];
  *bytes = 0;
  for (;;) {
    if (p->ssl != NULL) {
      int n = SSL_read(p->ssl, sink, sizeof sink);
      if (n > 0) *bytes += (size_t)n;
      if (n > 0) continue;
      int error = SSL_get_error(p->ssl, n);
      if (error == SSL_ERROR_ZERO_RETURN) return 0;
      int fed = error == SSL_ERROR_WANT_READ ? feed(p) : 0;
      if (fed == 0) return 1;
      if (fed < 0) return 2;
      continue;
    }
    ssize_t n = recv(p->fd, sink, sizeof sink, 0);
    if (n == 0) return 0;
    if (n < 0) return errno == ECONNRESET ? 2 : 3;
    *bytes += (size_t)n;
  }
}
