/* cert_fuzz.c - certificates, keys, authorities, revocation lists and lists of ciphers
 * from hostile text.
 *
 * The input chooses a setter, honest texts and how they are damaged, as PEM or below it.
 * A setter gives FOAL_OK, or an error with one line about it and the context as it was.
 * What was accepted is then used for a handshake.                                      */
#include "cast.h"
#include "input.h"
#include "ssl/impl/ctx.h"
#include "steady.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 16384, EDITS_MAX = 8, RAW_MAX = 2048 };

typedef struct text {
  char at[TEXT_MAX + 1];
  size_t len;
} text;

/* ---- damage ---- */

static void put(text *t, const void *bytes, size_t len)
{
  if (len > TEXT_MAX - t->len) len = TEXT_MAX - t->len;
  memcpy(t->at + t->len, bytes, len);
  t->len += len;
}

static void edit(text *t, fuzz_input *in)
{
  if (t->len == 0) return;
  size_t at = input_word(in) % t->len, rest = t->len - at, len;
  uint8_t how = input_byte(in), value = input_byte(in);
  switch (how % 4) {
  case 0:
    t->at[at] = (char)value;
    return;
  case 1: /* takes bytes out */
    len = value < rest ? value : rest;
    memmove(t->at + at, t->at + at + len, rest - len);
    t->len -= len;
    return;
  case 2: /* writes bytes over it */
    len = value < rest ? value : rest;
    const uint8_t *with = input_take(in, &len);
    memcpy(t->at + at, with, len);
    return;
  default: /* ends here */
    t->len = at;
  }
}

static void damage(text *t, fuzz_input *in)
{
  unsigned edits = input_byte(in) % (EDITS_MAX + 1);
  for (unsigned i = 0; i < edits; i++) edit(t, in);
}

/* An honest block, damaged inside its base64 armour. */
static void put_below(text *t, fuzz_input *in, const char *pem)
{
  char *name = NULL, *header = NULL;
  unsigned char *bytes = NULL;
  long len = 0;
  text inner = {.len = 0};
  BIO *from = BIO_new_mem_buf(pem, -1), *to = BIO_new(BIO_s_mem());
  promise(from != NULL && to != NULL);
  promise(PEM_read_bio(from, &name, &header, &bytes, &len) == 1);
  put(&inner, bytes, (size_t)len);
  damage(&inner, in);
  promise(PEM_write_bio(to, name, "", (unsigned char *)inner.at, (long)inner.len) > 0 ||
          inner.len == 0);
  char *made = NULL;
  len = BIO_get_mem_data(to, &made);
  put(t, made, (size_t)len);
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(bytes);
  BIO_free(from);
  BIO_free(to);
  ERR_clear_error();
}

static const char *revocation(void)
{
  static char *made;
  const test_cert *root = cast_root(), *client = cast_client();
  if (made == NULL) {
    steady_begin(7);
    made = cert_crl(root, client);
  }
  return made;
}

static const char *honest(unsigned which)
{
  switch (which % 5) {
  case 0:
    return cast_server()->pem;
  case 1:
    return cast_server()->key_pem;
  case 2:
    return cast_root()->pem;
  case 3:
    return revocation();
  default:
    return cast_client()->key_pem;
  }
}

/* Up to four blocks, then the whole is damaged as text. */
static void write_text(text *t, fuzz_input *in)
{
  unsigned blocks = input_byte(in) % 5;
  t->len = 0;
  for (unsigned i = 0; i < blocks; i++) {
    uint8_t what = input_byte(in);
    size_t len = RAW_MAX;
    if (what >= 0xf0) {
      const uint8_t *raw = input_take(in, &len);
      put(t, raw, len);
    } else if ((what & 0x80) != 0) {
      put_below(t, in, honest(what & 0x0f));
    } else {
      put(t, honest(what), strlen(honest(what)));
    }
  }
  damage(t, in);
  t->at[t->len] = '\0';
}

/* ---- the setters ---- */

static void write_file(const text *t, mode_t mode, char path[64])
{
  int fd = memfd_create("fuzz", MFD_CLOEXEC);
  promise(fd >= 0 && write(fd, t->at, t->len) == (ssize_t)t->len);
  promise(fchmod(fd, mode) == 0);
  snprintf(path, 64, "/proc/self/fd/%d", fd);
}

static void close_file(const char *path)
{
  (void)close(atoi(path + strlen("/proc/self/fd/")));
}

static foal_err from_files(foal_ssl_ctx *ctx, uint8_t how, const text *a, const text *b)
{
  char chain[64], key[64];
  foal_err err;
  write_file(a, 0644, chain);
  write_file(b, (how & 0x40) != 0 ? 0644 : 0600, key);
  if (how % 8 == 4)
    err = foal_ssl_ctx_use_cert(ctx, chain, key);
  else if (how % 8 == 5)
    err = foal_ssl_ctx_trust_file(ctx, chain);
  else
    err = foal_ssl_ctx_crl_file(ctx, chain);
  close_file(chain);
  close_file(key);
  return err;
}

