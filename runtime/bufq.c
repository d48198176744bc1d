/* bufq.c - slots and queues of isos. A queue links buffers through their message
 * heads, so queueing allocates nothing. */
#include "bufq.h"

#include "impl/assert.h"
#include "impl/buf_head.h"

static foal_buf *next_of(const foal_buf *b)
{
  return (foal_buf *)(void *)b->msg.next_;
}

/* Out of line: a slot is hardly ever full, and to drop needs a frame on the stack. */
static __attribute__((noinline)) void make_way(foal_slot *s)
{
  foal_slot_clear(s);
}

FOAL_TRUSTED void foal_slot_put(foal_slot *s, foal_buf **b)
{
  foal_assert(s != NULL && b != NULL && *b != NULL);
  if (s->held_ != NULL) make_way(s);
  s->held_ = *b;
  *b = NULL;
}

FOAL_TRUSTED bool foal_slot_take(foal_slot *s, foal_buf **out)
{
  foal_assert(s != NULL && out != NULL);
  if (s->held_ == NULL) return false;
  *out = s->held_;
  s->held_ = NULL;
  return true;
}

bool foal_slot_full(const foal_slot *s)
{
  foal_assert(s != NULL);
  return s->held_ != NULL;
}

void foal_slot_clear(foal_slot *s)
{
  foal_buf *old;
  if (foal_slot_take(s, &old)) foal_buf_drop(&old);
}

void foal_bufq_bound(foal_bufq *q, size_t bytes_max)
{
  foal_assert(q != NULL);
  q->bytes_max_ = bytes_max < UINT32_MAX ? (uint32_t)bytes_max : UINT32_MAX;
}

size_t foal_bufq_room(const foal_bufq *q)
{
  foal_assert(q != NULL);
  if (q->bytes_max_ == 0) return SIZE_MAX;
  return q->bytes_ < q->bytes_max_ ? q->bytes_max_ - q->bytes_ : 0;
}

FOAL_TRUSTED void foal_bufq_put(foal_bufq *q, foal_buf **b)
{
  foal_assert(b != NULL && *b != NULL);
  foal_assert(foal_bufq_room(q) > 0);
  size_t len = foal_buf_len(*b);
  (*b)->msg.next_ = NULL;
  if (q->tail_ != NULL) {
    q->tail_->msg.next_ = &(*b)->msg;
  } else {
    q->head_ = *b;
  }
  q->tail_ = *b;
  q->bytes_ += len;
  q->count_++;
  *b = NULL;
}

FOAL_TRUSTED void foal_bufq_put_back(foal_bufq *q, foal_buf **b)
{
  foal_assert(q != NULL && b != NULL && *b != NULL);
  size_t len = foal_buf_len(*b);
  (*b)->msg.next_ = q->head_ != NULL ? &q->head_->msg : NULL;
  if (q->tail_ == NULL) q->tail_ = *b;
  q->head_ = *b;
  q->bytes_ += len;
  q->count_++;
  *b = NULL;
}

FOAL_TRUSTED bool foal_bufq_take(foal_bufq *q, foal_buf **out)
{
  foal_assert(q != NULL && out != NULL);
  foal_buf *b = q->head_;
  if (b == NULL) return false;
  q->head_ = next_of(b);
  if (q->head_ == NULL) q->tail_ = NULL;
  foal_assert(q->count_ > 0 && q->bytes_ >= b->len);
  q->bytes_ -= b->len;
  q->count_--;
  *out = b;
  return true;
}

size_t foal_bufq_bytes(const foal_bufq *q)
{
  foal_assert(q != NULL);
  return q->bytes_;
}

size_t foal_bufq_count(const foal_bufq *q)
{
  foal_assert(q != NULL);
  return q->count_;
}

void foal_bufq_clear(foal_bufq *q)
{
  foal_buf *b;
  while (foal_bufq_take(q, &b)) foal_buf_drop(&b);
}
