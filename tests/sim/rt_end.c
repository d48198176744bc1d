/* rt_end.c - scenarios of the end of a program.
 *
 * `work`: blocking work keeps it alive; every piece comes back once, with its bytes.
 * `guests`: threads that are no workers hold it, send, and let go, while the workers
 * come and go; what was sent under a hold is handled, what comes later is dropped. */
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/core.h"
#include "../../runtime/work.h"

#include <string.h>

enum {
  ASKERS_MAX = 5,
  WORKS_MAX = 40,
  WORK_BYTES_MAX = 2000,
  GUESTS_MAX = 3,
  GUEST_SENDS_MAX = 12,
};

/* ---- work ---- */

typedef struct asker {
  uint32_t left, open;
} asker;
FOAL_TAG(asker)
FOAL_ACTOR(asker)
FOAL_BEHAVIOUR1(asker, begin, uint32_t, pieces)
FOAL_WORK(asker, job)

static struct {
  uint32_t begun, ran, came, lost;
} works;

/* As the library does when the pool of threads takes no more. */
static void hold_for_a_moment(void)
{
  foal_hold();
  foal__release_later();
}

static void begin_job(asker *self) FOAL_TURN;
static void begin_job(asker *self)
{
  foal_buf *b;
  uint8_t bytes[WORK_BYTES_MAX];
  uint32_t len = 8 + foal_sim_draw(WORK_BYTES_MAX - 8), number = works.begun;
  foal_sim_stream(number, 0, bytes, len);
  memcpy(bytes, &number, sizeof number);
  self->left--;
  if (!foal_buf_from(&b, bytes, len)) return;
  works.begun++;
  self->open++;
  asker_job_start(self, &b);
}

static void asker_on_begin(asker *self, uint32_t pieces)
{
  self->left = pieces;
  for (uint32_t n = 1 + foal_sim_draw(3); n > 0 && self->left > 0; n--) begin_job(self);
}

static void asker_work_job(foal_buf **b)
{
  works.ran++;
  foal_buf_bytes(*b)[4] ^= 0x5a;
  foal_buf *other;
  if (foal_sim_draw(4) != 0) return;
  if (!foal_buf_from(&other, foal_buf_data(*b), foal_buf_len(*b))) return;
  foal_buf_swap(b, &other);
  foal_buf_drop(&other);
}

static void asker_on_job(asker *self, foal_buf **b)
{
  uint32_t number;
  uint8_t *bytes = foal_buf_bytes(*b);
  memcpy(&number, bytes, sizeof number);
  bytes[4] ^= 0x5a;
  FOAL_SIM_CHECK(number < works.begun && self->open > 0);
  FOAL_SIM_CHECK(foal_sim_stream_is(number, 4, bytes + 4, foal_buf_len(*b) - 4));
  foal_buf_drop(b);
  works.came++;
  self->open--;
  if (foal_sim_draw(4) == 0) hold_for_a_moment();
  while (self->left > 0 && self->open < 2) begin_job(self);
  if (self->left == 0 && foal_sim_draw(2) == 0) {
    works.lost += self->open;
    foal_actor_end(FOAL_ENDED);
  }
}

static bool work_start(void)
{
  memset(&works, 0, sizeof works);
  for (uint32_t n = foal_sim_size(ASKERS_MAX); n > 0; n--) {
    asker_tag a;
    if (!asker_spawn_on(&a, foal_sim_draw(foal_workers()))) return false;
    asker_begin(a, foal_sim_size(WORKS_MAX / ASKERS_MAX));
  }
  return true;
}

static void work_check(void)
{
  FOAL_SIM_CHECK(works.begun == works.ran);
  if (works.lost > 0) foal_sim_mark("work_for_nobody");
  FOAL_SIM_CHECK(works.came <= works.begun);
  foal_counters c;
  foal_counters_read(&c);
  if (c.messages_lost > 0 || foal_sim_status() != 0) return;
  FOAL_SIM_CHECK(works.begun == works.came + works.lost);
}

static const char *const work_marks[] = {"work_for_nobody", NULL};
const foal_scenario rt_work = {
    .name = "work",
    .about = "blocking work that comes back to actors, or to nobody",
    .start = work_start,
    .check = work_check,
    .marks = work_marks,
};

