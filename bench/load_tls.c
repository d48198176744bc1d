/* load_tls.c - the client's side of TLS: one context for all connections, and a BIO that
 * receives from the socket and writes into the connection's output buffer.
 *
 * One cipher suite and one group, so that no server chooses a cheaper one. Reading takes
 * what the socket has in one recv (read-ahead); a recv that got less than it had room
 * for has emptied the socket, so that the next one can wait for an edge, unless the end
 * of the stream is known to stand behind it. */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { AHEAD_BYTES = 68 * 1024, AHEAD_BYTES_SMALL = 4096, CROWD = 1024 };

static SSL_CTX *tls;
static BIO_METHOD *bio_method;

unsigned char *load_room(load_conn *c, size_t len)
{
  size_t need = c->out_len + len;
  if (need > c->out_capacity) {
    c->out_capacity = need * 2;
    c->out = realloc(c->out, c->out_capacity);
    if (c->out == NULL) load_die("realloc");
  }
  unsigned char *room = c->out + c->out_len;
  c->out_len = need;
  return room;
}

ssize_t load_receive(load_conn *c, void *bytes, size_t len)
{
  if (c->dry) return -1;
  ssize_t n = recv(c->fd, bytes, len, 0);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? -1 : -2;
  c->dry = n > 0 && (size_t)n < len && !c->ended;
  return n;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
  memcpy(load_room(BIO_get_data(bio), (size_t)len), bytes, (size_t)len);
  BIO_clear_retry_flags(bio);
  return len;
}

static int bio_read(BIO *bio, char *bytes, int len)
{
  ssize_t n = load_receive(BIO_get_data(bio), bytes, (size_t)len);
  BIO_clear_retry_flags(bio);
  if (n == -1) BIO_set_retry_read(bio);
  return n < 0 ? -1 : (int)n;
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

static void limit_choice(void)
{
  char group[] = "X25519";
  SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
  if (SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256") != 1 ||
      SSL_CTX_set1_groups_list(tls, group) != 1)
    load_die("cipher suite or group");
}

void load_tls_set_up(void)
{
  uint32_t count = load_opt.connections + load_opt.slow;
  bool small = load_opt.mode == LOAD_HOLD || count > CROWD;
  tls = SSL_CTX_new(TLS_client_method());
  bio_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "load");
  if (tls == NULL || bio_method == NULL) load_die("OpenSSL");
  limit_choice();
  SSL_CTX_set_cert_verify_callback(tls, accept_any, NULL);
  SSL_CTX_set_read_ahead(tls, 1);
  SSL_CTX_set_default_read_buffer_len(tls, small ? AHEAD_BYTES_SMALL : AHEAD_BYTES);
  SSL_CTX_set_mode(tls,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (small) SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(tls, load_opt.resume ? SSL_SESS_CACHE_CLIENT |
                                                            SSL_SESS_CACHE_NO_INTERNAL
                                                      : SSL_SESS_CACHE_OFF);
  SSL_CTX_sess_set_new_cb(tls, on_session);
  BIO_meth_set_write(bio_method, bio_write);
  BIO_meth_set_read(bio_method, bio_read);
  BIO_meth_set_ctrl(bio_method, bio_ctrl);
  BIO_meth_set_create(bio_method, bio_create);
}

SSL *load_tls_open(load_conn *c)
{
  BIO *bio = BIO_new(bio_method);
  SSL *ssl = SSL_new(tls);
  if (bio == NULL || ssl == NULL) load_die("session");
  BIO_set_data(bio, c);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_app_data(ssl, c);
  SSL_set_connect_state(ssl);
  if (!load_opt.resume || c->session == NULL) return ssl;
  /* A copy: OpenSSL takes a used session for spent, and not every server sends a new
   * ticket. */
  SSL_SESSION *copy = SSL_SESSION_dup(c->session);
  SSL_set_session(ssl, copy);
  SSL_SESSION_free(copy);
  return ssl;
}
