/* https.c - a web server: static files, uploads and echo over TLS 1.2 and 1.3, HTTP/1.1.
 *
 *    https --root /srv/www --cert chain.pem --key key.pem
 *
 * Each connection is an actor (web.c); one more writes the access log. This file reads
 * the options, builds the TLS context and starts everything. What goes wrong at the
 * start is one line on standard error and status 1; a wrong command line is status 2. */
#include "https.h"

#include "http_files.h"
#include "https_args.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool context_failed(const foal_ssl_ctx *ctx, foal_err err)
{
  const char *detail = foal_ssl_ctx_detail(ctx);
  fprintf(stderr, "https: %s\n", detail[0] ? detail : foal_err_text(err));
  return false;
}

static foal_client_cert client_cert_of(const https_args *args)
{
  const char *wish = args->client_cert;
  if (wish == NULL)
    return args->client_ca ? FOAL_CLIENT_CERT_REQUIRED : FOAL_CLIENT_CERT_OFF;
  if (strcmp(wish, "required") == 0) return FOAL_CLIENT_CERT_REQUIRED;
  return strcmp(wish, "optional") == 0 ? FOAL_CLIENT_CERT_OPTIONAL : FOAL_CLIENT_CERT_OFF;
}

static foal_err set_certificate(foal_ssl_ctx *ctx, const https_args *args)
{
  if (args->cert)
    return foal_ssl_ctx_use_cert(ctx, args->cert, args->key ? args->key : args->cert);
  return foal_ssl_ctx_self_signed(ctx, "localhost");
}

static bool set_up(foal_ssl_ctx *ctx, const https_args *args)
{
  static const char *const protocols[] = {"http/1.1"};
  foal_err err = set_certificate(ctx, args);
  if (err == FOAL_OK) err = foal_ssl_ctx_alpn_server(ctx, protocols, 1);
  if (err == FOAL_OK) err = foal_ssl_ctx_tickets(ctx, (unsigned)args->tickets);
  if (err == FOAL_OK && args->ticket_keys)
    err = foal_ssl_ctx_ticket_key_file(ctx, args->ticket_keys);
  if (err == FOAL_OK && args->ciphers) err = foal_ssl_ctx_ciphers(ctx, args->ciphers);
  if (err == FOAL_OK && args->suites) err = foal_ssl_ctx_suites(ctx, args->suites);
  if (err == FOAL_OK && args->client_ca)
    err = foal_ssl_ctx_trust_file(ctx, args->client_ca);
  if (err == FOAL_OK) err = foal_ssl_ctx_client_cert(ctx, client_cert_of(args));
  if (err == FOAL_OK) err = foal_ssl_ctx_freeze(ctx);
  return err == FOAL_OK || context_failed(ctx, err);
}

/* Everything that is reported has the program's name in front. */
static void print_log(foal_log_level level, const char *line)
{
  (void)level;
  fprintf(stderr, "https: %s\n", line);
}

static bool open_root(web_site *site, const https_args *args)
{
  site->root = -1;
  if (args->root == NULL) return true;
  site->root = http_root_open(args->root);
  if (site->root >= 0) return true;
  fprintf(stderr, "https: %s: %s; --root must name a folder that can be read\n",
          args->root, strerror(errno));
  return false;
}

static bool open_listener(const web_site *site, const https_args *args, foal_ssl_ctx *ctx)
{
  foal_listen_options options = {
      .host = args->host,
      .port = (uint16_t)args->port,
      .ctx = ctx,
      .connections_max = (uint32_t)args->max_connections,
      .conn = {.context = site, .idle_ms = (uint32_t)args->idle_timeout_ms},
  };
  foal_listener listener;
  foal_err err = web_open(&options, &listener);
  if (err != FOAL_OK) return false; /* the log has said why */
  if (args->cert == NULL)
    fputs("https: without --cert: a throw-away certificate that no client trusts\n",
          stderr);
  printf("listening on https://localhost:%u/\n", (unsigned)listener.port);
  fflush(stdout);
  return true;
}

static bool start(web_site *site, const https_args *args, foal_options *options)
{
  if (args->workers > 0) options->workers = (uint32_t)args->workers;
  foal_err err = foal_start(options);
  if (err == FOAL_OK && args->access_log && !access_log_open(&site->log))
    err = FOAL_NO_MEMORY;
  if (err != FOAL_OK) fprintf(stderr, "https: %s; it cannot start\n", foal_err_text(err));
  return err == FOAL_OK;
}

/* From here on everything is set up; returns the exit status. */
static int serve(const https_args *args, foal_options *options, foal_ssl_ctx *ctx)
{
  web_site site = {
      .limits = {8192, 32768, 100, args->max_body ? args->max_body : UINT64_MAX},
      .echo = args->echo,
      .logged = args->access_log,
      .header_ms = (uint32_t)args->header_timeout_ms,
  };
  if (!open_root(&site, args) || !start(&site, args, options)) return 1;
  if (!open_listener(&site, args, ctx)) {
    foal_stop(1);
    foal_run();
    return 1;
  }
  int status = foal_run();
  if (site.root >= 0) close(site.root);
  return status;
}

int main(int argc, char **argv)
{
  https_args args;
  foal_options options = {0};
  if (foal_options_from(&options, &argc, argv) != FOAL_OK) return 2;
  if (!https_args_read(&args, argc, argv)) return 2;
  if (args.help) {
    https_args_help();
    return 0;
  }
  signal(SIGPIPE, SIG_IGN);
  foal_log_sink(print_log);
  foal_log_threshold(FOAL_LOG_INFO); /* also says why a peer was turned away */
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  if (ctx == NULL) {
    fputs("https: the TLS library cannot be used; is OpenSSL 3.0 or later there?\n",
          stderr);
    return 1;
  }
  int status = set_up(ctx, &args) ? serve(&args, &options, ctx) : 1;
  foal_ssl_ctx_drop(&ctx);
  return status;
}
