/* runtime_refusals.h - the calls between the parts of the runtime that end where memory
 * is, and those of the system that it asks for its processors; refused by
 * runtime_refuse_test.c, see refuse.h. One function a line, its name first:
 * tests/CMakeLists.txt reads it there. */
#ifndef FOAL_TESTS_UNIT_RUNTIME_REFUSALS_H
#define FOAL_TESTS_UNIT_RUNTIME_REFUSALS_H

#include "refuse.h"
#include "runtime/buf.h"
#include "runtime/impl/poller.h"
#include "runtime/impl/pool.h"

#include <sched.h>
#include <unistd.h>

REFUSE(foal__message, void *, (const foal_behaviour *b), (b), NULL)
REFUSE(foal__loose_message, foal_msg *, (void), (), NULL)
REFUSE(foal__timer_take, foal__timer *, (foal__worker * w), (w), NULL)
REFUSE(foal__slot_take, foal_actor *, (foal__worker * w, size_t n), (w, n), NULL)
REFUSE(foal__poller_work, bool, (foal__poller * p, foal__job *j), (p, j), false)
REFUSE(foal_buf_new, bool, (foal_buf * *b, size_t n), (b, n), false)
REFUSE(sched_getaffinity, int, (pid_t p, size_t n, cpu_set_t *o), (p, n, o), -1)
REFUSE(sysconf, long, (int n), (n), -1)

#endif
