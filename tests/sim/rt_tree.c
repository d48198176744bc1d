/* rt_tree.c - scenario `tree`: actors that make actors, and answers that come back.
 *
 * A tree of drawn depth and width: every inner node spawns children on drawn workers and
 * adds up what they report; leaves report 1, and ask a clerk first whether they may. The
 * root's sum must be the number of leaves. All end by themselves, at once or after a
 * while, so slots are used many times over. */
#include "scenarios.h"

#include "../../runtime/actor.h"

#include <string.h>

enum { WIDTH_MAX = 5, DEPTH_MAX = 4, LEAVES_MAX = 150, CLERKS_MAX = 3 };

FOAL_TAG(tree_node)

typedef struct tree_clerk {
  uint32_t asked;
} tree_clerk;
FOAL_TAG(tree_clerk)
FOAL_ACTOR(tree_clerk)
FOAL_BEHAVIOUR2(tree_clerk, may_i, tree_node_tag, from, uint32_t, number)

typedef struct tree_node {
  tree_node_tag parent;
  uint32_t depth, open, sum, number;
  bool is_root;
} tree_node;
FOAL_ACTOR(tree_node)
FOAL_BEHAVIOUR3(tree_node, grow, tree_node_tag, parent, uint32_t, depth, bool, is_root)
FOAL_BEHAVIOUR1(tree_node, you_may, uint32_t, number)
FOAL_BEHAVIOUR1(tree_node, report, uint32_t, sum)

static struct {
  tree_clerk_tag clerks[CLERKS_MAX];
  uint32_t clerk_count, leaves, asked, answered, result, nodes;
} tree;

static void tree_clerk_on_may_i(tree_clerk *self, tree_node_tag from, uint32_t number)
{
  self->asked++;
  tree.asked++;
  tree_node_you_may(from, number);
}

static void tell_parent(tree_node *self, uint32_t sum) FOAL_TURN;
static void tell_parent(tree_node *self, uint32_t sum)
{
  if (self->is_root) {
    tree.result = sum;
  } else {
    tree_node_report(self->parent, sum);
  }
  foal_actor_end(FOAL_ENDED);
}

static bool spawn_child(tree_node_tag *out)
{
  tree.nodes++;
  switch (foal_sim_draw(4)) {
  case 0:
    return tree_node_spawn_on(out, foal_sim_draw(foal_workers()));
  case 1:
    return tree_node_spawn_pinned(out, foal_sim_draw(foal_workers()));
  default:
    return tree_node_spawn(out);
  }
}

static void be_leaf(tree_node *self) FOAL_TURN;
static void be_leaf(tree_node *self)
{
  self->number = tree.leaves++;
  tree_clerk_may_i(tree.clerks[foal_sim_draw(tree.clerk_count)], tree_node_self(self),
                   self->number);
}

static void tree_node_on_grow(tree_node *self, tree_node_tag parent, uint32_t depth,
                              bool is_root)
{
  self->parent = parent;
  self->is_root = is_root;
  uint32_t width = 1 + foal_sim_draw(WIDTH_MAX);
  if (depth == 0 || tree.leaves + width > LEAVES_MAX) {
    be_leaf(self);
    return;
  }
  self->open = width;
  for (uint32_t i = 0; i < width; i++) {
    tree_node_tag child;
    FOAL_SIM_CHECK(spawn_child(&child));
    tree_node_grow(child, tree_node_self(self), depth - 1, false);
  }
}

static void tree_node_on_you_may(tree_node *self, uint32_t number)
{
  FOAL_SIM_CHECK(number == self->number);
  tree.answered++;
  tell_parent(self, 1);
}

static void tree_node_on_report(tree_node *self, uint32_t sum)
{
  FOAL_SIM_CHECK(self->open > 0);
  self->sum += sum;
  if (--self->open == 0) tell_parent(self, self->sum);
}

static bool tree_start(void)
{
  static const tree_node_tag nobody;
  tree_node_tag root;
  memset(&tree, 0, sizeof tree);
  tree.clerk_count = foal_sim_size(CLERKS_MAX);
  for (uint32_t i = 0; i < tree.clerk_count; i++) {
    FOAL_SIM_CHECK(tree_clerk_spawn_on(&tree.clerks[i], foal_sim_draw(foal_workers())));
  }
  FOAL_SIM_CHECK(tree_node_spawn_on(&root, foal_sim_draw(foal_workers())));
  tree_node_grow(root, nobody, foal_sim_size(DEPTH_MAX), true);
  return true;
}

static void tree_check(void)
{
  foal_counters c;
  foal_counters_read(&c);
  FOAL_SIM_CHECK(tree.result == tree.leaves && tree.leaves > 0);
  FOAL_SIM_CHECK(tree.asked == tree.leaves && tree.answered == tree.leaves);
  FOAL_SIM_CHECK(c.messages_dropped == 0);
  FOAL_SIM_CHECK(c.actors_spawned == (int64_t)(tree.nodes + 1 + tree.clerk_count));
  if (tree.leaves > 50 && c.messages_remote > 50) foal_sim_mark("tree_spread");
}

static const char *const tree_marks[] = {"tree_spread", NULL};
const foal_scenario rt_tree = {
    .name = "tree",
    .about = "actors that make actors; sums that come back",
    .start = tree_start,
    .check = tree_check,
    .marks = tree_marks,
};

const foal_scenario baton_tree = {
    .name = "baton_tree",
    .about = "spawning across workers, interleaving at every shared word",
    .start = tree_start,
    .check = tree_check,
    .options = {.workers = 3},
    .flags = FOAL_SIM_FINE,
};
