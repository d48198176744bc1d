/* err.c - names and sentences of the codes, made from the one list in err.h. */
#include "err.h"

#include <stddef.h>

#define NAME_(name, sentence) #name,
#define TEXT_(name, sentence) sentence,
static const char *const names[] = {FOAL_ERR_MAP(NAME_)};
static const char *const texts[] = {FOAL_ERR_MAP(TEXT_)};

_Static_assert(sizeof names / sizeof *names == FOAL_ERR_COUNT, "one name for each code");

const char *foal_err_name(foal_err err)
{
  return (size_t)err < FOAL_ERR_COUNT ? names[err] : "FOAL_?";
}

const char *foal_err_text(foal_err err)
{
  return (size_t)err < FOAL_ERR_COUNT ? texts[err] : "unknown error";
}
