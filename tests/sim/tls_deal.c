/* tls_deal.c - see tls_deal.h. Each aspect draws what both sides want so that they agree;
 * the one that is spoiled draws it so that they cannot. Aspects do not depend on each
 * other, except that a P-256 certificate needs its group under TLS 1.2. */
#include "tls_deal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OFFERS = 3, ALL = (1 << OFFERS) - 1, LIST_BYTES = 160, LONG_NAMES = 16 };
enum { SMALL_HELLO = 1024 };

static const char *const suites[OFFERS] = {
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
static const char *const ciphers[OFFERS] = {"ECDHE-ECDSA-AES128-GCM-SHA256",
                                            "ECDHE-ECDSA-AES256-GCM-SHA384",
                                            "ECDHE-ECDSA-CHACHA20-POLY1305"};
static const char *const cipher_names[OFFERS] = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"};
static const char *const groups[OFFERS] = {"X25519", "P-256", "P-384"};
static const char *const protocols[OFFERS] = {"h2", "http/1.1", "foal"};

/* ---- sets of three ---- */

typedef struct offer {
  uint32_t client, server; /* sets of bits */
} offer;

/* Two sets that meet, or do not. */
static offer draw_offer(bool meet, uint32_t both)
{
  offer o;
  do {
    o.client = (1 + foal_sim_draw(ALL)) | both;
    o.server = (1 + foal_sim_draw(ALL)) | both;
  } while (((o.client & o.server) != 0) != meet);
  return o;
}

/* The set as a list in drawn order; returns the first one's place. */
static int write_list(uint32_t set, const char *const *names, char *out)
{
  int turn = (int)foal_sim_draw(OFFERS), first = -1;
  size_t len = 0;
  out[0] = '\0';
  for (int i = 0; i < OFFERS; i++) {
    int n = (i + turn) % OFFERS;
    if ((set >> n & 1) == 0) continue;
    if (first < 0) first = n;
    len += (size_t)snprintf(out + len, LIST_BYTES - len, "%s%s", len > 0 ? ":" : "",
                            names[n]);
  }
  return first;
}

/* ---- aspects ---- */

static void draw_versions(deal *d)
{
  static const foal_tls all[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};
  bool spoiled = d->spoiler == DEAL_VERSION;
  foal_tls client_max = all[foal_sim_draw(2)], server_max = all[foal_sim_draw(2)];
  foal_tls client_min = FOAL_TLS_1_2, server_min = FOAL_TLS_1_2;
  if (spoiled) {
    client_max = client_min = FOAL_TLS_1_2;
    server_max = server_min = FOAL_TLS_1_3;
  } else if (client_max == server_max) {
    if (foal_sim_draw(2) == 0) client_min = client_max;
    if (foal_sim_draw(2) == 0) server_min = server_max;
  }
  d->version = client_max < server_max ? client_max : server_max;
  KIT_SET(foal_ssl_ctx_versions(d->client, client_min, client_max));
  KIT_SET(foal_ssl_ctx_versions(d->server, server_min, server_max));
}

/* What serves is `served_by`; the server's other context, if any, wants whatever it
 * wants. */
static void draw_ciphers(deal *d, foal_ssl_ctx *served_by)
{
  char list[LIST_BYTES];
  offer o = draw_offer(d->spoiler != DEAL_CIPHER, 0);
  foal_ssl_ctx *idle = served_by == d->server ? d->other : d->server;
  d->ciphers = o.client & o.server;
  (void)write_list(o.client, suites, list);
  KIT_SET(foal_ssl_ctx_suites(d->client, list));
  (void)write_list(o.client, ciphers, list);
  KIT_SET(foal_ssl_ctx_ciphers(d->client, list));
  (void)write_list(o.server, suites, list);
  KIT_SET(foal_ssl_ctx_suites(served_by, list));
  (void)write_list(o.server, ciphers, list);
  KIT_SET(foal_ssl_ctx_ciphers(served_by, list));
  if (idle == NULL) return;
  uint32_t any = 1 + foal_sim_draw(ALL);
  (void)write_list(any, suites, list);
  KIT_SET(foal_ssl_ctx_suites(idle, list));
  (void)write_list(any, ciphers, list);
  KIT_SET(foal_ssl_ctx_ciphers(idle, list));
}

static void draw_groups(deal *d, foal_ssl_ctx *served_by, bool needs_p256)
{
  foal_ssl_ctx *idle = served_by == d->server ? d->other : d->server;
  char list[LIST_BYTES];
  bool meet = d->spoiler != DEAL_GROUP;
  offer o = draw_offer(meet, needs_p256 && meet ? 2 : 0);
  int first = write_list(o.client, groups, list);
  KIT_SET(foal_ssl_ctx_groups(d->client, list));
  (void)write_list(o.server, groups, list);
  KIT_SET(foal_ssl_ctx_groups(served_by, list));
  if (idle != NULL) {
    (void)write_list(1 + foal_sim_draw(ALL), groups, list);
    KIT_SET(foal_ssl_ctx_groups(idle, list));
  }
  d->retries = meet && d->version == FOAL_TLS_1_3 && (o.server >> first & 1) == 0;
}

static size_t names_of(uint32_t set, const char **out)
{
  size_t n = 0;
  for (int i = 0; i < OFFERS; i++)
    if ((set >> i & 1) != 0) out[n++] = protocols[i];
  return n;
}

static void draw_alpn(deal *d)
{
  const char *names[OFFERS];
  offer o = draw_offer(d->spoiler != DEAL_ALPN, 0);
  bool meet = d->spoiler == DEAL_GOOD && foal_sim_draw(2) == 0;
  bool demanded = meet && foal_sim_draw(2) == 0;
  bool client = d->spoiler == DEAL_ALPN || d->spoiler == DEAL_ALPN_CLIENT || meet;
  bool server = d->spoiler == DEAL_ALPN || d->spoiler == DEAL_ALPN_SERVER || meet;
  /* One side alone has no say. */
  if (d->spoiler == DEAL_GOOD && !meet) {
    client = foal_sim_draw(2) == 0;
    server = !client;
  }
  if (client)
    KIT_SET(foal_ssl_ctx_alpn_client(d->client, names, names_of(o.client, names)));
  if (server)
    KIT_SET(foal_ssl_ctx_alpn_server(d->server, names, names_of(o.server, names)));
  if (d->spoiler == DEAL_ALPN_CLIENT || demanded)
    KIT_SET(foal_ssl_ctx_alpn_required(d->client, true));
  if (d->spoiler == DEAL_ALPN_SERVER || demanded)
    KIT_SET(foal_ssl_ctx_alpn_required(d->server, true));
  for (int i = OFFERS - 1; i >= 0 && client && server; i--)
    if ((o.client & o.server) >> i & 1) d->alpn = protocols[i];
}

static void draw_client_cert(deal *d, foal_ssl_ctx *server)
{
  static const foal_client_cert strict[] = {FOAL_CLIENT_CERT_REQUIRED,
                                            FOAL_CLIENT_CERT_OPTIONAL};
  foal_client_cert want = (foal_client_cert)foal_sim_draw(4);
  kit_cert shown = foal_sim_draw(2) == 0 ? KIT_CLIENT : KIT_CERTS;
  if (d->spoiler == DEAL_NO_CLIENT) {
    want = FOAL_CLIENT_CERT_REQUIRED;
    shown = KIT_CERTS;
  } else if (d->spoiler == DEAL_BAD_CLIENT) {
    want = strict[foal_sim_draw(2)];
    shown = KIT_CLIENT_STRANGE;
  }
  if (d->spoiler == DEAL_GOOD) {
    if (want == FOAL_CLIENT_CERT_REQUIRED) shown = KIT_CLIENT;
    if (want == FOAL_CLIENT_CERT_UNVERIFIED) shown = KIT_CLIENT_STRANGE;
  }
  if (d->spoiler != DEAL_GOOD && d->spoiler < DEAL_NO_CLIENT) return;
  if (d->spoiler > DEAL_BAD_CLIENT) return;
  KIT_SET(foal_ssl_ctx_trust_pem(server, kit_root()));
  KIT_SET(foal_ssl_ctx_client_cert(server, want));
  if (shown != KIT_CERTS)
    KIT_SET(foal_ssl_ctx_use_cert_pem(d->client, kit_chain(shown), kit_key(shown)));
  d->client_verified = shown == KIT_CLIENT && (want == FOAL_CLIENT_CERT_REQUIRED ||
                                               want == FOAL_CLIENT_CERT_OPTIONAL);
}

static void draw_names(deal *d, bool mapped)
{
  static const foal_sni_unknown lax[] = {FOAL_SNI_UNKNOWN_AUTO, FOAL_SNI_UNKNOWN_DEFAULT};
  if (d->spoiler == DEAL_SNI) {
    KIT_SET(foal_ssl_ctx_sni(d->server, "c.test", d->other));
    KIT_SET(foal_ssl_ctx_sni_unknown(d->server, FOAL_SNI_UNKNOWN_REJECT));
    return;
  }
  if (mapped) {
    const char *pattern = strcmp(d->name, "a.test") == 0 ? "a.test" : "*.w.test";
    KIT_SET(foal_ssl_ctx_sni(d->server, pattern, d->other));
    if (foal_sim_draw(2) == 0)
      KIT_SET(foal_ssl_ctx_sni_unknown(d->server, FOAL_SNI_UNKNOWN_REJECT));
  } else {
    KIT_SET(foal_ssl_ctx_sni_unknown(d->server, lax[foal_sim_draw(2)]));
  }
}

static kit_cert draw_cert(const deal *d)
{
  static const kit_cert good[] = {KIT_GOOD, KIT_GOOD,  KIT_P256,
                                  KIT_DEEP, KIT_LARGE, KIT_WILD};
  switch ((int)d->spoiler) {
  case DEAL_UNTRUSTED:
    return KIT_STRANGE;
  case DEAL_NAME:
  case DEAL_SNI:
    return KIT_B;
  case DEAL_OLD:
    return KIT_OLD;
  case DEAL_EARLY:
    return KIT_EARLY;
  case DEAL_TOO_DEEP:
    return KIT_TOO_DEEP;
  case DEAL_TOO_LARGE:
    return KIT_TOO_LARGE;
  default:
    return good[foal_sim_draw(sizeof good / sizeof good[0])];
  }
}

static void make_hello_large(foal_ssl_ctx *client)
{
  const char *names[LONG_NAMES];
  char text[LONG_NAMES][200];
  for (int i = 0; i < LONG_NAMES; i++) {
    memset(text[i], 'a' + i, sizeof text[i] - 1);
    text[i][sizeof text[i] - 1] = '\0';
    names[i] = text[i];
  }
  KIT_SET(foal_ssl_ctx_alpn_client(client, names, LONG_NAMES));
}

/* ---- a deal ---- */

void deal_draw(deal *d)
{
  *d = (deal){.name = "a.test", .server_verified = true};
  if (foal_sim_draw(2) == 0)
    d->spoiler = (deal_spoiler)(1 + foal_sim_draw(DEAL_SPOILERS - 1));
  kit_cert cert = draw_cert(d);
  bool mapped = d->spoiler != DEAL_SNI && foal_sim_draw(3) == 0;
  if (cert == KIT_WILD) d->name = "x.w.test";
  d->client = kit_client_trusting(kit_root());
  d->server = kit_server_with(mapped ? KIT_B : cert);
  if (mapped || d->spoiler == DEAL_SNI) d->other = kit_server_with(mapped ? cert : KIT_B);
  foal_ssl_ctx *served_by = mapped ? d->other : d->server;
  draw_versions(d);
  draw_ciphers(d, served_by);
  draw_groups(d, served_by, cert == KIT_P256);
  draw_alpn(d);
  draw_client_cert(d, served_by);
  if (d->spoiler == DEAL_GOOD && foal_sim_draw(8) == 0) {
    d->server_verified = false;
    KIT_SET(foal_ssl_ctx_verify_peer(d->client, false));
  }
  if (d->spoiler == DEAL_HELLO) {
    KIT_SET(foal_ssl_ctx_handshake_bytes(d->server, SMALL_HELLO));
    make_hello_large(d->client);
  }
  KIT_SET(foal_ssl_ctx_tickets(d->server, foal_sim_draw(3)));
  draw_names(d, mapped);
}

void deal_drop(deal *d)
{
  foal_ssl_ctx_drop(&d->client);
  foal_ssl_ctx_drop(&d->server);
  foal_ssl_ctx_drop(&d->other);
}

bool deal_has_cipher(const deal *d, const char *name)
{
  const char *const *names = d->version == FOAL_TLS_1_3 ? suites : cipher_names;
  for (int i = 0; i < OFFERS; i++)
    if ((d->ciphers >> i & 1) != 0 && name != NULL && strcmp(names[i], name) == 0)
      return true;
  return false;
}
