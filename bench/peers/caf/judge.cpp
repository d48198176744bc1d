/* judge.cpp - the message benchmarks in CAF 0.17, to stand beside those in Foal.
 *
 * Takes the arguments of messages.c, prints the same lines, and does the same work: see
 * the head comments of msg_*.c, whose names are used here. One behaviour is one handler;
 * actors are event-based, the scheduler is CAF's default one. What differs: actors cannot
 * be bound to a worker, so nothing runs apart; buffers are vectors that are moved; and
 * skynet has a tenth of the leaves. */
#include "round.h"

#include <caf/actor_system_config.hpp>

#include <algorithm>
#include <cstring>
#include <string>

round_state now_round;

namespace
{

const bench *const tables[] = {talks, crowds};

struct {
  uint64_t workers = 1, ms = 100, rounds = 5, ops = 0, silence_ms = 1500;
  const bench *which = nullptr;
} args;

uint64_t status_bytes(const char *field)
{
  char line[128];
  uint64_t kib = 0;
  FILE *f = std::fopen("/proc/self/status", "r");
  if (f == nullptr) return 0;
  while (std::fgets(line, sizeof line, f) != nullptr) {
    if (std::strncmp(line, field, std::strlen(field)) == 0)
      kib = std::strtoull(line + std::strlen(field), nullptr, 10);
  }
  std::fclose(f);
  return kib * 1024;
}

void report(uint64_t resident)
{
  const bench &b = *args.which;
  double ops = static_cast<double>(now_round.ops);
  uint64_t elapsed_ns = now_round.ended_ns - now_round.began_ns;
  uint64_t cpu_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID) - now_round.began_cpu_ns;
  double shown = static_cast<double>(elapsed_ns) / ops;
  if (b.of == NS_RESULT) shown = static_cast<double>(now_round.result);
  if (b.of == BYTES_PER_OP)
    shown = static_cast<double>(status_bytes("VmRSS:") - resident) / ops;
  std::printf("bench=%s unit=%s workers=%llu ops=%llu elapsed_ns=%llu value=%.3f "
              "cpu_ns=%.3f peak_bytes=%llu\n",
              b.name, b.unit, static_cast<unsigned long long>(args.workers),
              static_cast<unsigned long long>(now_round.ops),
              static_cast<unsigned long long>(elapsed_ns), shown,
              static_cast<double>(cpu_ns) / ops,
              static_cast<unsigned long long>(status_bytes("VmHWM:")));
  std::fflush(stdout);
}

void run_round(caf::actor_system &system, uint64_t ops, bool counts)
{
  const bench &b = *args.which;
  now_round.ops = std::max(ops - ops % b.multiple, b.multiple);
  uint64_t resident = status_bytes("VmRSS:");
  b.begin(system);
  sem_wait(&now_round.done);
  if (b.expected && now_round.result != b.expected(now_round.ops)) fail("a wrong result");
  if (counts) report(resident);
  if (b.after) b.after();
  system.await_all_actors_done();
}

void measure(caf::actor_system &system)
{
  const bench &b = *args.which;
  uint64_t ops = args.ops ? args.ops : b.ops_first, wanted_ns = args.ms * 1000000;
  if (b.once) {
    run_round(system, ops, true);
    return;
  }
  for (bool sized = b.fixed || args.ops; !sized;) {
    run_round(system, ops, false);
    uint64_t took = now_round.ended_ns - now_round.began_ns;
    sized = took >= wanted_ns / 8;
    ops = sized ? static_cast<uint64_t>(static_cast<double>(now_round.ops) *
                                        static_cast<double>(wanted_ns) /
                                        static_cast<double>(took))
                : now_round.ops * 4;
  }
  run_round(system, ops, false);
  for (uint64_t i = 0; i < args.rounds; i++) run_round(system, ops, true);
}

/* ---- command line ---- */

int list()
{
  for (auto table : tables) {
    for (const bench *b = table; b->name; b++)
      std::printf("bench=%s places=%s fixed=%d\n", b->name, b->places, b->fixed);
  }
  return 0;
}

const bench *bench_named(const std::string &name)
{
  for (auto table : tables) {
    for (const bench *b = table; b->name; b++) {
      if (name == b->name) return b;
    }
  }
  return nullptr;
}

bool read_argument(const std::string &name, const char *value)
{
  struct {
    const char *name;
    uint64_t *number;
  } numbers[] = {{"--workers", &args.workers},
                 {"--ms", &args.ms},
                 {"--rounds", &args.rounds},
                 {"--silence-ms", &args.silence_ms},
                 {"--ops", &args.ops}};
  for (auto &n : numbers) {
    if (name == n.name && value != nullptr)
      return (*n.number = std::strtoull(value, nullptr, 10)) > 0;
  }
  return false;
}

} // namespace

int main(int argc, char **argv)
{
  for (int i = 1; i < argc; i++) {
    std::string word = argv[i];
    if (word == "--list") return list();
    if (word == "--version")
      return std::printf("%d.%d.%d\n", CAF_VERSION / 10000, CAF_VERSION / 100 % 100,
                         CAF_VERSION % 100) < 0;
    if (args.which == nullptr && (args.which = bench_named(word)) != nullptr) continue;
    if (word == "--ticker") { /* a thread of this process can do it */
      i++;
      continue;
    }
    if (!read_argument(word, argv[++i])) {
      std::fprintf(stderr, "usage: caf [--workers N] [--ms N] [--rounds N] [--ops N] "
                           "[--silence-ms N] NAME | --list | --version\n");
      return 2;
    }
  }
  if (args.which == nullptr) return 2;
  now_round.silence_ms = args.silence_ms;
  sem_init(&now_round.done, 0, 0);
  caf::actor_system_config config;
  config.set("scheduler.max-threads", static_cast<size_t>(args.workers));
  caf::actor_system system{config};
  measure(system);
  return 0;
}
