/* talks.cpp - few actors and many messages; buffers, which are vectors that are moved;
 * too much at once, and nothing for a long time. */
#include "round.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

namespace
{

using caf::actor;
using caf::behavior;

constexpr uint64_t SLICE = 1000, PRODUCERS = 8, RING = 1000, WINDOW = 16;
constexpr uint64_t TAKES_NS = 100;

struct player_state {
  actor other;
  uint64_t left;
};

behavior player(caf::stateful_actor<player_state> *self)
{
  return {
      [=](go_atom, const actor &other, uint64_t left) {
        self->state = {other, left};
      },
      [=](hit_atom) {
        if (self->state.left-- > 0) {
          self->send(self->state.other, hit_atom::value);
          return;
        }
        finished();
        self->send(self->state.other, stop_atom::value);
        self->quit();
      },
      [=](stop_atom) { self->quit(); },
  };
}

void pingpong(caf::actor_system &system)
{
  actor a = system.spawn(player), b = system.spawn(player);
  caf::anon_send(a, go_atom::value, b, now_round.ops / 2);
  caf::anon_send(b, go_atom::value, a, now_round.ops / 2);
  start_clock();
  caf::anon_send(a, hit_atom::value);
}

struct counter_state {
  uint64_t total = 0, producers = 0;
};

behavior counter(caf::stateful_actor<counter_state> *self, uint64_t producers)
{
  self->state.producers = producers;
  return {
      [=](uint64_t amount) { self->state.total += amount; },
      [=](done_atom) {
        if (--self->state.producers > 0) return;
        finished(self->state.total);
        self->quit();
      },
  };
}

behavior producer(caf::stateful_actor<count_state> *self, actor to, uint64_t count)
{
  self->state.left = count;
  return {
      [=](go_atom) {
        uint64_t &left = self->state.left;
        for (uint64_t i = 0; i < SLICE && left > 0; i++, left--)
          self->send(to, uint64_t{1});
        if (left > 0) {
          self->send(self, go_atom::value);
          return;
        }
        self->send(to, done_atom::value);
        self->quit();
      },
  };
}

void count_with(caf::actor_system &system, uint64_t producers)
{
  std::vector<actor> all;
  actor c = system.spawn(counter, producers);
  for (uint64_t i = 0; i < producers; i++)
    all.push_back(system.spawn(producer, c, now_round.ops / producers));
  start_clock();
  for (auto &p : all) caf::anon_send(p, go_atom::value);
}

uint64_t all_of_them(uint64_t ops)
{
  return ops;
}

void counting(caf::actor_system &system)
{
  count_with(system, 1);
}

void fanin(caf::actor_system &system)
{
  count_with(system, PRODUCERS);
}

struct runner_state {
  actor next;
};

behavior runner(caf::stateful_actor<runner_state> *self)
{
  return {
      [=](go_atom, const actor &next) {
        self->state.next = next;
        arrive();
      },
      [=](uint64_t hops) {
        if (hops > 1) {
          self->send(self->state.next, hops - 1);
          return;
        }
        finished();
        self->send(self, stop_atom::value);
      },
      [=](stop_atom) {
        self->send(self->state.next, stop_atom::value);
        self->quit();
      },
  };
}

void threadring(caf::actor_system &system)
{
  std::vector<actor> ring;
  now_round.left = RING;
  for (uint64_t i = 0; i < RING; i++) ring.push_back(system.spawn(runner));
  for (uint64_t i = 0; i < RING; i++)
    caf::anon_send(ring[i], go_atom::value, ring[(i + 1) % RING]);
  sem_wait(&now_round.done);
  start_clock();
  caf::anon_send(ring[0], now_round.ops);
}

/* ---- buffers ---- */

using bytes = std::vector<char>;

behavior catcher(caf::stateful_actor<player_state> *self)
{
  return {
      [=](go_atom, const actor &other, uint64_t left) {
        self->state = {other, left};
      },
      [=](bytes &b) {
        if (self->state.left-- > 0) {
          self->send(self->state.other, std::move(b));
          return;
        }
        finished();
        self->send(self->state.other, stop_atom::value);
        self->quit();
      },
      [=](stop_atom) { self->quit(); },
  };
}

void throw_it(caf::actor_system &system, size_t size)
{
  actor a = system.spawn(catcher), b = system.spawn(catcher);
  bytes buf(size);
  caf::anon_send(a, go_atom::value, b, now_round.ops / 2);
  caf::anon_send(b, go_atom::value, a, now_round.ops / 2);
  start_clock();
  caf::anon_send(a, std::move(buf));
}

void iso_1k(caf::actor_system &system)
{
  throw_it(system, 1024);
}

void iso_64k(caf::actor_system &system)
{
  throw_it(system, 65536);
}

struct sink_state {
  uint64_t taken = 0;
};

behavior sink(caf::stateful_actor<sink_state> *self)
{
  return {
      [=](const bytes &) {
        if (++self->state.taken % WINDOW == 0)
          self->send(caf::actor_cast<actor>(self->current_sender()), go_atom::value);
      },
      [=](stop_atom) { self->quit(); },
  };
}

behavior source(caf::stateful_actor<count_state> *self, actor to, uint64_t count,
                size_t size)
{
  self->state.left = count;
  return {
      [=](go_atom) {
        if (self->state.left == 0) {
          finished();
          self->send(to, stop_atom::value);
          self->quit();
          return;
        }
        for (uint64_t i = 0; i < WINDOW; i++) self->send(to, bytes(size));
        self->state.left -= WINDOW;
      },
  };
}

void pour(caf::actor_system &system, size_t size)
{
  actor to = system.spawn(sink);
  actor from = system.spawn(source, to, now_round.ops, size);
  start_clock();
  caf::anon_send(from, go_atom::value);
}

void fresh_1k(caf::actor_system &system)
{
  pour(system, 1024);
}

void fresh_64k(caf::actor_system &system)
{
  pour(system, 65536);
}

/* ---- edges ---- */

behavior consumer(caf::stateful_actor<count_state> *self)
{
  self->state.left = now_round.ops;
  return {
      [=](uint64_t number) {
        if (number != self->state.left--) fail("a message out of order");
        work_for(TAKES_NS);
        if (self->state.left > 0) return;
        finished();
        self->quit();
      },
  };
}

behavior hurrier(caf::stateful_actor<count_state> *self, actor to)
{
  self->state.left = now_round.ops;
  return {
      [=](go_atom) {
        uint64_t &left = self->state.left;
        for (uint64_t i = 0; i < SLICE && left > 0; i++) self->send(to, left--);
        if (left > 0)
          self->send(self, go_atom::value);
        else
          self->quit();
      },
  };
}

void too_fast(caf::actor_system &system)
{
  actor h = system.spawn(hurrier, system.spawn(consumer));
  start_clock();
  caf::anon_send(h, go_atom::value);
}

sem_t ran;
std::vector<uint64_t> took_ns;

behavior dozer(caf::event_based_actor *self)
{
  return {
      [=](uint64_t sent_ns) {
        took_ns.push_back(now_ns() - sent_ns);
        sem_post(&ran);
      },
      [=](stop_atom) { self->quit(); },
  };
}

/* The main thread is the foreign one. */
void silence(caf::actor_system &system)
{
  actor d = system.spawn(dozer);
  sem_init(&ran, 0, 0);
  start_clock();
  for (uint64_t i = 0; i < now_round.ops; i++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(now_round.silence_ms));
    caf::anon_send(d, now_ns());
    sem_wait(&ran);
  }
  std::sort(took_ns.begin(), took_ns.end());
  caf::anon_send(d, stop_atom::value);
  finished(took_ns[took_ns.size() / 2]);
}

} // namespace

