/* receipts.h - which pieces of what was written still owe their sender a receipt.
 *
 * A mark is where a piece ends in the stream of plaintext. `leaving` follows what was
 * given to the TCP actor, `left` what the system has taken; a mark at or before `left`
 * is done. Belongs to one connection, made by its first foal_conn_send; plain memory. */
#ifndef FOAL_NET_IMPL_RECEIPTS_H
#define FOAL_NET_IMPL_RECEIPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct foal__receipts foal__receipts;

/* Makes the book of a stream of which so many bytes still wait, behind a write that is on
 * its way or not. NULL: out of memory. */
foal__receipts *foal__receipts_new(size_t waiting, bool on_its_way)
    __attribute__((warn_unused_result));

/* Frees it; *receipts is NULL on return. NULL inside is ignored. */
void foal__receipts_drop(foal__receipts **receipts);

/* How many are owed. */
uint32_t foal__receipts_count(const foal__receipts *receipts);

/* Notes that so many bytes were accepted. */
void foal__receipts_written(foal__receipts *receipts, size_t bytes);

/* Owes one for the piece of so many bytes that is accepted next. false: out of memory,
 * nothing is owed. */
bool foal__receipts_owe(foal__receipts *receipts, size_t bytes, uint64_t token)
    __attribute__((warn_unused_result));

/* Notes that all but the last so many accepted bytes are on their way to the system. */
void foal__receipts_leaving(foal__receipts *receipts, size_t waiting);

/* Notes that the system has them. */
void foal__receipts_left(foal__receipts *receipts);

/* Whether foal__receipts_take gives one that has left. */
bool foal__receipts_due(const foal__receipts *receipts);

/* Takes the first one whose piece has left, or with `all` the first one. false: none. */
bool foal__receipts_take(foal__receipts *receipts, bool all, uint64_t *token)
    __attribute__((warn_unused_result));

#endif