const foal_scenario rt_work_poor = {
    .name = "work_poor",
    .about = "blocking work when allocations fail",
    .start = work_start,
    .check = work_check,
    .flags = FOAL_SIM_MEMORY,
};

const foal_scenario baton_work = {
    .name = "baton_work",
    .about = "blocking work, interleaving at every shared word",
    .start = work_start,
    .check = work_check,
    .options = {.workers = 2},
    .flags = FOAL_SIM_FINE,
};

/* ---- guests ---- */

typedef struct host {
  uint32_t next[GUESTS_MAX];
} host;
FOAL_TAG(host)
FOAL_ACTOR(host)
FOAL_BEHAVIOUR2(host, visit, uint32_t, guest, uint32_t, number)
FOAL_BEHAVIOUR2(host, pass, uint32_t, guest, uint32_t, number)

static struct {
  host_tag hosts[2];
  uint32_t guests, promised, late, handled, due, passed;
  uint32_t numbers[GUESTS_MAX];
} house;

static void host_on_visit(host *self, uint32_t guest, uint32_t number)
{
  FOAL_SIM_CHECK(self->next[guest] <= number);
  self->next[guest] = number + 1;
  house.handled++;
  /* Unless all is over already, the turn is not: what it sends is handled, even if the
   * visit was a late one. */
  house.due += foal__load(&foal__rt.stopping, relaxed) == 0;
  host_pass(house.hosts[1 - number % 2], guest, number);
}

static void host_on_pass(host *self, uint32_t guest, uint32_t number)
{
  (void)self, (void)guest, (void)number;
  house.passed++;
}

static void visit(uint32_t guest)
{
  uint32_t number = house.numbers[guest]++;
  host_visit(house.hosts[number % 2], guest, number);
}

static void linger(void)
{
  for (uint32_t n = foal_sim_draw(4); n > 0; n--) foal_sim_pause();
}

/* Comes with a hold, sends, may hold once more, lets go, and knocks once more when the
 * program may be over. */
static void guest_run(void *arg)
{
  uint32_t guest = (uint32_t)(uintptr_t)arg;
  uint32_t sends = foal_sim_draw(GUEST_SENDS_MAX);
  foal_counters c;
  for (uint32_t i = 0; i < sends; i++) {
    linger();
    house.promised++;
    visit(guest);
  }
  if (foal_sim_draw(2) == 0) {
    foal_hold();
    linger();
    foal_release();
  }
  linger();
  foal_release();
  linger();
  if (foal_sim_draw(2) == 0) {
    house.late++;
    visit(guest);
  }
  foal_counters_read(&c);
}

static bool guests_start(void)
{
  memset(&house, 0, sizeof house);
  house.guests = foal_sim_size(GUESTS_MAX);
  for (int i = 0; i < 2; i++) {
    if (!host_spawn_on(&house.hosts[i], foal_sim_draw(foal_workers()))) return false;
  }
  for (uint32_t i = 0; i < house.guests; i++) {
    foal_hold();
    foal_sim_thread(guest_run, (void *)(uintptr_t)i);
  }
  return true;
}

static void guests_check(void)
{
  FOAL_SIM_CHECK(house.handled >= house.promised);
  FOAL_SIM_CHECK(house.handled <= house.promised + house.late);
  FOAL_SIM_CHECK(house.passed >= house.due && house.passed <= house.handled);
  if (house.handled < house.promised + house.late) foal_sim_mark("guests_too_late");
  if (house.handled > house.promised) foal_sim_mark("guests_just_in_time");
}

static const char *const guests_marks[] = {"guests_too_late", "guests_just_in_time",
                                           NULL};
const foal_scenario rt_guests = {
    .name = "guests",
    .about = "threads that hold, send and let go",
    .start = guests_start,
    .check = guests_check,
    .marks = guests_marks,
};

const foal_scenario baton_guests = {
    .name = "baton_guests",
    .about = "threads that hold, send and let go, interleaving at every shared word",
    .start = guests_start,
    .check = guests_check,
    .options = {.workers = 2},
    .flags = FOAL_SIM_FINE,
};
