/* https_sim_fuzz.c - what clients send to the HTTP service of the examples, through the
 * network in memory.
 *
 * The first byte chooses the seed of the world and whether the client ends its side; the
 * rest is what it sends. The whole service runs: listener, connections, parser, answers,
 * deadlines. Besides what every simulated run checks, each answer must be one. */
#include "../../examples/https.h"
#include "../../sim/impl/run.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { CLIENTS = 2, BYTES_MAX = 1 << 16, HEADER_MS = 2000, IDLE_MS = 5000 };

static const uint8_t *script;
static size_t script_len;
static bool finishes;
static web_site site;
static size_t got[CLIENTS];

static void connected(foal_sim_peer *peer, void *context)
{
  (void)context;
  foal_sim_peer_send(peer, script, script_len);
  if (finishes) foal_sim_peer_finish(peer);
}

static void received(foal_sim_peer *peer, void *context, const uint8_t *bytes, size_t len)
{
  static const char begin[] = "HTTP/1.1 ";
  size_t *seen = context;
  (void)peer;
  for (size_t i = 0; i < len && *seen + i < sizeof begin - 1; i++) {
    if (bytes[i] != (uint8_t)begin[*seen + i])
      foal_sim_fail("an answer begins with byte %u at %zu", bytes[i], *seen + i);
  }
  *seen += len;
}

static bool start(void)
{
  static const foal_sim_peer_events events = {connected, received, NULL};
  foal_listen_options options = {.host = "127.0.0.1",
                                 .conn = {.context = &site, .idle_ms = IDLE_MS}};
  foal_listener listener;
  site = (web_site){.limits = {8192, 32768, 100, BYTES_MAX},
                    .root = -1,
                    .echo = true,
                    .header_ms = HEADER_MS};
  if (web_open(&options, &listener) != FOAL_OK) return false;
  for (int i = 0; i < CLIENTS; i++) {
    got[i] = 0;
    (void)foal_sim_peer_connect(listener.port, &events, &got[i]);
  }
  return true;
}

static void failed(const foal__sim_result *result)
{
  fprintf(stderr, "the run failed: %s\n", result->why);
  abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
  static const foal_scenario service = {.name = "https", .start = start};
  foal__sim_result result;
  if (len < 2 || len > BYTES_MAX) return 0;
  foal__sim_config config = {.seed = bytes[0] >> 1, .scale = 100};
  finishes = (bytes[0] & 1) != 0;
  script = bytes + 1;
  script_len = len - 1;
  foal__sim_on_failure(failed);
  foal__sim_run(&service, &config, &result);
  return 0;
}
