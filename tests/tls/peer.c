/* peer.c - see peer.h. A table says what each word does to a context; the values of a
 * word follow it. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 16384 };

typedef foal_err setter(foal_ssl_ctx *ctx, char *const *values);

static foal_err set_cert(foal_ssl_ctx *ctx, char *const *values)
{
  return foal_ssl_ctx_use_cert(ctx, values[0], values[1]);
}

static foal_err set_trust(foal_ssl_ctx *ctx, char *const *values)
{
  return foal_ssl_ctx_trust_file(ctx, values[0]);
}

static foal_err set_trust_dir(foal_ssl_ctx *ctx, char *const *values)
{
  return foal_ssl_ctx_trust_dir(ctx, values[0]);
}

static foal_err set_trust_system(foal_ssl_ctx *ctx, char *const *values)
{
  (void)values;
  return foal_ssl_ctx_trust_system(ctx);
}

/* A file as a text, for the setters that take one. */
static void read_text(const char *path, char text[TEXT_BYTES])
{
  FILE *file = fopen(path, "r");
  size_t len = file == NULL ? 0 : fread(text, 1, TEXT_BYTES - 1, file);
  text[len] = '\0';
  if (file != NULL) fclose(file);
}

static foal_err set_cert_pem(foal_ssl_ctx *ctx, char *const *values)
{
  char chain[TEXT_BYTES], key[TEXT_BYTES];
  read_text(values[0], chain);
  read_text(values[1], key);
  return foal_ssl_ctx_use_cert_pem(ctx, chain, key);
}

static foal_err set_trust_pem(foal_ssl_ctx *ctx, char *const *values)
{
  char text[TEXT_BYTES];
  read_text(values[0], text);
  return foal_ssl_ctx_trust_pem(ctx, text);
}

static foal_err set_depth(foal_ssl_ctx *ctx, char *const *values)
{
  return foal_ssl_ctx_verify_depth(ctx, (unsigned)strtoul(values[0], NULL, 10));
}

static foal_err set_crl(foal_ssl_ctx *ctx, char *const *values)
{
  return foal_ssl_ctx_crl_file(ctx, values[0]);
}

/* Which of the texts it is; the number of texts when it is none. */
static int index_of(const char *text, const char *const *known)
{
  int i = 0;
  while (known[i] != NULL && strcmp(text, known[i]) != 0) i++;
  return i;
}

static foal_err set_client_cert(foal_ssl_ctx *ctx, char *const *values)
{
  static const char *const wishes[] = {"off", "optional", "required", "unverified", NULL};
  static const foal_client_cert rules[] = {
      FOAL_CLIENT_CERT_OFF, FOAL_CLIENT_CERT_OPTIONAL, FOAL_CLIENT_CERT_REQUIRED,
      FOAL_CLIENT_CERT_UNVERIFIED};
  int i = index_of(values[0], wishes);
  return i > 3 ? FOAL_BAD_ARGUMENT : foal_ssl_ctx_client_cert(ctx, rules[i]);
}

static foal_err set_unknown(foal_ssl_ctx *ctx, char *const *values)
{
  static const char *const wishes[] = {"auto", "default", "reject", NULL};
  static const foal_sni_unknown rules[] = {
      FOAL_SNI_UNKNOWN_AUTO, FOAL_SNI_UNKNOWN_DEFAULT, FOAL_SNI_UNKNOWN_REJECT};
  int i = index_of(values[0], wishes);
  return i > 2 ? FOAL_BAD_ARGUMENT : foal_ssl_ctx_sni_unknown(ctx, rules[i]);
}

static foal_tls version_of(const char *text)
{
  return strcmp(text, "1.2") == 0 ? FOAL_TLS_1_2 : FOAL_TLS_1_3;
}

static foal_err set_versions(foal_ssl_ctx *ctx, char *const *values)
{
  return foal_ssl_ctx_versions(ctx, version_of(values[0]), version_of(values[1]));
}

