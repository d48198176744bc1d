/* chat_main.c - a chat server over TLS.
 *
 *    chat PORT CERT KEY      0 as PORT takes any free one
 *    openssl s_client -connect localhost:PORT -quiet
 *
 * The first line is your name. */
#include "chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
  foal_options options = {0};
  chat_options chat = {.listen = {.ctx = foal_ssl_ctx_new()}};
  foal_listener listener;
  if (foal_options_from(&options, &argc, argv) != FOAL_OK) return 2;
  if (argc != 4 || !foal_port_from(argv[1], &chat.listen.port)) {
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    fprintf(help ? stdout : stderr, "usage: %s PORT CERT KEY (PEM files)\n", argv[0]);
    foal_ssl_ctx_drop(&chat.listen.ctx);
    return help ? EXIT_SUCCESS : 2;
  }
  if (chat.listen.ctx == NULL || foal_start(&options) != FOAL_OK) return EXIT_FAILURE;
  foal_err err = foal_ssl_ctx_use_cert(chat.listen.ctx, argv[2], argv[3]);
  if (err != FOAL_OK) fprintf(stderr, "%s\n", foal_ssl_ctx_detail(chat.listen.ctx));
  if (err == FOAL_OK) err = chat_open(&chat, &listener);
  foal_ssl_ctx_drop(&chat.listen.ctx);
  if (err != FOAL_OK) {
    fprintf(stderr, "%s: %s\n", argv[0], foal_err_text(err));
    foal_stop(EXIT_FAILURE);
    return foal_run();
  }
  printf("listening on port %u\n", listener.port);
  fflush(stdout);
  return foal_run();
}
