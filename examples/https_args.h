/* https_args.h - the command line of the HTTPS example.
 *
 * Zero or NULL in a field means that the option was not given and its default applies. */
#ifndef HTTPS_ARGS_H
#define HTTPS_ARGS_H

#include <foal.h>

typedef struct https_args {
  const char *host;
  const char *cert;
  const char *key;
  const char *root;
  const char *ciphers;
  const char *suites;
  const char *ticket_keys;
  const char *client_ca;
  const char *client_cert;
  uint64_t port;
  uint64_t workers;
  uint64_t tickets;
  uint64_t header_timeout_ms;
  uint64_t idle_timeout_ms;
  uint64_t max_body;
  uint64_t max_connections;
  bool echo;
  bool access_log;
  bool help;
} https_args;

/** Reads the command line into args, defaults first. "--name value" and "--name=value".
 *  args   out; its texts point into argv
 *  argc, argv   borrowed
 *  returns false: a line on standard error says what is wrong
 *  runs   anywhere */
bool https_args_read(https_args *args, int argc, char **argv);

/** Prints all options with their meaning.
 *  runs   anywhere */
void https_args_help(void);

#endif
