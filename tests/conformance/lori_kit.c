/* lori_kit.c - a protocol with receipts that writes a journal; see lori_kit.h.
 *
 * The journal is written in turns of the connection's actor only, so the order of its
 * words is the order of the events. */
#include "lori_kit.h"

#include <stdarg.h>

FOAL_PROTOCOL_RECEIPTS(talk)
FOAL_HANDLE2(talk, tell, uint32_t, act, uint32_t, arg)

void (*talk_called)(talk *self, uint32_t arg);

talk_tag talk_me(const talk *self)
{
  return talk_self(self);
}

void talk_return(talk *self)
{
  talk_become(self->conn);
}

/* ---- the journal ---- */

void talk_note(talk_plan *plan, const char *format, ...)
{
  va_list args;
  if (plan->quiet) return;
  size_t room = sizeof plan->journal - plan->journal_len;
  if (plan->journal_len > 0 && room > 1) {
    plan->journal[plan->journal_len++] = ' ';
    room--;
  }
  va_start(args, format);
  int n = vsnprintf(plan->journal + plan->journal_len, room, format, args);
  va_end(args);
  must(n >= 0 && (size_t)n < room);
  plan->journal_len += (size_t)n;
}

static const char *short_name(foal_err err)
{
  return foal_err_name(err) + strlen("FOAL_");
}

bool talk_is(const talk_plan *plan, const char *journal)
{
  if (strcmp(plan->journal, journal) == 0) return true;
  fprintf(stderr, "journal: %s\nexpected: %s\n", plan->journal, journal);
  return false;
}

bool talk_has(const talk_plan *plan, const char *words)
{
  const char *at = plan->journal, *word = words;
  while (*word != '\0') {
    size_t len = strcspn(word, " ");
    while (*at != '\0' && !(strcspn(at, " ") == len && strncmp(at, word, len) == 0)) {
      at += strcspn(at, " ");
      at += *at == ' ';
    }
    if (*at == '\0') {
      fprintf(stderr, "journal: %s\nmisses: %s\n", plan->journal, word);
      return false;
    }
    at += len;
    at += *at == ' ';
    word += len;
    word += *word == ' ';
  }
  return true;
}

/* ---- the protocol ---- */

static talk_plan *plan_of(talk *self) FOAL_TURN;
static talk_plan *plan_of(talk *self)
{
  if (self->plan == NULL) {
    self->conn = talk_conn(self);
    self->plan = (talk_plan *)(uintptr_t)foal_conn_context(self->conn);
  }
  return self->plan;
}

static void talk_on_opened(talk *self, foal_conn *conn)
{
  talk_plan *plan = plan_of(self);
  must(conn == self->conn);
  talk_note(plan, "opened");
  if (plan->opened != NULL) plan->opened(self);
  plan->opened_count++;
}

FOAL_TRUSTED static void talk_on_received(talk *self, foal_buf **data)
{
  talk_plan *plan = self->plan;
  size_t len = foal_buf_len(*data);
  must(plan != NULL && len > 0);
  talk_note(plan, "received:%zu", len);
  size_t had = plan->received_bytes,
         room = had < sizeof plan->got ? sizeof plan->got - had : 0;
  memcpy(plan->got + (room > 0 ? had : 0), foal_buf_data(*data), len < room ? len : room);
  plan->received_bytes += len;
  if (plan->received != NULL) {
    plan->received(self, data);
  } else {
    foal_buf_drop(data);
  }
}

static void talk_on_sendable(talk *self, size_t room)
{
  must(room > 0);
  talk_note(self->plan, "sendable");
  if (self->plan->sendable != NULL) self->plan->sendable(self, room);
  self->plan->sendable_count++;
}

static void talk_on_ended(talk *self, foal_err why)
{
  talk_note(self->plan, "ended:%s", short_name(why));
  if (self->plan->ended != NULL) {
    self->plan->ended(self, why);
  } else {
    foal_conn_close(self->conn);
  }
}

