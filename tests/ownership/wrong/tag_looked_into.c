/* What a tag names cannot be looked into: its type is incomplete.
 *
 * expect clang: incomplete definition of type
 * expect gcc: invalid use of incomplete typedef */
#include "sink.h"

void run(sink_tag to)
{
  sink_count(to, to.any.slot_->done);
}