static foal_err set_ciphers(foal_ssl_ctx *ctx, char *const *values)
{
  return foal_ssl_ctx_ciphers(ctx, values[0]);
}

static foal_err set_suites(foal_ssl_ctx *ctx, char *const *values)
{
  return foal_ssl_ctx_suites(ctx, values[0]);
}

static foal_err set_groups(foal_ssl_ctx *ctx, char *const *values)
{
  return foal_ssl_ctx_groups(ctx, values[0]);
}

static foal_err set_alpn(foal_ssl_ctx *ctx, char *const *values)
{
  const char *const names[] = {values[0]};
  foal_err err = foal_ssl_ctx_alpn_server(ctx, names, 1);
  return err != FOAL_OK ? err : foal_ssl_ctx_alpn_client(ctx, names, 1);
}

static foal_err set_alpn_required(foal_ssl_ctx *ctx, char *const *values)
{
  (void)values;
  return foal_ssl_ctx_alpn_required(ctx, true);
}

static foal_err set_tickets(foal_ssl_ctx *ctx, char *const *values)
{
  return foal_ssl_ctx_tickets(ctx, (unsigned)strtoul(values[0], NULL, 10));
}

static foal_err set_ticket_keys(foal_ssl_ctx *ctx, char *const *values)
{
  return foal_ssl_ctx_ticket_key_file(ctx, values[0]);
}

static foal_err set_keylog(foal_ssl_ctx *ctx, char *const *values)
{
  return foal_ssl_ctx_keylog(ctx, values[0]);
}

static foal_err set_no_verify(foal_ssl_ctx *ctx, char *const *values)
{
  (void)values;
  return foal_ssl_ctx_verify_peer(ctx, false);
}

typedef struct word {
  const char *text;
  size_t values;
  setter *set; /* NULL: it says something about the plan */
} word;

static const word words_known[] = {
    {"--cert", 2, set_cert},
    {"--trust", 1, set_trust},
    {"--cert-pem", 2, set_cert_pem},
    {"--trust-dir", 1, set_trust_dir},
    {"--trust-pem", 1, set_trust_pem},
    {"--trust-system", 0, set_trust_system},
    {"--depth", 1, set_depth},
    {"--crl", 1, set_crl},
    {"--client-cert", 1, set_client_cert},
    {"--versions", 2, set_versions},
    {"--ciphers", 1, set_ciphers},
    {"--suites", 1, set_suites},
    {"--groups", 1, set_groups},
    {"--alpn", 1, set_alpn},
    {"--alpn-required", 0, set_alpn_required},
    {"--tickets", 1, set_tickets},
    {"--ticket-keys", 1, set_ticket_keys},
    {"--keylog", 1, set_keylog},
    {"--unknown", 1, set_unknown},
    {"--no-verify", 0, set_no_verify},
    {"--export", 2, NULL},
    {"--name", 1, NULL},
};

/* The word and its values; NULL: there is no such word, or too few values. */
static const word *find(char *const *at)
{
  const word *end = words_known + sizeof words_known / sizeof words_known[0];
  const word *found = words_known;
  while (found < end && strcmp(found->text, at[0]) != 0) found++;
  if (found == end) return NULL;
  for (size_t i = 1; i <= found->values; i++)
    if (at[i] == NULL) return NULL;
  return found;
}

/* A plan being made: the context that the next word is for, and its name. */
typedef struct maker {
  peer_plan *plan;
  foal_ssl_ctx *named;
  const char *name;
  char *why;
  size_t size;
} maker;

static bool fail(maker *m, const foal_ssl_ctx *ctx, foal_err err)
{
  const char *detail = ctx == NULL ? "" : foal_ssl_ctx_detail(ctx);
  snprintf(m->why, m->size, "%s: %s", foal_err_name(err),
           detail[0] == '\0' ? foal_err_text(err) : detail);
  return false;
}

