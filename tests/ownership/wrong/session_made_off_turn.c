/* A session is made in the turn of the actor that it will live in.
 *
 * expect clang: calling function 'foal_ssl_server' requires holding role 'foal_turn' */
#include "sink.h"

int main(void)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  if (ctx == NULL) return 1;
  return foal_ssl_server(ctx) != NULL;
}
