/* http_cond.c - preconditions and ranges. A field that cannot be understood is treated as
 * absent where that only costs bytes, and as failed where it guards a change. */
#include "http_cond.h"

#include "http_date.h"

#include <string.h>

/* Takes an entity-tag from the front of a list; weak ones lose their W/. */
static bool take_etag(http_text *list, http_text *tag, bool *weak)
{
  const char *at = list->at, *end = list->at + list->len;
  while (at < end && (*at == ' ' || *at == '\t' || *at == ',')) at++;
  *weak = end - at > 2 && at[0] == 'W' && at[1] == '/';
  at += *weak ? 2 : 0;
  if (at == end || *at != '"') return false;
  const char *close = memchr(at + 1, '"', (size_t)(end - at) - 1);
  if (close == NULL) return false;
  *tag = (http_text){at, (size_t)(close + 1 - at)};
  list->at = close + 1;
  list->len = (size_t)(end - list->at);
  return true;
}

static bool etag_is(http_text tag, const http_entity *entity)
{
  return tag.len == strlen(entity->etag) && memcmp(tag.at, entity->etag, tag.len) == 0;
}

/* RFC 9110 8.8.3.2: the strong comparison fails for every weak tag. */
static bool list_matches(http_text list, const http_entity *entity, bool strong)
{
  if (http_text_is(list, "*")) return true;
  http_text tag;
  bool weak;
  while (take_etag(&list, &tag, &weak))
    if (etag_is(tag, entity) && !(strong && weak)) return true;
  return false;
}

/* All fields of this name are one list (RFC 9110 5.3). */
static bool any_field_matches(const http_parser *p, const char *head, const char *name,
                              const http_entity *entity)
{
  bool strong = strcmp(name, "if-match") == 0;
  http_text fields = http_span_text(head, p->fields), found, value;
  while (http_field_next(&fields, &found, &value))
    if (http_text_is(found, name) && list_matches(value, entity, strong)) return true;
  return false;
}

static bool has_field(const http_parser *p, const char *head, const char *name)
{
  http_text value;
  return http_header_find(p, head, name, &value) > 0;
}

/* The date of a field, if there is exactly one field and it is a date. */
static bool date_of(const http_parser *p, const char *head, const char *name,
                    int64_t *unix_s)
{
  http_text value;
  return http_header_find(p, head, name, &value) == 1 && http_date_read(value, unix_s);
}

static bool is_get_or_head(const http_parser *p, const char *head)
{
  http_text method = http_span_text(head, p->method);
  return (method.len == 3 && memcmp(method.at, "GET", 3) == 0) ||
         (method.len == 4 && memcmp(method.at, "HEAD", 4) == 0);
}

unsigned http_cond_check(const http_parser *p, const char *head,
                         const http_entity *entity)
{
  int64_t since;
  if (has_field(p, head, "if-match")) {
    if (!any_field_matches(p, head, "if-match", entity)) return 412;
  } else if (date_of(p, head, "if-unmodified-since", &since)) {
    if (entity->modified_s > since) return 412;
  }
  bool safe = is_get_or_head(p, head);
  if (has_field(p, head, "if-none-match")) {
    if (any_field_matches(p, head, "if-none-match", entity)) return safe ? 304 : 412;
  } else if (safe && date_of(p, head, "if-modified-since", &since)) {
    if (entity->modified_s <= since) return 304;
  }
  return 200;
}

/* If-Range: the range only counts if the content is still the same (RFC 9110 13.1.5). */
static bool range_counts(const http_parser *p, const char *head,
                         const http_entity *entity)
{
  http_text value, tag;
  size_t count = http_header_find(p, head, "if-range", &value);
  if (count == 0) return true;
  if (count > 1) return false;
  http_text list = value;
  bool weak;
  if (take_etag(&list, &tag, &weak))
    return !weak && list.len == 0 && etag_is(tag, entity);
  int64_t date;
  return http_date_read(value, &date) && date == entity->modified_s;
}

/* Takes digits from the front; too many count as the largest number. */
static bool take_number(http_text *text, uint64_t *out)
{
  size_t digits = 0;
  uint64_t value = 0;
  for (; digits < text->len; digits++) {
    unsigned digit = (unsigned)((uint8_t)text->at[digits] - '0');
    if (digit > 9) break;
    value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
  }
  text->at += digits;
  text->len -= digits;
  *out = value;
  return digits > 0;
}

static bool take_dash(http_text *text)
{
  if (text->len == 0 || text->at[0] != '-') return false;
  text->at++;
  text->len--;
  return true;
}

/* "first-", "first-last" or "-count"; 200 if it is none of them. */
static unsigned range_of(http_text spec, uint64_t size, http_range *range)
{
  uint64_t first, last;
  bool has_first = take_number(&spec, &first);
  if (!take_dash(&spec)) return 200;
  bool has_last = take_number(&spec, &last);
  if (spec.len > 0 || (!has_first && !has_last)) return 200;
  if (has_first && has_last && last < first) return 200;
  if (!has_first) {
    uint64_t count = last < size ? last : size;
    *range = (http_range){size - count, count};
    return count > 0 ? 206 : 416;
  }
  if (first >= size) return 416;
  uint64_t end = !has_last || last >= size ? size : last + 1;
  *range = (http_range){first, end - first};
  return 206;
}

unsigned http_cond_range(const http_parser *p, const char *head,
                         const http_entity *entity, http_range *range)
{
  *range = (http_range){0, entity->size};
  http_text value;
  if (http_span_text(head, p->method).len != 3 || !is_get_or_head(p, head)) return 200;
  if (http_header_find(p, head, "range", &value) != 1) return 200;
  if (value.len < 6 || !http_text_is((http_text){value.at, 6}, "bytes=")) return 200;
  if (!range_counts(p, head, entity)) return 200;
  return range_of((http_text){value.at + 6, value.len - 6}, entity->size, range);
}
