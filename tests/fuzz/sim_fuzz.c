/* sim_fuzz.c - the simulator's decisions from bytes instead of a seed.
 *
 * The first byte chooses the scenario, the next two the seed (sizes and which troubles
 * there are), the rest who runs next and what the network does, as long as it lasts. The
 * fuzzer sees which code a decision leads to, which a seed does not. */
#include "../../sim/impl/run.h"
#include "../sim/scenarios.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { HEAD_BYTES = 3, SCALE = 20 };

#define ADDRESS_(variable) &variable,
static const foal_scenario *const scenarios[] = {SCENARIOS_RUNTIME(ADDRESS_)
                                                     SCENARIOS_NET(ADDRESS_)};

static void failed(const foal__sim_result *result)
{
  fprintf(stderr, "the run failed: %s\n", result->why);
  abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
  foal__sim_result result;
  const size_t count = sizeof scenarios / sizeof scenarios[0];
  if (len < HEAD_BYTES) return 0;
  foal__sim_config config = {.seed = (uint64_t)bytes[1] << 8 | bytes[2],
                             .scale = SCALE,
                             .choices = bytes + HEAD_BYTES,
                             .choices_len = len - HEAD_BYTES};
  foal__sim_on_failure(failed);
  foal__sim_run(scenarios[bytes[0] % count], &config, &result);
  return 0;
}
