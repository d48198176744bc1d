/* yardstick.c - the least code that answers: what everything is compared with.
 *
 *    yardstick --cert FILE --key FILE [--port N] [--workers N] [--mode http|echo]
 *    yardstick --mode echo             without a certificate: plain TCP
 *
 * libuv, OpenSSL and a BIO of its own that reads from the shared receive buffer and
 * writes into a shared output buffer; no actors, no parser, no limits, no timeouts, no
 * errors worth the name. http: GET / answers 13 bytes, GET /big and GET /50m that many
 * bytes from memory, all other paths like /. echo: what a read gave is written back,
 * record for record; plain, out of the receive buffer. Workers are processes that share
 * the port. What Foal costs above this is the price of everything this leaves out. Never
 * a server for anything but measuring. */
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum {
  IN_BYTES = 64 * 1024,
  OUT_BYTES = 512 * 1024,
  OUT_ENOUGH = 256 * 1024, /* then it is sent, before more is encrypted */
  RECORD_BYTES = 16 * 1024,
  HEAD_BYTES_MAX = 16 * 1024,
  BACKLOG = 4096,
};

typedef struct client {
  uv_tcp_t tcp; /* first */
  SSL *ssl;
  const unsigned char *in; /* what is left of this readable event; in the shared buffer */
  size_t in_len;
  char *head; /* an unfinished request */
  size_t head_len;
  uint64_t left; /* of the body that is being sent */
  bool writing;  /* a queued write is not done; nothing is read meanwhile */
} client;

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nServer: yardstick\r\n"
                             "Content-Type: text/plain\r\n"
                             "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
                             "Content-Length: 13\r\n\r\nHello, World!";

static const struct {
  const char *request;
  uint64_t bytes;
} bodies[] = {{"GET /big ", UINT64_C(256) << 20}, {"GET /50m ", 50000000}};

static SSL_CTX *tls; /* NULL: plain */
static bool echoes;
static BIO_METHOD *bio_method;
static uv_loop_t loop;
static uv_tcp_t listener;
static unsigned char in_bytes[IN_BYTES], plain[IN_BYTES], out[OUT_BYTES];
static size_t out_len;
static const unsigned char *to_send = out; /* where those out_len bytes are */
static const unsigned char zeros[RECORD_BYTES];

static void die(const char *what)
{
  fprintf(stderr, "yardstick: %s: %s\n", what, strerror(errno));
  ERR_print_errors_fp(stderr);
  exit(1);
}

/* ---- BIO ---- */

static int bio_write(BIO *bio, const char *bytes, int len)
{
  BIO_clear_retry_flags(bio);
  if (out_len + (size_t)len > OUT_BYTES) {
    BIO_set_retry_write(bio);
    return -1;
  }
  memcpy(out + out_len, bytes, (size_t)len);
  out_len += (size_t)len;
  return len;
}

static int bio_read(BIO *bio, char *bytes, int len)
{
  client *c = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (c->in_len == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  size_t n = (size_t)len < c->in_len ? (size_t)len : c->in_len;
  memcpy(bytes, c->in, n);
  c->in += n;
  c->in_len -= n;
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

/* ---- requests ---- */

static void put(client *c, const void *bytes, size_t len)
{
  size_t done = 0;
  while (done < len) {
    int n = SSL_write(c->ssl, (const char *)bytes + done, (int)(len - done));
    if (n <= 0)
      return; /* cannot be: there is room for every head and for one record more */
    done += (size_t)n;
  }
}

static void fill(client *c)
{
  while (c->left > 0 && out_len < OUT_ENOUGH) {
    size_t n = c->left < RECORD_BYTES ? (size_t)c->left : RECORD_BYTES;
    put(c, zeros, n);
    c->left -= n;
  }
}

static void answer(client *c, const char *head, size_t len)
{
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    size_t n = strlen(bodies[i].request);
    if (len < n || memcmp(head, bodies[i].request, n) != 0) continue;
    char text[128];
    int text_len =
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n",
                 (unsigned long long)bodies[i].bytes);
    put(c, text, (size_t)text_len);
    c->left = bodies[i].bytes;
    fill(c);
    return;
  }
  put(c, ANSWER, sizeof ANSWER - 1);
}

