/* rt_bytes.c - scenario `bytes`: every operation on buffers, slots and queues, at random,
 * against what a simple model says.
 *
 * One actor owns a few buffers and a queue. The model knows of each buffer which part of
 * which stream it holds: so each byte is checked after each step, and every length, room
 * and bound. Secrets are filled with one byte; when they are dropped, no new buffer may
 * show it. */
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../runtime/bufq.h"

#include <string.h>

enum {
  STEPS_MAX = 300,
  QUEUE = 8,
  BYTES_MAX = 1500,
  BOUND_MAX = 3000,
  SECRET = 0xC7,
  SECRET_RUN = 24,
};

typedef struct piece {
  uint32_t stream, at, len;
} piece;

typedef struct bytes_owner {
  foal_slot slot;
  foal_bufq queue;
} bytes_owner;
FOAL_TAG(bytes_owner)
FOAL_ACTOR_WITH_END(bytes_owner)
FOAL_BEHAVIOUR0(bytes_owner, step)

static struct {
  uint32_t streams, steps, steps_max, count;
  size_t bound;
  bool full;
  piece slot, queue[QUEUE];
} model;

static void check_piece(const foal_buf *b, piece p) FOAL_READS(b);
static void check_piece(const foal_buf *b, piece p)
{
  FOAL_SIM_CHECK(foal_buf_len(b) == p.len);
  FOAL_SIM_CHECK(foal_sim_stream_is(p.stream, p.at, foal_buf_data(b), p.len));
}

static void no_secret_in(foal_buf *b) FOAL_USES(b);
static void no_secret_in(foal_buf *b)
{
  const uint8_t *bytes = foal_buf_tail(b);
  size_t room = foal_buf_room(b), run = 0;
  for (size_t i = 0; i < room; i++) {
    run = bytes[i] == SECRET ? run + 1 : 0;
    if (run == SECRET_RUN) foal_sim_fail("a new buffer shows what was secret");
  }
}

/* Appends the next part of its stream: by append, or by hand; as much as fits. */
static void fill(foal_buf *b, piece *p) FOAL_USES(b);
static void fill(foal_buf *b, piece *p)
{
  uint8_t bytes[BYTES_MAX];
  size_t room = foal_buf_room(b), want = foal_sim_draw(BYTES_MAX);
  foal_sim_stream(p->stream, p->at + p->len, bytes, want);
  size_t fits = want < room ? want : room;
  if (foal_sim_draw(2) == 0) {
    FOAL_SIM_CHECK(foal_buf_append(b, bytes, want) == fits);
  } else {
    memcpy(foal_buf_tail(b), bytes, fits);
    foal_buf_extend(b, fits);
  }
  p->len += (uint32_t)fits;
  FOAL_SIM_CHECK(foal_buf_room(b) == room - fits);
}

static void cut(foal_buf *b, piece *p) FOAL_USES(b);
static void cut(foal_buf *b, piece *p)
{
  size_t room = foal_buf_room(b);
  uint32_t len = foal_sim_draw(3) == 0 ? p->len : foal_sim_draw(p->len + 1);
  if (foal_sim_draw(2) == 0) {
    foal_buf_truncate(b, p->len - len);
    p->len -= len;
    FOAL_SIM_CHECK(foal_buf_room(b) == room + len);
    return;
  }
  foal_buf_consume(b, len);
  p->at += len;
  p->len -= len;
  /* An empty one has all of its room again. */
  FOAL_SIM_CHECK(p->len == 0 ? foal_buf_room(b) >= room + len : foal_buf_room(b) == room);
}

static void keep_secret(void)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 1 + foal_sim_draw(BYTES_MAX))) return;
  size_t room = foal_buf_room(b);
  foal_buf_mark_secret(b);
  memset(foal_buf_tail(b), SECRET, room);
  foal_buf_extend(b, room);
  foal_buf_consume(b, foal_sim_draw((uint32_t)room));
  if (foal_sim_draw(2) == 0) foal_buf_truncate(b, 0);
  foal_buf_drop(&b);
}

static bool have_piece(foal_buf **out, piece *p) FOAL_MAKES(*out);
static bool have_piece(foal_buf **out, piece *p)
{
  uint32_t capacity = 1 + foal_sim_draw(BYTES_MAX);
  *p = (piece){.stream = ++model.streams};
  if (!foal_buf_new(out, capacity)) return false;
  FOAL_SIM_CHECK(foal_buf_len(*out) == 0 && foal_buf_room(*out) >= capacity);
  no_secret_in(*out);
  return true;
}

/* ---- steps ---- */

