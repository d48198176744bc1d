/* session.c - what Foal's TLS sessions cost beside OpenSSL alone.
 *
 *    session [--ms N | --ops N] [--rounds N] [--engine NAME] [--table] [FIGURE]
 *
 * A client and a server in memory, one thread. The engines (session.h) take turns, round
 * by round, so that a machine that changes its speed changes all of them. One line per
 * round and engine on standard output, as key=value; with --table a summary in Markdown
 * instead. First the number of operations is found that takes about --ms milliseconds of
 * OpenSSL alone; it is the same for all. */
#include "session.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 1000, ENGINES = 3, PER_TALK = 2, CERT_DAYS = 2, DAY_S = 86400 };

typedef struct figure {
  const char *name, *unit;
  size_t bytes; /* of a record; 0: handshakes */
  bool resume;
} figure;

static const figure figures[] = {
    {"record-32", "ns/record", 32, false},     {"record-1k", "ns/record", 1024, false},
    {"record-16k", "ns/record", 16384, false}, {"handshake", "ns/handshake", 0, false},
    {"resumption", "ns/handshake", 0, true},
};
enum { FIGURES = sizeof figures / sizeof *figures };

static const session_engine *const engines[ENGINES] = {&session_foal, &session_raw,
                                                       &session_kept};

static struct {
  uint64_t ms, ops, rounds; /* ops 0: as many as take so long */
  const char *engine, *figure;
  bool table;
} args = {.ms = 20, .rounds = 15};

static double cost[FIGURES][ENGINES][ROUNDS_MAX]; /* CPU ns */

static void fail(const char *engine, const char *what)
{
  fflush(stdout);
  fprintf(stderr, "session: %s: %s\n", engine, what);
  _exit(1);
}

static uint64_t cpu_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the certificate ---- */

static bool fill_in(X509 *cert, EVP_PKEY *key)
{
  X509_NAME *name = X509_get_subject_name(cert);
  X509_EXTENSION *alt =
      X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:" SESSION_HOST);
  bool ok =
      alt != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
      ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
      X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S) != NULL &&
      X509_gmtime_adj(X509_getm_notAfter(cert), CERT_DAYS * DAY_S) != NULL &&
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                 (const unsigned char *)SESSION_HOST, -1, -1, 0) == 1 &&
      X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
      X509_add_ext(cert, alt, -1) == 1 && X509_sign(cert, key, EVP_sha256()) > 0;
  X509_EXTENSION_free(alt);
  return ok;
}

/* The text in a BIO, ended with NUL; the BIO keeps it. */
static const char *text_of(BIO *bio)
{
  char *text = NULL;
  if (BIO_write(bio, "", 1) != 1) return NULL;
  BIO_get_mem_data(bio, &text);
  return text;
}

static void open_engines(void)
{
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *cert = X509_new();
  BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
  bool ok = key != NULL && cert != NULL && fill_in(cert, key) &&
            PEM_write_bio_X509(cert_bio, cert) == 1 &&
            PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1;
  const char *cert_pem = ok ? text_of(cert_bio) : NULL;
  const char *key_pem = ok ? text_of(key_bio) : NULL;
  if (cert_pem == NULL || key_pem == NULL) fail("all", "no certificate can be made");
  for (int e = 0; e < ENGINES; e++) {
    const session_engine *x = engines[e];
    if (!x->open(x->self, cert_pem, key_pem)) fail(x->name, "no context can be made");
  }
  X509_free(cert);
  EVP_PKEY_free(key);
  BIO_free(cert_bio);
  BIO_free(key_bio);
}

/* ---- measuring ---- */

/* CPU time of so many operations. */
static uint64_t run(const session_engine *x, const figure *f, uint64_t ops)
{
  bool ok = x->agree(x->self, false);
  if (ok && f->resume) ok = x->agree(x->self, true);
  if (ok && f->bytes > 0) ok = x->talk(x->self, f->bytes);
  uint64_t began = cpu_ns();
  for (uint64_t i = 0; ok && i < ops; i++) {
    ok = f->bytes > 0 ? x->talk(x->self, f->bytes) : x->agree(x->self, f->resume);
  }
  if (!ok) fail(x->name, f->name);
  return cpu_ns() - began;
}

static uint64_t size_of_round(const figure *f)
{
  uint64_t wanted_ns = args.ms * 1000000, ops = 4;
  if (args.ops > 0) return args.ops;
  for (;;) {
    uint64_t ns = run(&session_raw, f, ops);
    if (ns >= wanted_ns / 8)
      return (uint64_t)((double)ops * (double)wanted_ns / (double)ns) + 1;
    ops *= 4;
  }
}

