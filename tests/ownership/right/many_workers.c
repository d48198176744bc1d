/* Actors on named workers, pinned ones, and the tags of all of them kept in an array.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

enum { CREW = 4 };
typedef struct miner {
  uint64_t found;
} miner;
FOAL_TAG(miner)
FOAL_ACTOR(miner)
FOAL_BEHAVIOUR1(miner, dig, uint64_t, depth)

static void miner_on_dig(miner *self, uint64_t depth)
{
  self->found += depth;
}

int main(int argc, char **argv)
{
  foal_options options = {0, 0, 0, 0, 0, 0, false, false};
  miner_tag crew[CREW];
  if (foal_options_from(&options, &argc, argv) != FOAL_OK) return 2;
  if (foal_start(&options) != FOAL_OK) return 1;
  for (uint32_t i = 0; i < CREW; i++) {
    bool made = i == 0 ? miner_spawn_pinned(&crew[i], 0)
                       : miner_spawn_on(&crew[i], i % foal_workers());
    if (!made) return 1;
  }
  for (uint32_t i = 0; i < CREW; i++) miner_dig(crew[i], i);
  foal_actor_tell_end(crew[0].any, FOAL_TOLD_TO_END);
  return foal_run();
}
