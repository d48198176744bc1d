/* ticket_fuzz.c - saved sessions and the tickets in them, damaged, against servers with
 * other keys, other rules and other versions.
 *
 * A session is resumed only under a ticket that the server itself gave; whatever became
 * of the saved bytes, the two either agree and talk, or one of them has failed with a
 * reason.                                                                              */
#include "cast.h"
#include "input.h"
#include "steady.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

enum { EDITS_MAX = 8, SAVED_MAX = 8192 };

typedef struct saved {
  uint8_t at[SAVED_MAX];
  size_t len;
} saved;

static void edit(saved *s, fuzz_input *in)
{
  if (s->len == 0) return;
  size_t at = input_word(in) % s->len, len;
  uint8_t how = input_byte(in), value = input_byte(in);
  switch (how % 4) {
  case 0:
    s->at[at] = value;
    return;
  case 1:
    s->at[at] ^= (uint8_t)(1u << value % 8);
    return;
  case 2:
    len = value < s->len - at ? value : s->len - at;
    const uint8_t *with = input_take(in, &len);
    memcpy(s->at + at, with, len);
    return;
  default:
    s->len = at;
  }
}

/* What a client brings along: honest, damaged or made up. */
static void choose(saved *s, fuzz_input *in, const cast_spec *earlier) FOAL_TURN;

static void choose(saved *s, fuzz_input *in, const cast_spec *earlier)
{
  const cast_bytes *had = cast_saved(earlier);
  s->len = 0;
  if (had != NULL && had->len <= SAVED_MAX) {
    memcpy(s->at, had->at, had->len);
    s->len = had->len;
  }
  unsigned edits = input_byte(in);
  if (edits >= 0xf0) {
    s->len = in->left < SAVED_MAX ? in->left : SAVED_MAX;
    memcpy(s->at, input_take(in, &s->len), s->len);
    return;
  }
  for (unsigned i = 0; i < edits % (EDITS_MAX + 1); i++) edit(s, in);
}

/* Whether the ticket in these bytes is the one of those. */
static bool same_ticket(const saved *a, const cast_bytes *b)
{
  const unsigned char *at = a->at, *bt = b == NULL ? NULL : b->at, *x, *y;
  size_t x_len = 0, y_len = 0;
  SSL_SESSION *one = d2i_SSL_SESSION(NULL, &at, (long)a->len);
  SSL_SESSION *two = b == NULL ? NULL : d2i_SSL_SESSION(NULL, &bt, (long)b->len);
  bool same = false;
  if (one != NULL && two != NULL) {
    SSL_SESSION_get0_ticket(one, &x, &x_len);
    SSL_SESSION_get0_ticket(two, &y, &y_len);
    same = x_len > 0 && x_len == y_len && memcmp(x, y, x_len) == 0;
  }
  SSL_SESSION_free(one);
  SSL_SESSION_free(two);
  ERR_clear_error();
  return same;
}

static bool talks(foal_ssl *from, foal_ssl *to) FOAL_TURN;

static bool talks(foal_ssl *from, foal_ssl *to)
{
  foal_buf *b;
  bool ok = foal_buf_from(&b, "hello", 5);
  if (!ok) abort();
  if (foal_ssl_write(from, &b) != FOAL_OK) return false;
  cast_pump(from, to);
  ok = foal_ssl_read(to, 5, &b);
  if (!ok) return false;
  ok = memcmp(foal_buf_data(b), "hello", 5) == 0;
  foal_buf_drop(&b);
  return ok;
}

static bool failed(const foal_ssl *s) FOAL_TURN;

static bool failed(const foal_ssl *s)
{
  return foal_ssl_error(s) != FOAL_OK && foal_ssl_reason(s)[0] != '\0';
}

static void meet(const cast_spec *now, const cast_spec *earlier, const saved *s)
    FOAL_TURN;

static void meet(const cast_spec *now, const cast_spec *earlier, const saved *s)
{
  foal_buf *b;
  foal_ssl_ctx *server_ctx = cast_server_ctx(now), *client_ctx = cast_client_ctx(now);
  const cast_bytes *honest = cast_saved(earlier);
  steady_begin(9);
  foal_ssl *server = foal_ssl_server(server_ctx);
  bool ok = foal_buf_from(&b, s->at, s->len);
  if (!ok) abort();
  foal_ssl *client = foal_ssl_client_resume(client_ctx, cast_host(now), b);
  foal_buf_drop(&b);
  promise(server != NULL && client != NULL && ERR_peek_error() == 0);
  cast_pump(client, server);
  promise(ERR_peek_error() == 0);
  /* Who resumes is who proved itself earlier, under the same rule. */
  bool resumed = foal_ssl_resumed(server);
  bool accepts = cast_server_accepts(resumed ? earlier : now) &&
                 cast_client_understands(now) && cast_server_understands(now);
  promise(!resumed || (same_ticket(s, honest) && now->want == earlier->want));
  promise(!resumed || !now->wrong_host); /* the saved sessions are of the right one */
  promise(!resumed || cast_server_accepts(earlier));
  if (failed(client) || failed(server)) {
    promise(!talks(client, server) || !talks(server, client));
  } else {
    promise(foal_ssl_resumed(client) == foal_ssl_resumed(server));
    promise(accepts);
    promise(talks(client, server) && talks(server, client));
  }
  foal_ssl_free(&server);
  foal_ssl_free(&client);
  promise(foal_ssl_live_count() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
  static saved s;
  fuzz_input in = {bytes, len};
  cast_turn();
  uint8_t first = input_byte(&in), second = input_byte(&in);
  cast_spec earlier = cast_read(first, second);
  first = input_byte(&in);
  second = input_byte(&in);
  cast_spec now = (second & 0x80) != 0 ? earlier : cast_read(first, second);
  choose(&s, &in, &earlier);
  meet(&now, &earlier, &s);
  return 0;
}