static bool end_name(maker *m)
{
  if (m->named == NULL) return true;
  foal_err err = foal_ssl_ctx_sni(m->plan->ctx, m->name, m->named);
  foal_ssl_ctx_drop(&m->named);
  return err == FOAL_OK || fail(m, m->plan->ctx, err);
}

static bool apply(maker *m, const word *what, char *const *values)
{
  if (what->set != NULL) {
    foal_ssl_ctx *ctx = m->named != NULL ? m->named : m->plan->ctx;
    foal_err err = what->set(ctx, values);
    return err == FOAL_OK || fail(m, ctx, err);
  }
  if (strcmp(what->text, "--export") == 0) {
    m->plan->export_label = values[0];
    m->plan->export_len = strtoul(values[1], NULL, 10);
    return m->plan->export_len <= PEER_EXPORT_BYTES_MAX ||
           fail(m, NULL, FOAL_BAD_ARGUMENT);
  }
  if (!end_name(m)) return false;
  m->name = values[0];
  m->named = foal_ssl_ctx_new();
  return m->named != NULL || fail(m, NULL, FOAL_NO_MEMORY);
}

bool peer_plan_make(peer_plan *plan, char *const *words, char *why, size_t size)
{
  *plan = (peer_plan){.ctx = foal_ssl_ctx_new()};
  maker m = {plan, NULL, NULL, why, size};
  bool ok = plan->ctx != NULL || fail(&m, NULL, FOAL_NO_MEMORY);
  while (ok && *words != NULL) {
    const word *what = find(words);
    if (what == NULL) {
      snprintf(why, size, "%s: no such word, or a value is missing", *words);
      ok = false;
      break;
    }
    ok = apply(&m, what, words + 1);
    words += 1 + what->values;
  }
  ok = ok && end_name(&m);
  if (ok) {
    foal_err err = foal_ssl_ctx_freeze(plan->ctx);
    ok = err == FOAL_OK || fail(&m, plan->ctx, err);
  }
  if (ok) return true;
  foal_ssl_ctx_drop(&m.named);
  foal_ssl_ctx_drop(&plan->ctx);
  return false;
}

static void write_hex(char *text, const uint8_t *bytes, size_t len)
{
  for (size_t i = 0; i < len; i++) snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

static const char *or_none(const char *text)
{
  return text == NULL || text[0] == '\0' ? "-" : text;
}

size_t peer_facts(const foal_ssl *s, const peer_plan *plan, char *text)
{
  char subject[512] = "", names[1024] = "", print[2 * FOAL_FINGERPRINT_BYTES + 1] = "";
  char exported[2 * PEER_EXPORT_BYTES_MAX + 1] = "";
  uint8_t bytes[PEER_EXPORT_BYTES_MAX];
  foal_ssl_exporter what = {.label = plan->export_label};
  (void)foal_ssl_peer_subject(s, subject, sizeof subject);
  (void)foal_ssl_peer_names(s, names, sizeof names);
  if (foal_ssl_peer_fingerprint(s, bytes))
    write_hex(print, bytes, FOAL_FINGERPRINT_BYTES);
  if (what.label != NULL && foal_ssl_export(s, &what, bytes, plan->export_len) == FOAL_OK)
    write_hex(exported, bytes, plan->export_len);
  int len =
      snprintf(text, PEER_FACTS_BYTES,
               "version TLSv1.%d\ncipher %s\nalpn %s\nsni %s\nresumed %d\n"
               "verified %d\nsubject %s\nnames %s\nfingerprint %s\nexport %s\n",
               foal_ssl_version(s) == FOAL_TLS_1_3 ? 3 : 2, or_none(foal_ssl_cipher(s)),
               or_none(foal_ssl_alpn_selected(s)), or_none(foal_ssl_server_name(s)),
               foal_ssl_resumed(s), foal_ssl_peer_verified(s), or_none(subject),
               or_none(names), or_none(print), or_none(exported));
  return len < 0 || len >= PEER_FACTS_BYTES ? 0 : (size_t)len;
}
