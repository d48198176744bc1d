/* main.c - a program outside Foal: it has only the installed headers and library. */
#include <foal.h>

#include <stdio.h>

int main(void)
{
  foal_buf *b;
  if (!foal_buf_from(&b, "foal", 4)) return 1;
  printf("%.*s %s\n", (int)foal_buf_len(b), (const char *)foal_buf_data(b), FOAL_VERSION);
  foal_buf_drop(&b);
  return foal_err_text(FOAL_OK) == NULL;
}
