/* A question with the tag of who asks, an answer with a buffer.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

FOAL_TAG(asker)
typedef struct library {
  uint32_t asked;
} library;
FOAL_TAG(library)
FOAL_ACTOR(library)
FOAL_SEND_ISO(asker, answer)
FOAL_BEHAVIOUR2(library, ask, uint32_t, page, asker_tag, who)

typedef struct asker {
  uint64_t bytes FOAL_REF;
} asker;
FOAL_ACTOR(asker)
FOAL_HANDLE_ISO(asker, answer)
FOAL_BEHAVIOUR1(asker, go, library_tag, where)

static void library_on_ask(library *self, uint32_t page, asker_tag who)
{
  foal_buf *b;
  self->asked++;
  if (foal_buf_from(&b, &page, sizeof page)) asker_answer(who, &b);
}

static void asker_on_go(asker *self, library_tag where)
{
  library_ask(where, 42, asker_self(self));
}

static void asker_on_answer(asker *self, foal_buf **b)
{
  self->bytes += foal_buf_len(*b);
  foal_buf_drop(b);
}
