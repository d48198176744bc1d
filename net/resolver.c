/* resolver.c - names and numeric addresses, answered the same way. Holds no state. */
#include "impl/resolver.h"

#include "../runtime/impl/assert.h"

#include <string.h>

bool foal__resolve(const char *host, uint16_t port, foal_tag to,
                   const foal_behaviour *done)
{
  foal__addr addr;
  foal_buf *b;
  foal_assert(host != NULL && done != NULL);
  if (!foal__addr_parse(&addr, host, port)) {
    return foal__transport_lookup(host, port, to, done);
  }
  if (!foal_buf_from(&b, &addr, sizeof addr)) return false;
  foal__post_buf(to, done, &b);
  return true;
}

uint32_t foal__resolved(const foal_buf *b, foal__addr out[FOAL__LOOKUP_ADDRS_MAX])
{
  size_t count = foal_buf_len(b) / sizeof out[0];
  foal_assert(count * sizeof out[0] == foal_buf_len(b));
  foal_assert(count <= FOAL__LOOKUP_ADDRS_MAX);
  memcpy(out, foal_buf_data(b), count * sizeof out[0]);
  return (uint32_t)count;
}