static void talk_on_receipt(talk *self, uint64_t token, foal_err how)
{
  talk_plan *plan = self->plan;
  must(plan != NULL);
  talk_note(plan, "receipt:%llu:%s", (unsigned long long)token, short_name(how));
  if (plan->receipt != NULL) plan->receipt(self, token, how);
  if (how == FOAL_OK) {
    plan->sent_count++;
  } else {
    plan->failed_count++;
  }
}

static void talk_on_closed(talk *self, foal_err why)
{
  talk_plan *plan = plan_of(self);
  talk_note(plan, "closed:%s", short_name(why));
  plan->why = why;
  snprintf(plan->reason, sizeof plan->reason, "%s", foal_conn_reason(self->conn));
  if (plan->closed != NULL) plan->closed(self, why);
  if (++plan->closed_count == plan->last) foal_listener_close(plan->listener);
}

static void write_pattern(talk *self, size_t len) FOAL_TURN;
static void write_pattern(talk *self, size_t len)
{
  foal_buf *b;
  kit_pattern(&b, self->sent, len);
  if (self->plan->opened_count > 0) self->sent += len;
  foal_conn_write(self->conn, &b);
}

static void do_more(talk *self, uint32_t act, uint32_t arg) FOAL_TURN;
static void do_more(talk *self, uint32_t act, uint32_t arg)
{
  switch (act) {
  case TALK_MUTE:
    foal_conn_mute(self->conn);
    break;
  case TALK_UNMUTE:
    foal_conn_unmute(self->conn);
    break;
  case TALK_EXPECT:
    foal_conn_expect(self->conn, arg);
    break;
  case TALK_NOTE:
    talk_note(self->plan, "note:%u", (unsigned)arg);
    break;
  default:
    talk_called(self, arg);
    break;
  }
}

static void talk_on_tell(talk *self, uint32_t act, uint32_t arg)
{
  talk_plan *plan = plan_of(self);
  switch (act) {
  case TALK_SEND: /* a receipt from inside the call would stand before the word */
    talk_note(plan, "send:%u:%s", (unsigned)arg, short_name(talk_send(self, 10, arg)));
    break;
  case TALK_WRITE:
    write_pattern(self, arg);
    break;
  case TALK_CLOSE:
    foal_conn_close(self->conn);
    break;
  case TALK_FINISH:
    foal_conn_finish(self->conn);
    break;
  case TALK_ABORT:
    foal_conn_abort(self->conn, FOAL_LOCAL);
    break;
  case TALK_END:
    foal_actor_end(FOAL_ENDED);
    break;
  default:
    do_more(self, act, arg);
    break;
  }
}

/* ---- beginning ---- */

foal_err talk_try_listen(const foal_listen_options *options, foal_listener *out)
{
  return talk_listen(options, out);
}

bool talk_try_connect(const foal_connect_options *options, talk_tag *out)
{
  return talk_connect(options, out);
}

void talk_serve(talk_plan *plan, foal_ssl_ctx *ctx, const foal_conn_options *options)
{
  foal_listen_options o = {
      .host = "127.0.0.1", .ctx = ctx, .connections_max = kit_connections_max};
  if (options != NULL) o.conn = *options;
  o.conn.context = plan;
  must(talk_listen(&o, &plan->listener) == FOAL_OK);
}

talk_tag talk_call(talk_plan *plan, uint16_t port, foal_ssl_ctx *ctx,
                   const foal_conn_options *options)
{
  talk_tag tag;
  foal_connect_options o = {.host = "127.0.0.1", .port = port, .ctx = ctx};
  if (options != NULL) o.conn = *options;
  o.conn.context = plan;
  must(talk_connect(&o, &tag));
  return tag;
}

/* ---- sending ---- */

foal_err talk_say(talk *self, const char *text, uint64_t token)
{
  foal_buf *b;
  if (!foal_buf_from(&b, text, strlen(text))) abort();
  return foal_conn_send(self->conn, &b, token);
}

foal_err talk_send(talk *self, size_t len, uint64_t token)
{
  foal_buf *b;
  kit_pattern(&b, self->sent, len);
  foal_err err = foal_conn_send(self->conn, &b, token);
  if (err == FOAL_OK) self->sent += len;
  return err;
}
