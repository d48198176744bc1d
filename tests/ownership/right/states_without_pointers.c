/* A protocol in states: a switch that calls helpers with attributes, not a table of
 * function pointers.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef enum phase { PHASE_HEAD, PHASE_BODY, PHASE_DONE } phase;
typedef struct parser {
  phase now FOAL_REF;
  sink_tag next;
} parser;
FOAL_TAG(parser)
FOAL_ACTOR(parser)
FOAL_BEHAVIOUR_ISO(parser, parse)

static void parse_head(parser *self, foal_buf **b) FOAL_TURN FOAL_TAKES(*b);
static void parse_body(parser *self, foal_buf **b) FOAL_TURN FOAL_TAKES(*b);

static void parser_on_parse(parser *self, foal_buf **b)
{
  switch (self->now) {
  case PHASE_HEAD:
    parse_head(self, b);
    return;
  case PHASE_BODY:
    parse_body(self, b);
    return;
  case PHASE_DONE:
    break;
  }
  foal_buf_drop(b);
}

static void parse_head(parser *self, foal_buf **b)
{
  size_t used = foal_buf_len(*b) < 4 ? foal_buf_len(*b) : 4;
  foal_buf_consume(*b, used);
  self->now = PHASE_BODY;
  parse_body(self, b);
}

static void parse_body(parser *self, foal_buf **b)
{
  if (foal_buf_len(*b) == 0) self->now = PHASE_DONE;
  sink_put(self->next, b);
}
