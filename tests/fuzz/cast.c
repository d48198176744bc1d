/* cast.c - see cast.h. */
#include "cast.h"

#include "input.h"
#include "ssl/impl/ctx.h"
#include "steady.h"

#include <string.h>

enum {
  WANTS = 4,
  PROOFS = 4,
  SERVERS = WANTS * 8, /* want, version, fancy, picky */
  CLIENTS = PROOFS * 2,
  FEW_RECORDS = 4,
  SMALL_QUEUE = 8192,
  SMALL_HANDSHAKE = 8192,
  ROUNDS = 64
};

void cast_turn(void) {}

cast_spec cast_read(uint8_t server, uint8_t client)
{
  return (cast_spec){.want = (foal_client_cert)(server & 3),
                     .tls_1_2 = (server & 4) != 0,
                     .fancy_server = (server & 8) != 0,
                     .picky_server = (server & 0x80) != 0,
                     .wrong_host = (server & 0x70) == 0x70,
                     .proof = (cast_proof)(client & 3),
                     .fancy_client = (client & 4) != 0,
                     .resume = (client & 8) != 0};
}

const test_cert *cast_root(void)
{
  static test_cert *root;
  if (root == NULL) {
    steady_begin(1);
    root = cert_make(&(cert_spec){.name = "root", .authority = true});
  }
  return root;
}

const test_cert *cast_server(void)
{
  static test_cert *made;
  const test_cert *root = cast_root();
  if (made == NULL) {
    steady_begin(2);
    made = cert_make(&(cert_spec){.name = "server", .alt = "DNS:a.test", .issuer = root});
  }
  return made;
}

const test_cert *cast_client(void)
{
  static test_cert *made;
  const test_cert *root = cast_root();
  if (made == NULL) {
    steady_begin(3);
    made = cert_make(
        &(cert_spec){.name = "client", .alt = "DNS:client.test", .issuer = root});
  }
  return made;
}

static const test_cert *stranger(void)
{
  static test_cert *made;
  if (made == NULL) {
    steady_begin(4);
    made = cert_make(&(cert_spec){.name = "client", .alt = "DNS:client.test"});
  }
  return made;
}

static unsigned server_index(const cast_spec *spec)
{
  return (unsigned)spec->want * 8 + (unsigned)spec->tls_1_2 * 4 +
         (unsigned)spec->fancy_server * 2 + (unsigned)spec->picky_server;
}

static unsigned client_index(const cast_spec *spec)
{
  return (unsigned)spec->proof * 2 + (unsigned)spec->fancy_client;
}

static void must(foal_err err)
{
  promise(err == FOAL_OK);
}

static void make_fancy(foal_ssl_ctx *ctx)
{
  static const char *const speaks[] = {"h2", "http/1.1"};
  foal_ticket_key keys[2];
  memset(keys, 1, sizeof keys[0]);
  memset(keys + 1, 2, sizeof keys[1]);
  must(foal_ssl_ctx_alpn_server(ctx, speaks, 2));
  must(foal_ssl_ctx_ticket_keys(ctx, keys, 2));
  must(foal_ssl_ctx_tickets(ctx, 2));
  must(foal_ssl_ctx_write_bytes(ctx, SMALL_QUEUE));
  ctx->rekey_records = FEW_RECORDS;
}

/* The name leads to a plain context with the same wish for certificates. */
static void make_picky(foal_ssl_ctx *ctx, const foal_ssl_ctx *plain)
{
  static const char *const speaks[] = {"http/1.1"};
  must(foal_ssl_ctx_alpn_server(ctx, speaks, 1));
  must(foal_ssl_ctx_alpn_required(ctx, true));
  must(foal_ssl_ctx_sni(ctx, "*.b.test", plain));
  must(foal_ssl_ctx_sni(ctx, "a.test", plain));
  must(foal_ssl_ctx_sni_unknown(ctx, FOAL_SNI_UNKNOWN_REJECT));
  must(foal_ssl_ctx_handshake_bytes(ctx, SMALL_HANDSHAKE));
  must(foal_ssl_ctx_cert_bytes(ctx, SMALL_HANDSHAKE));
}

foal_ssl_ctx *cast_server_ctx(const cast_spec *spec)
{
  static foal_ssl_ctx *made[SERVERS];
  unsigned which = server_index(spec);
  if (made[which] != NULL) return made[which];
  const test_cert *own = cast_server(), *root = cast_root();
  cast_spec plain = {.want = spec->want};
  foal_ssl_ctx *other = spec->picky_server ? cast_server_ctx(&plain) : NULL;
  steady_begin(100 + which);
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  promise(ctx != NULL);
  must(foal_ssl_ctx_use_cert_pem(ctx, own->chain, own->key_pem));
  must(foal_ssl_ctx_trust_pem(ctx, root->pem));
  must(foal_ssl_ctx_client_cert(ctx, spec->want));
  if (spec->tls_1_2) must(foal_ssl_ctx_versions(ctx, FOAL_TLS_1_2, FOAL_TLS_1_2));
  if (spec->fancy_server) make_fancy(ctx);
  if (spec->picky_server) make_picky(ctx, other);
  must(foal_ssl_ctx_freeze(ctx));
  made[which] = ctx;
  return ctx;
}

