/* trace.c - the hash of a run, and its story when it is wanted. */
#include "impl/trace.h"

#include "../runtime/impl/core.h"
#include "impl/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRIME UINT64_C(0x9E3779B97F4A7C15)

bool foal__sim_telling;

static uint64_t hash;
static foal__sim_entry *story;
static size_t story_next, story_count;

void foal__sim_hash(uint64_t word)
{
  hash = (hash ^ word) * PRIME;
  hash ^= hash >> 29;
}

void foal__sim_hash_bytes(const void *bytes, size_t len)
{
  const unsigned char *from = bytes;
  for (; len >= 8; from += 8, len -= 8) {
    uint64_t word;
    memcpy(&word, from, 8);
    foal__sim_hash(word);
  }
  uint64_t rest = len;
  memcpy(&rest, from, len);
  foal__sim_hash(rest ^ (uint64_t)len << 56);
}

uint64_t foal__sim_hash_value(void)
{
  return hash;
}

void foal__sim_story_begin(bool telling)
{
  hash = UINT64_C(0xcbf29ce484222325);
  foal__sim_telling = telling;
  story_next = 0;
  story_count = 0;
  if (!telling || story != NULL) return;
  story = malloc(sizeof *story * FOAL__SIM_STORY_MAX);
  if (story == NULL) abort();
}

static foal__sim_who whoever_runs(void)
{
  foal__worker *w = foal__self;
  if (w == NULL || w->current == NULL || w->current->type == NULL)
    return (foal__sim_who){NULL, 0, w != NULL ? w->id : UINT32_MAX};
  return (foal__sim_who){w->current->type->name, w->current->id, w->id};
}

void foal__sim_tell(const foal__sim_entry *entry)
{
  if (!foal__sim_telling) return;
  foal__sim_entry *to = &story[story_next];
  *to = *entry;
  to->step = foal__sim_steps();
  to->ns = foal__sim_now_ns();
  if (to->who.type == NULL) to->who = whoever_runs();
  story_next = (story_next + 1) % FOAL__SIM_STORY_MAX;
  if (story_count < FOAL__SIM_STORY_MAX) story_count++;
}

void foal__sim_tell_fault(const char *what)
{
  foal__sim_entry entry = {.kind = FOAL__SIM_FAULT, .what = what};
  if (foal__sim_telling) foal__sim_tell(&entry);
}

void foal__sim_tell_conn(foal__sim_kind kind, uint32_t conn, uint64_t bytes,
                         const char *text)
{
  if (!foal__sim_telling) return;
  foal__sim_entry entry = {.kind = kind, .conn = conn, .bytes = bytes};
  if (text != NULL) (void)snprintf(entry.text, sizeof entry.text, "%s", text);
  foal__sim_tell(&entry);
}

size_t foal__sim_story_count(void)
{
  return story_count;
}

const foal__sim_entry *foal__sim_story_at(size_t i)
{
  size_t first = story_count < FOAL__SIM_STORY_MAX ? 0 : story_next;
  return &story[(first + i) % FOAL__SIM_STORY_MAX];
}
