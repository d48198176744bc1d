/* A struct that owns a buffer inside one function, and helpers that name the member.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

static bool write_letter(struct letter *l, uint32_t number) FOAL_MAKES(l->text);
static void sign_letter(struct letter *l) FOAL_USES(l->text);
static void post_letter(sink_tag to, struct letter *l) FOAL_TAKES(l->text);

static bool write_letter(struct letter *l, uint32_t number)
{
  l->number = number;
  return foal_buf_new(&l->text, 256);
}

static void sign_letter(struct letter *l)
{
  foal_buf_append(l->text, "yours", 5);
}

static void post_letter(sink_tag to, struct letter *l)
{
  sink_put(to, &l->text);
}

void run(sink_tag to)
{
  struct letter l;
  if (!write_letter(&l, 7)) return;
  sign_letter(&l);
  if (l.number == 7) sink_stamp(l.text);
  post_letter(to, &l);
}
