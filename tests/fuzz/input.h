/* input.h - a fuzzer's input as a script: small numbers and pieces of bytes, taken from
 * the front. A used-up input gives zeros and nothing, so every input is a whole
 * script.                                                                              */
#ifndef FOAL_TESTS_FUZZ_INPUT_H
#define FOAL_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* What must hold whatever the input; a breach ends the program, which is a finding. */
#define promise(cond) ((cond) ? (void)0 : promise_broken(__FILE__, __LINE__, #cond))

_Noreturn static inline void promise_broken(const char *file, int line, const char *text)
{
  fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, text);
  abort();
}

typedef struct fuzz_input {
  const uint8_t *at;
  size_t left;
} fuzz_input;

static inline uint8_t input_byte(fuzz_input *in)
{
  if (in->left == 0) return 0;
  in->left--;
  return *in->at++;
}

static inline uint16_t input_word(fuzz_input *in)
{
  uint8_t high = input_byte(in);
  return (uint16_t)(high << 8 | input_byte(in));
}

/* Takes at most *len bytes; *len says how many came. */
static inline const uint8_t *input_take(fuzz_input *in, size_t *len)
{
  const uint8_t *taken = in->at;
  if (*len > in->left) *len = in->left;
  in->at += *len;
  in->left -= *len;
  return taken;
}

/* The same as a text on the heap, of its exact size; to be freed with free. */
static inline char *input_text(fuzz_input *in, size_t len)
{
  const uint8_t *from = input_take(in, &len);
  char *text = malloc(len + 1);
  if (text == NULL) abort();
  for (size_t i = 0; i < len; i++) text[i] = (char)from[i];
  text[len] = '\0';
  return text;
}

#endif
