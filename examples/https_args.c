/* https_args.c - one table says what each option is, what it may be and what it means.
 *
 * Reading, checking and the help text all follow the table; a new option is a field in
 * https_args and a line here. */
#include "https_args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum option_kind { TEXT, NUMBER, FLAG } option_kind;

typedef struct option {
  const char *name;
  option_kind kind;
  size_t offset; /* of the field in https_args */
  uint64_t max;  /* of a number */
  const char *value;
  const char *meaning;
} option;

#define AT(field) offsetof(https_args, field)

static const option options[] = {
    {"port", NUMBER, AT(port), 65535, "N", "TCP port, 0: any free one (8443)"},
    {"host", TEXT, AT(host), 0, "H", "name or address to listen on (127.0.0.1)"},
    {"cert", TEXT, AT(cert), 0, "F", "certificate chain, PEM (a throw-away one)"},
    {"key", TEXT, AT(key), 0, "F", "its private key, PEM (in the file of --cert)"},
    {"root", TEXT, AT(root), 0, "DIR", "folder to serve (none)"},
    {"workers", NUMBER, AT(workers), FOAL_WORKERS_MAX, "N", "threads (one per core)"},
    {"echo", FLAG, AT(echo), 0, NULL, "answer every request with its own body"},
    {"ciphers", TEXT, AT(ciphers), 0, "LIST", "cipher list of TLS 1.2"},
    {"suites", TEXT, AT(suites), 0, "LIST", "cipher suites of TLS 1.3"},
    {"tickets", NUMBER, AT(tickets), FOAL_TICKETS_MAX, "N",
     "session tickets a handshake, 0: nobody resumes (2)"},
    {"ticket-keys", TEXT, AT(ticket_keys), 0, "F",
     "80 random bytes a key, new one first (a key of its own)"},
    {"client-ca", TEXT, AT(client_ca), 0, "F", "authorities of client certificates, PEM"},
    {"client-cert", TEXT, AT(client_cert), 0, "W",
     "off, optional or required (off; required with --client-ca)"},
    {"header-timeout-ms", NUMBER, AT(header_timeout_ms), 3600000, "N",
     "for a request head (10000)"},
    {"idle-timeout-ms", NUMBER, AT(idle_timeout_ms), 86400000, "N",
     "without a byte in either direction (60000)"},
    {"max-body", NUMBER, AT(max_body), UINT64_MAX, "N",
     "bytes of a request body, 0: no limit (0)"},
    {"max-connections", NUMBER, AT(max_connections), 1000000, "N",
     "more wait outside (the limit of open files, less 64)"},
    {"access-log", FLAG, AT(access_log), 0, NULL, "a line for every request"},
    {"help", FLAG, AT(help), 0, NULL, "this text"},
};

enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

void https_args_help(void)
{
  puts("https - a web server on Foal\n\nusage: https [--option value]...\n");
  for (size_t i = 0; i < OPTIONS; i++) {
    char name[40];
    snprintf(name, sizeof(name), "--%s %s", options[i].name,
             options[i].value ? options[i].value : "");
    printf("  %-24s %s\n", name, options[i].meaning);
  }
  puts("\nAlso --foal-workers=N, --foal-batch=N, --foal-batch-us=N,\n"
       "--foal-mailbox=N, --foal-spin-us=N and --foal-drain-ms=N of the runtime.\n"
       "GET / greets unless the folder has an index.html; POST /upload answers with\n"
       "size and SHA-256, POST /echo with the body; GET /keyupdate renews the TLS key.");
}

static bool set_number(https_args *args, const option *o, const char *value)
{
  char *end;
  errno = 0;
  unsigned long long number = strtoull(value, &end, 10);
  bool digits = value[0] >= '0' && value[0] <= '9' && *end == '\0';
  if (!digits || errno != 0 || number > o->max) {
    fprintf(stderr, "https: --%s: \"%s\" is not a number from 0 to %llu; try --help\n",
            o->name, value, (unsigned long long)o->max);
    return false;
  }
  memcpy((char *)args + o->offset, &(uint64_t){number}, sizeof(uint64_t));
  return true;
}

/* The option of an argument "--name" or "--name=value". */
static const option *find(const char *argument, size_t len)
{
  for (size_t i = 0; i < OPTIONS; i++)
    if (strlen(options[i].name) == len && memcmp(options[i].name, argument, len) == 0)
      return &options[i];
  return NULL;
}

/* Takes one option from the arguments; moves *at past it. */
static bool take(https_args *args, int argc, char **argv, int *at)
{
  const char *argument = argv[(*at)++];
  const char *name = strncmp(argument, "--", 2) == 0 ? argument + 2 : "";
  const char *equals = strchr(name, '=');
  const option *o = find(name, equals ? (size_t)(equals - name) : strlen(name));
  if (o == NULL) {
    fprintf(stderr, "https: %s: no such option; try --help\n", argument);
    return false;
  }
  if (o->kind == FLAG && equals == NULL) {
    memcpy((char *)args + o->offset, &(bool){true}, sizeof(bool));
    return true;
  }
  const char *value = equals ? equals + 1 : *at < argc ? argv[(*at)++] : NULL;
  if (o->kind == FLAG || value == NULL || value[0] == '\0') {
    fprintf(stderr, "https: --%s %s; try --help\n", o->name,
            o->kind == FLAG ? "takes no value" : "needs a value");
    return false;
  }
  if (o->kind == NUMBER) return set_number(args, o, value);
  memcpy((char *)args + o->offset, &value, sizeof(value));
  return true;
}

static bool is_known(const char *value, const char *const *known)
{
  for (; *known; known++)
    if (strcmp(value, *known) == 0) return true;
  return false;
}

static bool check(const https_args *args)
{
  static const char *const wishes[] = {"off", "optional", "required", NULL};
  const char *what = NULL;
  if (args->client_cert && !is_known(args->client_cert, wishes))
    what = "--client-cert is off, optional or required";
  else if (args->client_cert && strcmp(args->client_cert, "off") != 0 && !args->client_ca)
    what = "--client-cert needs --client-ca";
  else if (args->key && !args->cert)
    what = "--key needs --cert";
  else if (args->header_timeout_ms == 0)
    what = "--header-timeout-ms must not be 0";
  if (what) fprintf(stderr, "https: %s; try --help\n", what);
  return what == NULL;
}

bool https_args_read(https_args *args, int argc, char **argv)
{
  *args = (https_args){.host = "127.0.0.1",
                       .port = 8443,
                       .tickets = 2,
                       .header_timeout_ms = 10000,
                       .idle_timeout_ms = 60000};
  for (int at = 1; at < argc;)
    if (!take(args, argc, argv, &at)) return false;
  return check(args);
}