static bool keep_head(client *c, const unsigned char *bytes, size_t len)
{
  if (c->head_len + len > HEAD_BYTES_MAX) return false;
  if (c->head == NULL && (c->head = malloc(HEAD_BYTES_MAX)) == NULL) return false;
  memcpy(c->head + c->head_len, bytes, len);
  c->head_len += len;
  return true;
}

/* false: close */
static bool take(client *c, const unsigned char *bytes, size_t len)
{
  if (c->head_len > 0) {
    size_t before = c->head_len;
    if (!keep_head(c, bytes, len)) return false;
    const char *end = memmem(c->head, c->head_len, "\r\n\r\n", 4);
    if (end == NULL) return true;
    size_t head_len = (size_t)(end - c->head) + 4;
    answer(c, c->head, head_len);
    c->head_len = 0;
    bytes += head_len - before;
    len -= head_len - before;
  }
  while (len > 0) {
    const unsigned char *end = memmem(bytes, len, "\r\n\r\n", 4);
    if (end == NULL) return keep_head(c, bytes, len);
    size_t head_len = (size_t)(end - bytes) + 4;
    answer(c, (const char *)bytes, head_len);
    bytes += head_len;
    len -= head_len;
  }
  return true;
}

/* Bare callbacks: the receive buffer is what is sent. */
static void echo_plain(client *c)
{
  to_send = c->in;
  out_len = c->in_len;
}

/* Everything the session has for us. false: close */
static bool pump(client *c)
{
  for (;;) {
    int n = SSL_read(c->ssl, plain, sizeof plain);
    if (n <= 0) {
      int err = SSL_get_error(c->ssl, n);
      ERR_clear_error();
      return err == SSL_ERROR_WANT_READ;
    }
    if (echoes) {
      put(c, plain, (size_t)n);
    } else if (!take(c, plain, (size_t)n)) {
      return false;
    }
  }
}

/* ---- libuv ---- */

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf);

static void on_closed(uv_handle_t *handle)
{
  client *c = (client *)handle;
  SSL_free(c->ssl);
  free(c->head);
  free(c);
}

static void close_client(client *c)
{
  if (!uv_is_closing((uv_handle_t *)&c->tcp)) uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
  (void)handle;
  (void)size;
  *buf = uv_buf_init((char *)in_bytes, IN_BYTES);
}

static bool flush(client *c);

static void on_written(uv_write_t *write, int status)
{
  client *c = (client *)write->handle;
  free(write);
  c->writing = false;
  if (uv_is_closing((uv_handle_t *)&c->tcp)) return;
  if (status == 0) fill(c);
  if (status < 0 || !flush(c)) {
    close_client(c);
  } else if (!c->writing) {
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
  }
}

/* What the socket does not take at once is copied and queued. */
static bool queue_rest(client *c, size_t sent)
{
  size_t len = out_len - sent;
  uv_write_t *write = malloc(sizeof *write + len);
  if (write == NULL) return false;
  memcpy(write + 1, to_send + sent, len);
  uv_buf_t buf = uv_buf_init((char *)(write + 1), (unsigned)len);
  c->writing = true;
  uv_read_stop((uv_stream_t *)&c->tcp);
  return uv_write(write, (uv_stream_t *)&c->tcp, &buf, 1, on_written) == 0;
}