static void put_in_slot(bytes_owner *self)
{
  foal_buf *b;
  piece p;
  if (!have_piece(&b, &p)) return;
  fill(b, &p);
  foal_slot_put(&self->slot, &b);
  model.slot = p;
  model.full = true;
}

static void knead(bytes_owner *self)
{
  foal_buf *b, *head;
  FOAL_SIM_CHECK(foal_slot_full(&self->slot) == model.full);
  bool taken = foal_slot_take(&self->slot, &b);
  FOAL_SIM_CHECK(taken == model.full);
  if (!taken) return;
  piece *p = &model.slot;
  fill(b, p);
  cut(b, p);
  check_piece(b, *p);
  piece first = *p;
  first.len = foal_sim_draw(p->len + 1);
  if (foal_sim_draw(3) == 0 && foal_buf_split(b, first.len, &head)) {
    p->at += first.len;
    p->len -= first.len;
    check_piece(head, first);
    check_piece(b, *p);
    foal_buf_drop(&head);
  }
  foal_slot_put(&self->slot, &b);
}

static size_t queued(void)
{
  size_t bytes = 0;
  for (uint32_t i = 0; i < model.count; i++) bytes += model.queue[i].len;
  return bytes;
}

static void enqueue(bytes_owner *self, bool back)
{
  foal_buf *b;
  piece p;
  bool room = back || foal_bufq_room(&self->queue) > 0;
  if (model.count == QUEUE || !room || !have_piece(&b, &p)) return;
  fill(b, &p);
  if (back) {
    foal_bufq_put_back(&self->queue, &b);
    memmove(model.queue + 1, model.queue, model.count * sizeof p);
    model.queue[0] = p;
  } else {
    foal_bufq_put(&self->queue, &b);
    model.queue[model.count] = p;
  }
  model.count++;
}

static void dequeue(bytes_owner *self)
{
  foal_buf *b;
  bool taken = foal_bufq_take(&self->queue, &b);
  FOAL_SIM_CHECK(taken == (model.count > 0));
  if (!taken) return;
  check_piece(b, model.queue[0]);
  model.count--;
  memmove(model.queue, model.queue + 1, model.count * sizeof model.queue[0]);
  foal_buf_drop(&b);
}

static void share(void)
{
  foal_buf *b;
  foal_val *v, *copy;
  piece p;
  if (!have_piece(&b, &p)) return;
  fill(b, &p);
  cut(b, &p);
  foal_buf_freeze(&b, &v);
  foal_val_share(v, &copy);
  foal_val_drop(&v);
  FOAL_SIM_CHECK(foal_val_len(copy) == p.len);
  FOAL_SIM_CHECK(foal_sim_stream_is(p.stream, p.at, foal_val_data(copy), p.len));
  foal_val_drop(&copy);
}

static void check_queue(const bytes_owner *self)
{
  size_t bytes = queued(), room = model.bound > bytes ? model.bound - bytes : 0;
  FOAL_SIM_CHECK(foal_bufq_bytes(&self->queue) == bytes);
  FOAL_SIM_CHECK(foal_bufq_count(&self->queue) == model.count);
  FOAL_SIM_CHECK(foal_bufq_room(&self->queue) == (model.bound == 0 ? SIZE_MAX : room));
}

static void bytes_owner_on_step(bytes_owner *self)
{
  switch (foal_sim_draw(8)) {
  case 0:
    put_in_slot(self);
    break;
  case 1:
    model.bound = foal_sim_draw(BOUND_MAX);
    foal_bufq_bound(&self->queue, model.bound);
    break;
  case 2:
    keep_secret();
    break;
  case 3:
    share();
    break;
  case 4:
    dequeue(self);
    break;
  case 5:
  case 6:
    enqueue(self, foal_sim_draw(2) == 0);
    break;
  default:
    knead(self);
    break;
  }
  check_queue(self);
  if (++model.steps < model.steps_max) bytes_owner_step(bytes_owner_self(self));
}

static void bytes_owner_on_end(bytes_owner *self)
{
  foal_slot_clear(&self->slot);
  foal_bufq_clear(&self->queue);
  FOAL_SIM_CHECK(foal_bufq_bytes(&self->queue) == 0);
}

static bool bytes_start(void)
{
  bytes_owner_tag owner;
  memset(&model, 0, sizeof model);
  model.steps_max = foal_sim_size(STEPS_MAX);
  if (!bytes_owner_spawn(&owner)) return false;
  bytes_owner_step(owner);
  return true;
}

const foal_scenario rt_bytes = {
    .name = "bytes",
    .about = "buffers, slots and queues, against what they should hold",
    .start = bytes_start,
    .options = {.workers = 1},
};
