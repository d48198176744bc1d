/* crowds.cpp - many actors. */
#include "round.h"

#include <vector>

namespace
{

using caf::actor;
using caf::behavior;

constexpr uint64_t FORKS = 60, CROWD = 120, BATCH = 256, COARSE = 64, COARSE_NS = 50000;

struct fork_state {
  double x = 1.5;
  uint64_t left = 0;
};

behavior fork_worker(caf::stateful_actor<fork_state> *self, uint64_t count)
{
  self->state.left = count;
  return {
      [=](go_atom) {
        double x = self->state.x;
        for (int i = 0; i < 8; i++) x = x * 1.0000001 + 0.5;
        self->state.x = x;
        if (--self->state.left > 0) return;
        arrive();
        self->quit();
      },
  };
}

behavior forker(caf::stateful_actor<count_state> *self, std::vector<actor> workers,
                uint64_t count)
{
  self->state.left = count;
  return {
      [=](go_atom) {
        uint64_t &left = self->state.left;
        for (int i = 0; i < 20 && left > 0; i++, left--) {
          for (auto &w : workers) self->send(w, go_atom::value);
        }
        if (left > 0)
          self->send(self, go_atom::value);
        else
          self->quit();
      },
  };
}

void fjthrput(caf::actor_system &system)
{
  std::vector<actor> workers;
  now_round.left = FORKS;
  for (uint64_t i = 0; i < FORKS; i++)
    workers.push_back(system.spawn(fork_worker, now_round.ops / FORKS));
  actor f = system.spawn(forker, workers, now_round.ops / FORKS);
  start_clock();
  caf::anon_send(f, go_atom::value);
}

std::vector<actor> guests;

struct guest_state {
  uint64_t left = 0, random = 0;
};

behavior guest(caf::stateful_actor<guest_state> *self, uint64_t count, uint64_t seed)
{
  self->state.left = count;
  self->state.random = seed;
  return {
      [=](ask_atom, const actor &who) { self->send(who, answer_atom::value); },
      [=](answer_atom) {
        if (self->state.left == 0) {
          arrive();
          return;
        }
        self->state.left--;
        uint64_t &random = self->state.random;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self->send(guests[random % CROWD], ask_atom::value, caf::actor_cast<actor>(self));
      },
      [=](stop_atom) { self->quit(); },
  };
}

void big(caf::actor_system &system)
{
  now_round.left = CROWD;
  for (uint64_t i = 0; i < CROWD; i++)
    guests.push_back(
        system.spawn(guest, now_round.ops / (2 * CROWD), (i + 1) * 0x9E3779B97F4A7C15u));
  start_clock();
  for (auto &g : guests) caf::anon_send(g, answer_atom::value);
}

void big_after()
{
  for (auto &g : guests) caf::anon_send(g, stop_atom::value);
  guests.clear();
}

struct idler_state {
  uint64_t state = 0;
};

behavior idler(caf::stateful_actor<idler_state> *self)
{
  return {
      [=](hit_atom, bool end) {
        self->state.state = 1;
        if (end) self->quit();
        arrive();
      },
  };
}

std::vector<actor> kept; /* who is not named by anybody does not stay */

behavior maker(caf::stateful_actor<count_state> *self, uint64_t count, bool end)
{
  self->state.left = count;
  return {
      [=](go_atom) {
        uint64_t &left = self->state.left;
        for (uint64_t i = 0; i < BATCH && left > 0; i++, left--) {
          actor a = self->spawn(idler);
          self->send(a, hit_atom::value, end);
          if (!end) kept.push_back(a);
        }
        if (left > 0)
          self->send(self, go_atom::value);
        else
          self->quit();
      },
  };
}

void make(caf::actor_system &system, bool end)
{
  now_round.left = now_round.ops;
  if (!end) kept.reserve(now_round.ops);
  actor m = system.spawn(maker, now_round.ops, end);
  start_clock();
  caf::anon_send(m, go_atom::value);
}

void fjcreate(caf::actor_system &system)
{
  make(system, true);
}

void memory(caf::actor_system &system)
{
  make(system, false);
}

void memory_after()
{
  for (auto &a : kept) caf::anon_send_exit(a, caf::exit_reason::user_shutdown);
  kept.clear();
}

struct node_state {
  uint64_t sum = 0;
  int missing = 10;
};

void pass_up(caf::event_based_actor *self, const actor &parent, uint64_t sum)
{
  if (parent)
    self->send(parent, sum);
  else
    finished(sum);
  self->quit();
}

behavior node(caf::stateful_actor<node_state> *self, actor parent)
{
  return {
      [=](go_atom, uint64_t first, uint64_t leaves) {
        if (leaves == 1) {
          pass_up(self, parent, first);
          return;
        }
        for (uint64_t i = 0; i < 10; i++) {
          actor child = self->spawn(node, caf::actor_cast<actor>(self));
          self->send(child, go_atom::value, first + i * (leaves / 10), leaves / 10);
        }
      },
      [=](uint64_t sum) {
        self->state.sum += sum;
        if (--self->state.missing == 0) pass_up(self, parent, self->state.sum);
      },
  };
}

void skynet(caf::actor_system &system)
{
  actor root = system.spawn(node, actor{});
  start_clock();
  caf::anon_send(root, go_atom::value, uint64_t{0}, now_round.ops);
}

behavior digger(caf::stateful_actor<count_state> *self, uint64_t count)
{
  self->state.left = count;
  return {
      [=](go_atom) {
        work_for(COARSE_NS);
        if (--self->state.left > 0) return;
        arrive();
        self->quit();
      },
  };
}

void coarse(caf::actor_system &system)
{
  std::vector<actor> diggers;
  now_round.left = COARSE;
  for (uint64_t i = 0; i < COARSE; i++)
    diggers.push_back(system.spawn(digger, now_round.ops / COARSE));
  start_clock();
  for (uint64_t k = 0; k < now_round.ops / COARSE; k++) {
    for (auto &d : diggers) caf::anon_send(d, go_atom::value);
  }
}

uint64_t sum_below(uint64_t ops)
{
  return ops * (ops - 1) / 2;
}

} // namespace

const bench crowds[] = {
    {"fjthrput", "message", fjthrput, 6000, FORKS, false, false, "1,2", NS_PER_OP,
     nullptr, nullptr},
    {"big", "message", big, 24000, 2 * CROWD, false, false, "1,2", NS_PER_OP, nullptr,
     big_after},
    {"fjcreate", "actor", fjcreate, 2000, 1, false, false, "1,2", NS_PER_OP, nullptr,
     nullptr},
    {"skynet", "leaf", skynet, 100000, 1, true, false, "1,2", NS_PER_OP, sum_below,
     nullptr},
    {"coarse", "message", coarse, COARSE, COARSE, false, false, "1,2", NS_PER_OP, nullptr,
     nullptr},
    {"memory", "actor", memory, 100000, 1, true, true, "1", BYTES_PER_OP, nullptr,
     memory_after},
    {},
};