const bench talks[] = {
    {"pingpong", "message", pingpong, 10000, 2, false, false, "1,2", NS_PER_OP, nullptr,
     nullptr},
    {"counting", "message", counting, 10000, 1, false, false, "1,2", NS_PER_OP,
     all_of_them, nullptr},
    {"fanin", "message", fanin, 10000, PRODUCERS, false, false, "1,2", NS_PER_OP,
     all_of_them, nullptr},
    {"threadring", "hop", threadring, 10000, 1, false, false, "1,2", NS_PER_OP, nullptr,
     nullptr},
    {"iso-1k", "buffer", iso_1k, 10000, 2, false, false, "1,2", NS_PER_OP, nullptr,
     nullptr},
    {"iso-64k", "buffer", iso_64k, 10000, 2, false, false, "1,2", NS_PER_OP, nullptr,
     nullptr},
    {"iso-fresh-1k", "buffer", fresh_1k, 1600, WINDOW, false, false, "1,2", NS_PER_OP,
     nullptr, nullptr},
    {"iso-fresh-64k", "buffer", fresh_64k, 1600, WINDOW, false, false, "1,2", NS_PER_OP,
     nullptr, nullptr},
    {"producer", "message", too_fast, 10000000, 1, true, true, "2", NS_PER_OP, nullptr,
     nullptr},
    {"silence", "wake-up", silence, 3, 1, true, true, "1", NS_RESULT, nullptr, nullptr},
    {},
};
