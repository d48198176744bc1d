/* main is nobody's turn: there is no actor to end.
 *
 * expect clang: calling function 'foal_actor_end' requires holding role 'foal_turn' */
#include "sink.h"

int main(void)
{
  if (foal_start(NULL) != FOAL_OK) return 1;
  foal_actor_end(FOAL_ENDED);
  return foal_run();
}