/* Setters that take a short text. */
static foal_err from_words(foal_ssl_ctx *ctx, uint8_t how, const char *words)
{
  switch (how >> 3 & 3) {
  case 0:
    return foal_ssl_ctx_self_signed(ctx, words);
  case 1:
    return foal_ssl_ctx_ciphers(ctx, words);
  case 2:
    return foal_ssl_ctx_suites(ctx, words);
  default:
    return foal_ssl_ctx_groups(ctx, words);
  }
}

static foal_err set(foal_ssl_ctx *ctx, uint8_t how, const text *a, const text *b)
{
  switch (how % 8) {
  case 0:
  case 1:
    return foal_ssl_ctx_use_cert_pem(ctx, a->at, b->at);
  case 2:
    return foal_ssl_ctx_trust_pem(ctx, a->at);
  case 3:
    return foal_ssl_ctx_crl_pem(ctx, a->at);
  case 7:
    return from_words(ctx, how, a->at);
  default:
    return from_files(ctx, how, a, b);
  }
}

/* What a setter may change. */
typedef struct facts {
  bool serves;
  int64_t expires_s;
  int stored;
  int shown;
  int ciphers;
  int level;
  uint8_t mark[32];
} facts;

static facts facts_of(const foal_ssl_ctx *ctx)
{
  facts f = {.serves = foal_ssl_ctx_can_serve(ctx),
             .expires_s = foal_ssl_ctx_expires_s(ctx)};
  X509_STORE *store = SSL_CTX_get_cert_store(ctx->tls);
  f.stored = sk_X509_OBJECT_num(X509_STORE_get0_objects(store));
  f.shown = ctx->client_cas == NULL ? 0 : sk_X509_NAME_num(ctx->client_cas);
  f.ciphers = sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(ctx->tls));
  f.level = SSL_CTX_get_security_level(ctx->tls);
  memcpy(f.mark, ctx->trust_mark, sizeof f.mark);
  return f;
}

static bool as_before(const facts *a, const facts *b)
{
  return a->serves == b->serves && a->expires_s == b->expires_s &&
         a->stored == b->stored && a->shown == b->shown && a->ciphers == b->ciphers &&
         a->level == b->level && memcmp(a->mark, b->mark, sizeof a->mark) == 0;
}

static void check_set(foal_ssl_ctx *ctx, uint8_t how, const text *a, const text *b)
{
  facts before = facts_of(ctx);
  foal_err err = set(ctx, how, a, b);
  facts after = facts_of(ctx);
  const char *detail = foal_ssl_ctx_detail(ctx);
  promise(ERR_peek_error() == 0);
  promise((err == FOAL_OK) == (detail[0] == '\0'));
  if (how % 8 != 7) promise(strpbrk(detail, "\r\n") == NULL);
  if (err != FOAL_OK && !as_before(&before, &after))
    fprintf(stderr, "%s: %s\n", foal_err_name(err), detail);
  promise(err == FOAL_OK || as_before(&before, &after));
  bool gives_cert = how % 8 < 2 || how % 8 == 4 || how % 32 == 7;
  promise(err != FOAL_OK || !gives_cert || after.serves);
}

static void use(foal_ssl_ctx *ctx)
{
  cast_spec spec = {.proof = CAST_TRUSTED};
  foal_ssl_ctx *client_ctx = cast_client_ctx(&spec);
  cast_turn();
  promise(foal_ssl_ctx_client_cert(ctx, FOAL_CLIENT_CERT_OPTIONAL) == FOAL_OK);
  foal_ssl *server = foal_ssl_server(ctx);
  foal_ssl *client = foal_ssl_client(client_ctx, "a.test");
  promise(server != NULL && client != NULL);
  cast_pump(client, server);
  promise(ERR_peek_error() == 0);
  promise(foal_ssl_state(client) == FOAL_SSL_READY || foal_ssl_error(client) != FOAL_OK);
  foal_ssl_free(&server);
  foal_ssl_free(&client);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
  static text a, b;
  fuzz_input in = {bytes, len};
  cast_spec spec = {.proof = CAST_TRUSTED};
  (void)revocation(), (void)cast_server(), (void)cast_client_ctx(&spec);
  steady_begin(8);
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  promise(ctx != NULL);
  for (int i = 0; i < 3 && (i == 0 || in.left > 0); i++) {
    uint8_t how = input_byte(&in);
    bool relaxed = (how & 0x20) != 0;
    promise(foal_ssl_ctx_relax(ctx, relaxed ? FOAL_RELAX_CERT_EXPIRED : 0) == FOAL_OK);
    write_text(&a, &in);
    write_text(&b, &in);
    check_set(ctx, how, &a, &b);
  }
  if (foal_ssl_ctx_can_serve(ctx)) use(ctx);
  foal_ssl_ctx_drop(&ctx);
  return 0;
}
