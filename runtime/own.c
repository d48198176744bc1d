/* own.c - the two roles of own.h; they exist for the checker and are never touched. */
#include "own.h"

struct foal_role foal_turn;
struct foal_role foal_loop;
