/* rt_mesh.c - scenario `mesh`: actors on all workers send each other tokens at random,
 * in bursts, and every token must come once, in the order of its pair, and behind
 * everything that its sender knew of.
 *
 * Causal order: each node has a matrix of how many tokens it knows to have been sent
 * from whom to whom. A token remembers its sender's matrix. Whoever gets it must have
 * had all tokens to itself that the matrix counts, and knows from then on what it says.
 * Tokens lie in a table; messages carry their numbers. */
#include "scenarios.h"

#include "../../runtime/actor.h"

#include <string.h>

enum { NODES_MAX = 8, TOKENS_MAX = 600, BURST_MAX = 12 };

typedef struct matrix {
  uint16_t sent[NODES_MAX][NODES_MAX]; /* [from][to] */
} matrix;

typedef struct mesh_node {
  uint32_t me;
  uint32_t worker; /* of the first turn */
  uint16_t received[NODES_MAX];
  matrix knows;
} mesh_node;
FOAL_TAG(mesh_node)
FOAL_ACTOR(mesh_node)
FOAL_BEHAVIOUR1(mesh_node, begin, uint32_t, me)
FOAL_BEHAVIOUR1(mesh_node, token, uint32_t, number)

static struct {
  mesh_node_tag nodes[NODES_MAX];
  bool pinned[NODES_MAX];
  uint32_t count, sent, handled, limit;
  struct token {
    uint32_t from, to;
    bool came;
    matrix knows;
  } tokens[TOKENS_MAX];
} mesh;

static void send_token(mesh_node *self, uint32_t to)
{
  if (mesh.sent == mesh.limit) return;
  struct token *t = &mesh.tokens[mesh.sent];
  self->knows.sent[self->me][to]++;
  *t = (struct token){.from = self->me, .to = to, .knows = self->knows};
  mesh_node_token(mesh.nodes[to], mesh.sent++);
}

/* One token each, a burst to one, or one to everybody: so that news overtakes. */
static void send_some(mesh_node *self)
{
  uint32_t to = foal_sim_draw(mesh.count);
  switch (foal_sim_draw(8)) {
  case 0:
    for (uint32_t n = foal_sim_size(BURST_MAX); n > 0; n--) send_token(self, to);
    break;
  case 1:
    for (uint32_t i = 0; i < mesh.count; i++) send_token(self, i);
    break;
  case 2:
    send_token(self, to);
    send_token(self, foal_sim_draw(mesh.count));
    break;
  default:
    send_token(self, to);
    break;
  }
}

static void mesh_node_on_begin(mesh_node *self, uint32_t me)
{
  self->me = me;
  self->worker = foal_worker();
  send_some(self);
}

static void learn(mesh_node *self, const matrix *news)
{
  for (uint32_t from = 0; from < mesh.count; from++) {
    if (from != self->me && news->sent[from][self->me] > self->received[from]) {
      foal_sim_fail("node %u knows of a token of node %u that has not come", self->me,
                    from);
    }
    for (uint32_t to = 0; to < mesh.count; to++) {
      uint16_t *known = &self->knows.sent[from][to];
      if (news->sent[from][to] > *known) *known = news->sent[from][to];
    }
  }
}

static void mesh_node_on_token(mesh_node *self, uint32_t number)
{
  struct token *t = &mesh.tokens[number];
  FOAL_SIM_CHECK(number < mesh.sent && t->to == self->me && !t->came);
  FOAL_SIM_CHECK(!mesh.pinned[self->me] || self->worker == foal_worker());
  t->came = true;
  mesh.handled++;
  uint16_t place = ++self->received[t->from];
  if (t->knows.sent[t->from][self->me] != place) {
    foal_sim_fail("node %u gets token %u of node %u as number %u", self->me,
                  t->knows.sent[t->from][self->me], t->from, place);
  }
  learn(self, &t->knows);
  send_some(self);
}

static bool mesh_start(void)
{
  memset(&mesh, 0, sizeof mesh);
  mesh.count = 1 + foal_sim_size(NODES_MAX - 1);
  mesh.limit = foal_sim_size(TOKENS_MAX);
  for (uint32_t i = 0; i < mesh.count; i++) {
    uint32_t worker = foal_sim_draw(foal_workers());
    bool pinned = foal_sim_draw(3) == 0;
    mesh.pinned[i] = pinned;
    FOAL_SIM_CHECK(pinned ? mesh_node_spawn_pinned(&mesh.nodes[i], worker)
                          : mesh_node_spawn_on(&mesh.nodes[i], worker));
  }
  for (uint32_t i = 0; i < mesh.count; i++) mesh_node_begin(mesh.nodes[i], i);
  return true;
}

static void mesh_check(void)
{
  foal_counters c;
  FOAL_SIM_CHECK(mesh.handled == mesh.sent);
  for (uint32_t i = 0; i < mesh.sent; i++) FOAL_SIM_CHECK(mesh.tokens[i].came);
  foal_counters_read(&c);
  FOAL_SIM_CHECK(c.messages_dropped == 0);
  FOAL_SIM_CHECK(c.messages == (int64_t)(mesh.handled + mesh.count));
  if (c.mutes > 0) foal_sim_mark("mesh_muted");
  if (c.messages_remote > 0) foal_sim_mark("mesh_remote");
  if (c.parks > 8) foal_sim_mark("mesh_parked");
}

static const char *const mesh_marks[] = {"mesh_muted", "mesh_remote", "mesh_parked",
                                         NULL};
const foal_scenario rt_mesh = {
    .name = "mesh",
    .about = "tokens between actors of all workers, once each and in causal order",
    .start = mesh_start,
    .check = mesh_check,
    .marks = mesh_marks,
};

/* The same where any two atomic operations may change places. */
const foal_scenario baton_mesh = {
    .name = "baton_mesh",
    .about = "the mesh, with workers that interleave at every shared word",
    .start = mesh_start,
    .check = mesh_check,
    .options = {.workers = 3},
    .flags = FOAL_SIM_FINE,
};
