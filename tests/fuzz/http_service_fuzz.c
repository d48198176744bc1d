/* http_service_fuzz.c - conditions, ranges, dates and paths from hostile text.
 *
 * The input is a request head. What the parser accepts goes through everything that the
 * server does with it; what comes out must keep its promises. */
#include "../../examples/http_cond.h"
#include "../../examples/http_date.h"
#include "../../examples/http_files.h"
#include "../../examples/http_reply.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const http_limits limits = {4096, 8192, 50, 1 << 20};
static const http_entity entity = {1000, 784111777, "\"abc\""};

static void check(bool promise)
{
  if (!promise) abort();
}

/* Decoded paths are relative, and have no segment that climbs or hides. */
static void check_path(http_text path)
{
  char out[512];
  if (!http_path_decode(path, out, sizeof(out))) return;
  check(out[0] != '/' && strlen(out) < sizeof(out));
  check(strcmp(out, "..") != 0 && strncmp(out, "../", 3) != 0);
  check(strstr(out, "/../") == NULL && strstr(out, "//") == NULL);
  size_t end = strlen(out);
  check(end < 3 || strcmp(out + end - 3, "/..") != 0);
}

static void check_conditions(const http_parser *p, const char *head)
{
  http_range range;
  unsigned status = http_cond_check(p, head, &entity);
  check(status == 200 || status == 304 || status == 412);
  status = http_cond_range(p, head, &entity, &range);
  check(status == 200 || status == 206 || status == 416);
  if (status == 416) return;
  check(range.count > 0 && range.first < entity.size);
  check(range.count <= entity.size - range.first);
}

static void check_dates(const http_parser *p, const char *head)
{
  http_text fields = http_span_text(head, p->fields), name, value;
  while (http_field_next(&fields, &name, &value)) {
    char written[HTTP_DATE_BYTES + 1];
    int64_t date, again;
    if (!http_date_read(value, &date)) continue;
    http_date_write(written, date);
    check(http_date_read((http_text){written, HTTP_DATE_BYTES}, &again) && again == date);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
  char *head = malloc(len + 1);
  if (head == NULL) return 0;
  if (len > 0) memcpy(head, bytes, len);
  http_parser p;
  http_parser_start(&p, &limits);
  if (http_parse_head(&p, head, len) == HTTP_HEAD_DONE) {
    check_path(http_span_text(head, p.path));
    check_conditions(&p, head);
    check_dates(&p, head);
  }
  free(head);
  return 0;
}
