/* Everything that can be an argument: numbers, enums, booleans, structs, tags, timers.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct point {
  double x;
  double y;
} point;
typedef enum colour { COLOUR_RED, COLOUR_BLUE } colour;
typedef struct canvas {
  point last;
  colour ink;
} canvas;
FOAL_TAG(canvas)
FOAL_ACTOR(canvas)
FOAL_BEHAVIOUR3(canvas, draw, point, from, point, to, colour, ink)
FOAL_BEHAVIOUR3(canvas, mark, float, size, char, letter, bool, bold)
FOAL_BEHAVIOUR2(canvas, share, canvas_tag, other, foal_listener, door)
FOAL_BEHAVIOUR_ISO1(canvas, paste, point, where)

static void canvas_on_draw(canvas *self, point from, point to, colour ink)
{
  self->last = from.x < to.x ? to : from;
  self->ink = ink;
}

static void canvas_on_mark(canvas *self, float size, char letter, bool bold)
{
  self->last.x += (double)size + (bold ? 1 : 0);
  self->last.y += letter;
}

static void canvas_on_share(canvas *self, canvas_tag other, foal_listener door)
{
  canvas_draw(other, self->last, self->last, self->ink);
  foal_listener_close(door);
}

static void canvas_on_paste(canvas *self, foal_buf **b, point where)
{
  self->last = where;
  foal_buf_drop(b);
}