foal_ssl_ctx *cast_client_ctx(const cast_spec *spec)
{
  static const char *const speaks[] = {"http/1.1", "spdy/1"};
  static foal_ssl_ctx *made[CLIENTS];
  unsigned which = client_index(spec);
  if (made[which] != NULL) return made[which];
  const test_cert *own = spec->proof == CAST_STRANGER ? stranger() : cast_client();
  const test_cert *root = cast_root();
  steady_begin(200 + which);
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  promise(ctx != NULL);
  if (spec->proof != CAST_NOTHING)
    must(foal_ssl_ctx_use_cert_pem(ctx, own->chain, own->key_pem));
  must(foal_ssl_ctx_trust_pem(ctx, root->pem));
  must(foal_ssl_ctx_verify_peer(ctx, spec->proof != CAST_BLIND));
  if (spec->fancy_client) must(foal_ssl_ctx_alpn_client(ctx, speaks, 2));
  must(foal_ssl_ctx_alpn_required(ctx, spec->fancy_client));
  must(foal_ssl_ctx_freeze(ctx));
  made[which] = ctx;
  return ctx;
}

const char *cast_host(const cast_spec *spec)
{
  return spec->wrong_host ? "b.test" : "a.test";
}

bool cast_client_accepts(const cast_spec *spec)
{
  return !spec->wrong_host || spec->proof == CAST_BLIND;
}

bool cast_server_accepts(const cast_spec *spec)
{
  if (spec->want == FOAL_CLIENT_CERT_OPTIONAL) return spec->proof != CAST_STRANGER;
  if (spec->want != FOAL_CLIENT_CERT_REQUIRED) return true;
  return spec->proof == CAST_TRUSTED || spec->proof == CAST_BLIND;
}

bool cast_client_understands(const cast_spec *spec)
{
  return !spec->fancy_client || spec->fancy_server || spec->picky_server;
}

bool cast_server_understands(const cast_spec *spec)
{
  return !spec->picky_server || (spec->fancy_client && !spec->wrong_host);
}

bool cast_agree(const cast_spec *spec)
{
  return cast_client_accepts(spec) && cast_server_accepts(spec) &&
         cast_client_understands(spec) && cast_server_understands(spec);
}

static bool move(foal_ssl *from, foal_ssl *to) FOAL_TURN;

static bool move(foal_ssl *from, foal_ssl *to)
{
  foal_buf *b;
  bool moved = false;
  while (foal_ssl_send(from, &b)) {
    foal_ssl_receive(to, &b);
    moved = true;
  }
  return moved;
}

void cast_pump(foal_ssl *a, foal_ssl *b)
{
  for (int i = 0; i < ROUNDS; i++) {
    bool there = move(a, b), back = move(b, a);
    if (!there && !back) return;
  }
  promise_broken(__FILE__, __LINE__, "the two fall silent");
}

static void save(foal_ssl *client, cast_bytes *into) FOAL_TURN;

static void save(foal_ssl *client, cast_bytes *into)
{
  foal_buf *b;
  if (!foal_ssl_save(client, &b)) return;
  into->len = foal_buf_len(b);
  into->at = malloc(into->len);
  promise(into->at != NULL);
  memcpy(into->at, foal_buf_data(b), into->len);
  foal_buf_drop(&b);
}

/* One honest handshake, for what it leaves with the client. */
static void visit(const cast_spec *spec, cast_bytes *into) FOAL_TURN;

static void visit(const cast_spec *spec, cast_bytes *into)
{
  foal_buf *b;
  foal_ssl_ctx *server_ctx = cast_server_ctx(spec), *client_ctx = cast_client_ctx(spec);
  steady_begin(300);
  foal_ssl *server = foal_ssl_server(server_ctx);
  foal_ssl *client = foal_ssl_client(client_ctx, "a.test");
  promise(server != NULL && client != NULL);
  cast_pump(client, server);
  /* Tickets of TLS 1.3 come behind the handshake; reading takes them in. */
  if (foal_ssl_read(client, 0, &b)) foal_buf_drop(&b);
  save(client, into);
  foal_ssl_free(&server);
  foal_ssl_free(&client);
}

const cast_bytes *cast_saved(const cast_spec *spec)
{
  static struct {
    cast_bytes bytes;
    bool tried;
  } all[SERVERS][CLIENTS];
  unsigned server = server_index(spec), client = client_index(spec);
  cast_bytes *bytes = &all[server][client].bytes;
  if (!all[server][client].tried) visit(spec, bytes);
  all[server][client].tried = true;
  return bytes->at == NULL ? NULL : bytes;
}

foal_ssl *cast_new_client(const cast_spec *spec)
{
  foal_buf *b;
  foal_ssl_ctx *ctx = cast_client_ctx(spec);
  const cast_bytes *saved = spec->resume ? cast_saved(spec) : NULL;
  foal_ssl *made;
  steady_begin(5);
  if (saved == NULL) {
    made = foal_ssl_client(ctx, cast_host(spec));
  } else {
    bool ok = foal_buf_from(&b, saved->at, saved->len);
    if (!ok) abort();
    made = foal_ssl_client_resume(ctx, cast_host(spec), b);
    foal_buf_drop(&b);
  }
  promise(made != NULL);
  return made;
}
