/* kit.c - see kit.h. The tables are filled once and only read afterwards. */
#include "kit.h"

#include "kit_certs.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEEP = 4, LARGE_BYTES = 20000, TOO_LARGE_BYTES = 40000 };

static kit_made *root, *stranger, *certs[KIT_CERTS];
static foal_ssl_ctx *contexts[KIT_CTXS];

void kit_must_set(foal_err err, const char *what)
{
  if (err == FOAL_OK) return;
  fprintf(stderr, "%s: %s\n", what, foal_err_text(err));
  abort();
}

/* ---- certificates ---- */

static void make_certs(void)
{
#define KIT_WISH_A .name = "a.test", .alt = "DNS:a.test"
  static const char soon[] = "20300101010000Z"; /* KIT_SOON_S after the start of a run */
  root = kit_make(&(kit_wish){.name = "Root"});
  stranger = kit_make(&(kit_wish){.name = "Stranger"});
  static const kit_made *above[DEEP + 1];
  const kit_made *issuer = root;
  for (int i = 0; i <= DEEP; i++) {
    char name[] = "Intermediate 0";
    name[sizeof name - 2] = (char)('0' + i);
    issuer = above[i] = kit_make(&(kit_wish){.name = name, .issuer = issuer});
  }
  const kit_wish wishes[KIT_CERTS] = {
      [KIT_GOOD] = {.name = "a.test", .alt = "DNS:a.test,DNS:localhost,IP:127.0.0.1"},
      [KIT_P256] = {KIT_WISH_A, .p256 = true},
      [KIT_B] = {.name = "b.test", .alt = "DNS:b.test"},
      [KIT_WILD] = {.name = "w.test", .alt = "DNS:*.w.test"},
      [KIT_STRANGE] = {KIT_WISH_A, .issuer = stranger},
      [KIT_OLD] = {KIT_WISH_A, .to = "20290601000000Z"},
      [KIT_EARLY] = {KIT_WISH_A, .from = "20310101000000Z"},
      [KIT_SOON] = {KIT_WISH_A, .to = soon},
      [KIT_DEEP] = {KIT_WISH_A, .issuer = above[DEEP - 1]},
      [KIT_TOO_DEEP] = {KIT_WISH_A, .issuer = above[DEEP]},
      [KIT_LARGE] = {KIT_WISH_A, .padding = LARGE_BYTES},
      [KIT_TOO_LARGE] = {KIT_WISH_A, .padding = TOO_LARGE_BYTES},
      [KIT_CLIENT] = {.name = "client", .alt = "DNS:client.test", .client = true},
      [KIT_CLIENT_STRANGE] = {.name = "client",
                              .alt = "DNS:client.test",
                              .client = true,
                              .issuer = stranger},
  };
  for (int i = 0; i < KIT_CERTS; i++) {
    kit_wish wish = wishes[i];
    if (wish.issuer == NULL) wish.issuer = root;
    certs[i] = kit_make(&wish);
  }
}

const char *kit_chain(kit_cert which)
{
  return certs[which]->chain;
}

const char *kit_key(kit_cert which)
{
  return certs[which]->key_pem;
}

const char *kit_root(void)
{
  return root->pem;
}

const char *kit_stranger(void)
{
  return stranger->pem;
}

/* ---- contexts ---- */

foal_ticket_key kit_ticket_key(uint8_t number)
{
  foal_ticket_key key;
  memset(&key, number, sizeof key);
  return key;
}

foal_ssl_ctx *kit_server_with(kit_cert which)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  foal_ticket_key key = kit_ticket_key(1);
  if (ctx == NULL) return NULL;
  KIT_SET(foal_ssl_ctx_relax(ctx, FOAL_RELAX_CERT_EXPIRED));
  KIT_SET(foal_ssl_ctx_use_cert_pem(ctx, kit_chain(which), kit_key(which)));
  KIT_SET(foal_ssl_ctx_ticket_keys(ctx, &key, 1));
  return ctx;
}

foal_ssl_ctx *kit_client_trusting(const char *pem)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  if (ctx != NULL) KIT_SET(foal_ssl_ctx_trust_pem(ctx, pem));
  return ctx;
}

static void make_contexts(void)
{
  foal_ssl_ctx **c = contexts;
  c[KIT_SERVER] = kit_server_with(KIT_GOOD);
  c[KIT_SERVER_OTHER] = kit_server_with(KIT_GOOD);
  c[KIT_SERVER_P256] = kit_server_with(KIT_P256);
  c[KIT_SERVER_MUTUAL] = kit_server_with(KIT_GOOD);
  KIT_SET(foal_ssl_ctx_trust_pem(c[KIT_SERVER_MUTUAL], kit_root()));
  KIT_SET(foal_ssl_ctx_client_cert(c[KIT_SERVER_MUTUAL], FOAL_CLIENT_CERT_REQUIRED));
  for (int i = KIT_CLIENT_ANY; i <= KIT_CLIENT_MUTUAL; i++)
    c[i] = kit_client_trusting(kit_root());
  c[KIT_CLIENT_LOST] = kit_client_trusting(kit_stranger());
  KIT_SET(foal_ssl_ctx_versions(c[KIT_CLIENT_1_2], FOAL_TLS_1_2, FOAL_TLS_1_2));
  KIT_SET(foal_ssl_ctx_versions(c[KIT_CLIENT_1_3], FOAL_TLS_1_3, FOAL_TLS_1_3));
  KIT_SET(foal_ssl_ctx_relax(c[KIT_CLIENT_MUTUAL], FOAL_RELAX_CERT_EXPIRED));
  KIT_SET(foal_ssl_ctx_use_cert_pem(c[KIT_CLIENT_MUTUAL], kit_chain(KIT_CLIENT),
                                    kit_key(KIT_CLIENT)));
  for (int i = 0; i < KIT_CTXS; i++) KIT_SET(foal_ssl_ctx_freeze(c[i]));
}

void kit_prepare(void)
{
  if (root != NULL) return;
  make_certs();
  make_contexts();
}

foal_ssl_ctx *kit_context(kit_ctx which)
{
  return contexts[which];
}

/* ---- trouble ---- */

void kit_leave_error(void)
{
  if (!foal_sim_chance("openssl_error_left")) return;
  ERR_raise(ERR_LIB_SSL, foal_sim_draw(2) == 0 ? ERR_R_INTERNAL_ERROR : 42);
}

uint64_t kit_trouble(void)
{
  static const foal__sim_switch grave[] = {
      FOAL__SIM_W_reset,       FOAL__SIM_W_fin,          FOAL__SIM_W_flip,
      FOAL__SIM_W_insert,      FOAL__SIM_W_refuse,       FOAL__SIM_W_unreachable,
      FOAL__SIM_W_accept_gone, FOAL__SIM_W_accept_files, FOAL__SIM_W_lookup,
      FOAL__SIM_W_memory,      FOAL__SIM_W_signal,       FOAL__SIM_W_clock,
  };
  uint64_t bits = 0;
  for (size_t i = 0; i < sizeof grave / sizeof grave[0]; i++)
    if (foal__sim_fired(grave[i])) bits |= UINT64_C(1) << grave[i];
  return bits;
}
