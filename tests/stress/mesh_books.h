/* mesh_books.h - what the nodes of mesh.c note, and bytes that can be checked.
 *
 * Everybody writes the books, with relaxed additions; they are compared when a round is
 * over and no thread is left. */
#ifndef FOAL_TESTS_STRESS_MESH_BOOKS_H
#define FOAL_TESTS_STRESS_MESH_BOOKS_H

#include "../../runtime/buf.h"
#include "../../runtime/sched.h"

#include <stdatomic.h>
#include <stdint.h>

enum { BUF_BYTES_MAX = 9000 };

/* clang-format off */
#define BOOKS(X) \
  X(tokens_sent) X(tokens_done) X(bufs_sent) X(bufs_done) X(vals_sent) X(vals_done) \
  X(flies_made) X(flies_ended) X(fly_calls) X(fly_calls_done) X(watches) X(downs) \
  X(timers_armed) X(timers_rung) X(timers_cancelled) X(works_begun) X(works_done) \
  X(outside_sent) X(outside_done) X(stragglers) \
  X(spoiled) X(disordered) X(early) X(misplaced)
/* clang-format on */

#define FIELD_(name) _Atomic(int64_t) name;
typedef struct mesh_book {
  BOOKS(FIELD_)
} mesh_book;
extern mesh_book mesh_books;

/* Adds one. */
void mesh_note(_Atomic(int64_t) *book);

/* Says what is wrong; returns 1. */
int mesh_complain(const char *what);

/* How much is wrong after a round; less has to add up in one that was stopped. */
int mesh_balance(const foal_counters *c, bool stopped);

uint64_t mesh_random(uint64_t *seed);

/* Appends bytes that follow from the seed. */
void mesh_fill(foal_buf *b, uint64_t seed);

/* Notes when bytes are not such ones. */
void mesh_check(const uint8_t *bytes, size_t len);

#endif
