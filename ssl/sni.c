/* sni.c - which context a name gets: the map and the policy.
 *
 * The map is sorted by name while it is filled; a look-up is one binary search for the
 * name and one for its wildcard.
 * A ticket proves who the client was under one context. Where contexts under one map want
 * different things from clients, a ticket of the lax one must not enter the strict one.
 * The session id context sees to that (hello.c); that there are no tickets at all under
 * such a map (foal__sni_mixed) is a second bolt.                                       */
#include "impl/check.h"
#include "impl/ctx.h"

#include <string.h>

/* The place of the name, or where it belongs. */
static size_t place(const foal_ssl_ctx *ctx, const char *name, bool *found)
{
  size_t low = 0, high = ctx->sni_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(ctx->sni[middle].name, name);
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *found = low < ctx->sni_count && strcmp(ctx->sni[low].name, name) == 0;
  return low;
}

static bool grow(foal_ssl_ctx *ctx)
{
  if (ctx->sni_count < ctx->sni_capacity) return true;
  size_t capacity = ctx->sni_capacity == 0 ? 8 : ctx->sni_capacity * 2;
  foal__sni_entry *more = OPENSSL_realloc(ctx->sni, capacity * sizeof *more);
  if (more == NULL) return false;
  ctx->sni = more;
  ctx->sni_capacity = capacity;
  return true;
}

static foal_err add(foal_ssl_ctx *ctx, const char *pattern, const foal_ssl_ctx *other)
{
  bool found;
  size_t at = place(ctx, pattern, &found);
  if (!found && ctx->sni_count >= FOAL_SNI_NAMES_MAX) return FOAL_FULL;
  char *name = found ? ctx->sni[at].name : OPENSSL_strdup(pattern);
  if (name == NULL || !grow(ctx)) goto no_memory;
  foal_ssl_ctx *held = foal__ctx_hold(other);
  if (held == NULL) goto no_memory;
  if (found) {
    foal_ssl_ctx_drop(&ctx->sni[at].ctx);
  } else {
    memmove(ctx->sni + at + 1, ctx->sni + at, (ctx->sni_count - at) * sizeof *ctx->sni);
    ctx->sni_count++;
  }
  ctx->sni[at] = (foal__sni_entry){name, held};
  return FOAL_OK;
no_memory:
  if (!found) OPENSSL_free(name);
  return FOAL_NO_MEMORY;
}

foal_err foal_ssl_ctx_sni(foal_ssl_ctx *ctx, const char *name, const foal_ssl_ctx *other)
{
  foal__host pattern;
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  if (!foal__pattern_parse(&pattern, name))
    return foal__ctx_fail(
        ctx, FOAL_BAD_NAME,
        "\"%.200s\" is no name for SNI; use www.example.com or *.example.com",
        name == NULL ? "" : name);
  if (other == NULL || other == ctx || !foal_ssl_ctx_can_serve(other))
    return foal__ctx_fail(
        ctx, FOAL_BAD_ARGUMENT,
        "the context for %s must be another one, and have a certificate", pattern.text);
  err = add(ctx, pattern.text, other);
  return err == FOAL_OK ? err : foal__ctx_fail(ctx, err, "%s: not added", pattern.text);
}

foal_err foal_ssl_ctx_sni_unknown(foal_ssl_ctx *ctx, foal_sni_unknown what)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  if (what != FOAL_SNI_UNKNOWN_AUTO && what != FOAL_SNI_UNKNOWN_DEFAULT &&
      what != FOAL_SNI_UNKNOWN_REJECT)
    return foal__ctx_fail(ctx, FOAL_BAD_ARGUMENT, "no such policy for unknown names");
  ctx->sni_unknown = what;
  return FOAL_OK;
}

void foal__sni_clear(foal_ssl_ctx *ctx)
{
  for (size_t i = 0; i < ctx->sni_count; i++) {
    OPENSSL_free(ctx->sni[i].name);
    foal_ssl_ctx_drop(&ctx->sni[i].ctx);
  }
  OPENSSL_free(ctx->sni);
  ctx->sni = NULL;
  ctx->sni_count = 0;
}

/* Looks the name up, then the wildcard that its first label stands under. */
static const foal_ssl_ctx *find_in_map(const foal_ssl_ctx *ctx, foal__host *host)
{
  bool found;
  size_t at = place(ctx, host->text, &found);
  if (found) return ctx->sni[at].ctx;
  const char *dot = strchr(host->text, '.');
  if (dot == NULL || dot == host->text) return NULL;
  char wildcard[FOAL__HOST_MAX + 3] = "*";
  memcpy(wildcard + 1, dot, strlen(dot) + 1);
  at = place(ctx, wildcard, &found);
  return found ? ctx->sni[at].ctx : NULL;
}

const foal_ssl_ctx *foal__sni_find(const foal_ssl_ctx *ctx, const char *name)
{
  foal__host host;
  foal__host_parse(&host, name);
  if (host.kind != FOAL__HOST_NAME) return NULL;
  const foal_ssl_ctx *other = find_in_map(ctx, &host);
  if (other != NULL) return other;
  return foal__verify_matches(SSL_CTX_get0_certificate(ctx->tls), &host) ? ctx : NULL;
}

static bool differs(const foal_ssl_ctx *a, const foal_ssl_ctx *b)
{
  if (a->client_cert != b->client_cert) return true;
  if (a->client_cert == FOAL_CLIENT_CERT_OFF) return false;
  return a->verify_depth != b->verify_depth ||
         memcmp(a->trust_mark, b->trust_mark, sizeof a->trust_mark) != 0;
}

bool foal__sni_mixed(const foal_ssl_ctx *ctx)
{
  for (size_t i = 0; i < ctx->sni_count; i++)
    if (differs(ctx, ctx->sni[i].ctx)) return true;
  return false;
}

static bool rejects(const foal_ssl_ctx *ctx)
{
  if (ctx->sni_unknown == FOAL_SNI_UNKNOWN_AUTO) return ctx->sni_count >= 2;
  return ctx->sni_unknown == FOAL_SNI_UNKNOWN_REJECT;
}

const foal_ssl_ctx *foal__sni_choose(const foal_ssl_ctx *ctx, const char *name)
{
  bool reject = rejects(ctx);
  if (name[0] == '\0' || (ctx->sni_count == 0 && !reject)) return ctx;
  const foal_ssl_ctx *other = foal__sni_find(ctx, name);
  return other != NULL || reject ? other : ctx;
}