static bool flush(client *c)
{
  bool ok = true;
  while (ok && out_len > 0 && !c->writing) {
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)to_send, (unsigned)out_len);
    int n = uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
    if (n < 0 && n != UV_EAGAIN) ok = false;
    size_t sent = n > 0 ? (size_t)n : 0;
    if (ok && sent < out_len) ok = queue_rest(c, sent);
    out_len = 0;
    to_send = out;
    if (ok && !c->writing) fill(c);
  }
  out_len = 0;
  to_send = out;
  return ok;
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
  client *c = (client *)stream;
  if (len == 0) return;
  if (len < 0) {
    close_client(c);
    return;
  }
  c->in = (unsigned char *)buf->base;
  c->in_len = (size_t)len;
  bool ok = true;
  if (tls == NULL) {
    echo_plain(c);
  } else {
    ok = pump(c);
  }
  if (!flush(c) || !ok) close_client(c);
}

static bool open_session(client *c)
{
  if (tls == NULL) return true;
  BIO *bio = BIO_new(bio_method);
  c->ssl = SSL_new(tls);
  if (bio == NULL || c->ssl == NULL) return false;
  BIO_set_data(bio, c);
  SSL_set_bio(c->ssl, bio, bio);
  SSL_set_accept_state(c->ssl);
  return true;
}

static void on_connection(uv_stream_t *server, int status)
{
  client *c = status < 0 ? NULL : calloc(1, sizeof *c);
  if (c == NULL) return;
  uv_tcp_init(&loop, &c->tcp);
  if (uv_accept(server, (uv_stream_t *)&c->tcp) < 0 || !open_session(c)) {
    close_client(c);
    return;
  }
  uv_tcp_nodelay(&c->tcp, 1);
  uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

/* ---- start ---- */

static void set_up_tls(const char *cert, const char *key)
{
  tls = SSL_CTX_new(TLS_server_method());
  bio_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "yardstick");
  if (tls == NULL || bio_method == NULL) die("OpenSSL");
  if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1) die(cert);
  if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) die(key);
  SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
  SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(tls, (const unsigned char *)"yardstick", 9);
  BIO_meth_set_write(bio_method, bio_write);
  BIO_meth_set_read(bio_method, bio_read);
  BIO_meth_set_ctrl(bio_method, bio_ctrl);
  BIO_meth_set_create(bio_method, bio_create);
}

static int bind_port(in_port_t *port)
{
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  struct sockaddr_in addr = {.sin_family = AF_INET,
                             .sin_port = htons(*port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof addr;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0) die("bind");
  getsockname(fd, (struct sockaddr *)&addr, &len);
  *port = ntohs(addr.sin_port);
  return fd;
}

static void serve(int fd)
{
  uv_loop_init(&loop);
  uv_tcp_init(&loop, &listener);
  uv_tcp_open(&listener, fd);
  if (uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection) < 0) die("listen");
  uv_run(&loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
  const char *cert = NULL, *key = NULL;
  in_port_t port = 0;
  int workers = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--cert") == 0) cert = argv[i + 1];
    if (strcmp(argv[i], "--key") == 0) key = argv[i + 1];
    if (strcmp(argv[i], "--port") == 0) port = (in_port_t)atoi(argv[i + 1]);
    if (strcmp(argv[i], "--workers") == 0) workers = atoi(argv[i + 1]);
    if (strcmp(argv[i], "--mode") == 0) echoes = strcmp(argv[i + 1], "echo") == 0;
  }
  if ((cert == NULL) != (key == NULL) || (cert == NULL && !echoes) || argc % 2 == 0) {
    fputs("usage: yardstick --cert FILE --key FILE [--port N] [--workers N]\n"
          "                 [--mode http|echo]; echo without a certificate is plain\n",
          stderr);
    return 2;
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  if (cert != NULL) set_up_tls(cert, key);
  int fd = bind_port(&port);
  printf("listening on localhost:%u\n", (unsigned)port);
  fflush(stdout);
  for (int i = 1; i < workers; i++) {
    if (fork() != 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    close(fd);
    fd = bind_port(&port);
    break;
  }
  serve(fd);
  return 0;
}