static void measure(int at)
{
  const figure *f = &figures[at];
  uint64_t ops = size_of_round(f);
  for (uint64_t r = 0; r < args.rounds; r++) {
    for (int e = 0; e < ENGINES; e++) {
      const session_engine *x = engines[e];
      if (args.engine != NULL && strcmp(args.engine, x->name) != 0) continue;
      double ns = (double)run(x, f, ops) / (double)ops;
      if (f->bytes > 0) ns /= PER_TALK;
      cost[at][e][r] = ns;
      if (!args.table)
        printf("bench=session figure=%s unit=%s engine=%s ops=%llu cpu_ns=%.1f\n",
               f->name, f->unit, x->name, (unsigned long long)ops, ns);
    }
    fflush(stdout);
  }
}

/* ---- the table ---- */

static int by_size(const void *a, const void *b)
{
  const double *x = (const double *)a, *y = (const double *)b;
  return (*x > *y) - (*x < *y);
}

static double median(double *values)
{
  qsort(values, args.rounds, sizeof *values, by_size);
  return values[args.rounds / 2];
}

static void print_table(void)
{
  puts("| | foal, CPU ns | OpenSSL alone | ratio | keeping its buffers | ratio |\n"
       "|---|---|---|---|---|---|");
  for (int at = 0; at < FIGURES; at++) {
    double best[ENGINES], ratio[2];
    static double ratios[2][ROUNDS_MAX];
    if (args.figure != NULL && strcmp(args.figure, figures[at].name) != 0) continue;
    for (uint64_t r = 0; r < args.rounds; r++) {
      for (int k = 0; k < 2; k++) ratios[k][r] = cost[at][0][r] / cost[at][k + 1][r];
    }
    for (int k = 0; k < 2; k++) ratio[k] = median(ratios[k]);
    for (int e = 0; e < ENGINES; e++) best[e] = median(cost[at][e]);
    printf("| %s | %.0f | %.0f | %.3f | %.0f | %.3f |\n", figures[at].name, best[0],
           best[1], ratio[0], best[2], ratio[1]);
  }
}

/* ---- the actor ---- */

typedef struct judge {
  int at;
} judge;
FOAL_TAG(judge)
FOAL_ACTOR(judge)
FOAL_BEHAVIOUR0(judge, next)

static void judge_on_next(judge *self)
{
  if (self->at == FIGURES) {
    if (args.table) print_table();
    for (int e = 0; e < ENGINES; e++) engines[e]->close(engines[e]->self);
    foal_actor_end(FOAL_ENDED);
    return;
  }
  if (args.figure == NULL || strcmp(args.figure, figures[self->at].name) == 0)
    measure(self->at);
  self->at++;
  judge_next(judge_self(self));
}

/* ---- command line ---- */

static int usage(void)
{
  fputs("usage: session [--ms N | --ops N] [--rounds N] [--engine NAME] [--table] "
        "[FIGURE]\n",
        stderr);
  return 2;
}

static bool read_number(const char *text, uint64_t max, uint64_t *out)
{
  char *end = NULL;
  *out = text ? strtoull(text, &end, 10) : 0;
  return *out > 0 && *end == '\0' && *out <= max;
}

static bool known_figure(const char *name)
{
  for (int i = 0; i < FIGURES; i++) {
    if (strcmp(figures[i].name, name) == 0) return true;
  }
  return false;
}

static bool known_engine(const char *name)
{
  for (int i = 0; name != NULL && i < ENGINES; i++) {
    if (strcmp(engines[i]->name, name) == 0) return true;
  }
  return false;
}

static bool read_args(int argc, char **argv)
{
  for (int i = 1; i < argc; i++) {
    bool ok = true;
    if (strcmp(argv[i], "--table") == 0)
      args.table = true;
    else if (strcmp(argv[i], "--ms") == 0)
      ok = read_number(argv[++i], 10000, &args.ms);
    else if (strcmp(argv[i], "--ops") == 0)
      ok = read_number(argv[++i], UINT32_MAX, &args.ops);
    else if (strcmp(argv[i], "--rounds") == 0)
      ok = read_number(argv[++i], ROUNDS_MAX, &args.rounds);
    else if (strcmp(argv[i], "--engine") == 0)
      ok = known_engine(args.engine = argv[++i]);
    else
      ok = args.figure == NULL && known_figure(args.figure = argv[i]);
    if (!ok) return false;
  }
  return !(args.table && args.engine);
}

int main(int argc, char **argv)
{
  judge_tag tag;
  foal_options options = {.workers = 1};
  if (!read_args(argc, argv)) return usage();
  if (foal_start(&options) != FOAL_OK) fail("all", "cannot start");
  if (!judge_spawn_pinned(&tag, 0)) fail("all", "no memory for its actor");
  open_engines();
  judge_next(tag);
  return foal_run();
}
