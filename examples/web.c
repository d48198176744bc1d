/* web.c - the connection actor of the HTTPS example: input, deadlines, files.
 *
 * Everything happens in run(): it takes steps until there is no more input or no more
 * room for output, hands the output over, and then sets what the next turn depends on:
 * the deadline, and whether more may be received. */
#include "web.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  OUT_BYTES = 4096,       /* room for some answers */
  OUT_BYTES_BULK = 16384, /* for a piece of an echo */
  IN_BYTES_MIN = 1024,
};

FOAL_TAG(web)
FOAL_PROTOCOL(web)
FOAL_TIMER(web, pace)
FOAL_WORK(web, loaded)

foal_err web_open(const foal_listen_options *options, foal_listener *out)
{
  foal_listen_options small = *options;
  small.conn.room_bytes = WEB_ROOM_BYTES;
  return web_listen(&small, out);
}

/* ---- output ---- */

void web__abort(web *self, foal_err why)
{
  self->phase = WEB_ENDED;
  foal_conn_abort(self->conn, why);
}

void web__put(web *self, http_text text)
{
  while (text.len > 0) {
    foal_buf *out;
    size_t room = text.len > OUT_BYTES ? OUT_BYTES_BULK : OUT_BYTES;
    if (!foal_slot_take(&self->job->out, &out) && !foal_buf_new(&out, room)) {
      web__abort(self, FOAL_NO_MEMORY);
      return;
    }
    size_t n = foal_buf_append(out, text.at, text.len);
    text.at += n;
    text.len -= n;
    if (text.len == 0) {
      foal_slot_put(&self->job->out, &out);
    } else {
      self->job->sent = true;
      foal_conn_write(self->conn, &out);
    }
  }
}

FOAL_TURN static void flush(web *self)
{
  foal_buf *b;
  if (self->job == NULL) return;
  if (foal_slot_take(&self->job->out, &b)) {
    self->job->sent = true;
    foal_conn_write(self->conn, &b);
  }
  if (self->site->logged) web__log_flush(self);
}

/* ---- the job ---- */

FOAL_TURN static void close_file(web *self)
{
  if (self->job->file >= 0) close(self->job->file);
  self->job->file = -1;
}

/* Sees to it that there is one. false: no memory, the connection is given up. */
FOAL_TURN static bool begin_job(web *self)
{
  if (self->job != NULL) return true;
  self->job = malloc(sizeof(*self->job)); /* calloc never takes what was just freed */
  if (self->job == NULL) {
    web__abort(self, FOAL_NO_MEMORY);
    return false;
  }
  *self->job = (web_job){.file = -1};
  http_parser_start(&self->job->parser, &self->site->limits);
  return true;
}

FOAL_TURN static void end_job(web *self)
{
  web_job *job = self->job;
  if (job == NULL) return;
  if (job->paced) foal_timer_cancel(job->pace);
  web__body_clear(self);
  close_file(self);
  foal_slot_clear(&job->out);
  foal_slot_clear(&job->log);
  foal_slot_clear(&job->request);
  free(job);
  self->job = NULL;
}

/* ---- input ---- */

FOAL_TURN static void join_input(web *self, foal_buf **in, foal_buf **data)
    FOAL_TAKES(*in) FOAL_TAKES(*data);

/* Appends data to in, in a larger buffer if need be, and keeps the result. */
FOAL_TURN static void join_input(web *self, foal_buf **in, foal_buf **data)
{
  size_t len = foal_buf_len(*in) + foal_buf_len(*data);
  foal_buf *joined;
  if (foal_buf_room(*in) >= foal_buf_len(*data)) {
    foal_buf_append(*in, foal_buf_data(*data), foal_buf_len(*data));
    foal_slot_put(&self->in, in);
  } else if (foal_buf_new(&joined, len * 2 > IN_BYTES_MIN ? len * 2 : IN_BYTES_MIN)) {
    foal_buf_append(joined, foal_buf_data(*in), foal_buf_len(*in));
    foal_buf_append(joined, foal_buf_data(*data), foal_buf_len(*data));
    foal_slot_put(&self->in, &joined);
    foal_buf_drop(in);
  } else {
    foal_buf_drop(in);
    web__abort(self, FOAL_NO_MEMORY);
  }
  foal_buf_drop(data);
}

/* Keeps what is left of the input, or drops the empty buffer. */
static void keep_rest(web *self, foal_buf **in) FOAL_TAKES(*in);

static void keep_rest(web *self, foal_buf **in)
{
  if (foal_buf_len(*in) > 0)
    foal_slot_put(&self->in, in);
  else
    foal_buf_drop(in);
}

FOAL_TURN static void next_request(web *self)
{
  web_job *job = self->job;
  web__body_clear(self);
  close_file(self);
  foal_slot_clear(&job->request);
  if (job->paced) foal_timer_cancel(job->pace);
  job->paced = false;
  job->answered = job->sent = job->no_content = false;
  self->phase = self->last ? WEB_ENDED : WEB_HEAD;
  /* Without input the job ends with this turn. */
  if (!self->last && foal_slot_full(&self->in))
    http_parser_start(&job->parser, &self->site->limits);
}

FOAL_TURN static bool parse_head(web *self)
{
  foal_buf *in;
  if (!foal_slot_take(&self->in, &in)) return false;
  http_parser *p = &self->job->parser;
  const char *head = (const char *)foal_buf_data(in);
  http_event event = http_parse_head(p, head, foal_buf_len(in));
  if (event == HTTP_HEAD_DONE) {
    self->last = !p->keep_alive || self->stopping;
    web__begin(self, head);
    foal_buf_consume(in, p->head_bytes);
  }
  keep_rest(self, &in);
  if (event == HTTP_BAD) web__refuse(self, p->status, p->why);
  return event == HTTP_HEAD_DONE;
}

/* Gives the parser what there is; without input it can still see the end. */
FOAL_TURN static http_event feed_body(web *self)
{
  foal_buf *in;
  http_text data;
  size_t used;
  if (!foal_slot_take(&self->in, &in))
    return http_parse_body(&self->job->parser, (http_text){"", 0}, &data, &used);
  http_text bytes = {(const char *)foal_buf_data(in), foal_buf_len(in)};
  http_event event = http_parse_body(&self->job->parser, bytes, &data, &used);
  if (event == HTTP_DATA) web__body_data(self, data);
  foal_buf_consume(in, used);
  keep_rest(self, &in);
  return event;
}

FOAL_TURN static bool parse_body(web *self)
{
  http_event event = feed_body(self);
  const http_parser *p = &self->job->parser;
  if (event == HTTP_BAD) web__refuse(self, p->status, p->why);
  if (event == HTTP_DONE) web__body_end(self);
  if (event == HTTP_DONE && self->phase == WEB_BODY) next_request(self);
  /* Who was told that this is the last answer need not send a body that nobody wants. */
  bool dropped = self->job->sink == WEB_DROP;
  if (event == HTTP_MORE && dropped && self->last) self->phase = WEB_ENDED;
  return event == HTTP_DATA || (event == HTTP_DONE && foal_slot_full(&self->in));
}

/* ---- files ---- */

/* What the pool needs to read a piece; it lies in the buffer that the piece will fill. */
typedef struct piece {
  int fd; /* a duplicate: the connection may be gone when the read begins */
  off_t at;
  size_t len;
} piece;

static void web_work_loaded(foal_buf **b)
{
  piece want;
  memcpy(&want, foal_buf_data(*b), sizeof(want));
  foal_buf_truncate(*b, 0);
  ssize_t n;
  do {
    n = pread(want.fd, foal_buf_tail(*b), want.len, want.at);
  } while (n < 0 && errno == EINTR);
  close(want.fd);
  if (n > 0) foal_buf_extend(*b, (size_t)n);
}

FOAL_TURN static void load(web *self, foal_buf **b, size_t len) FOAL_TAKES(*b);

FOAL_TURN static void load(web *self, foal_buf **b, size_t len)
{
  const web_job *job = self->job;
  piece want = {fcntl(job->file, F_DUPFD_CLOEXEC, 3), (off_t)job->rest.first, len};
  if (want.fd < 0) {
    foal_buf_drop(b);
    web__abort(self, FOAL_FILE_LIMIT);
    return;
  }
  foal_buf_append(*b, &want, sizeof(want));
  self->phase = WEB_LOADING;
  web_loaded_start(self, b);
}

/* A piece is there; none at all means that the file shrank below what the head
 * promised. */
FOAL_TURN static void send_piece(web *self, foal_buf **b) FOAL_TAKES(*b);

FOAL_TURN static void send_piece(web *self, foal_buf **b)
{
  size_t len = foal_buf_len(*b);
  if (len == 0) {
    foal_buf_drop(b);
    web__abort(self, FOAL_IO);
    return;
  }
  self->job->rest.first += len;
  self->job->rest.count -= len;
  flush(self);
  self->job->sent = true;
  foal_conn_write(self->conn, b);
}

FOAL_TURN static bool send_file(web *self)
{
  const web_job *job = self->job;
  if (job->rest.count == 0) {
    self->phase = WEB_BODY;
    return true;
  }
  flush(self);
  /* No more than there is room for: so pieces fall into step again behind any head. */
  uint64_t left = job->rest.count;
  size_t len = foal_conn_room(self->conn);
  if (len > WEB_FILE_PIECE_BYTES) len = WEB_FILE_PIECE_BYTES;
  if (len > left) len = (size_t)left;
  if (len == 0) return true;
  foal_buf *b;
  if (!foal_buf_new(&b, len < sizeof(piece) ? sizeof(piece) : len)) {
    web__abort(self, FOAL_NO_MEMORY);
    return false;
  }
  struct iovec to = {foal_buf_tail(b), len};
  ssize_t n = preadv2(job->file, &to, 1, (off_t)job->rest.first, RWF_NOWAIT);
  if (n < 0) { /* not in the page cache, or a file system that cannot tell */
    load(self, &b, len);
    return false;
  }
  foal_buf_extend(b, (size_t)n);
  send_piece(self, &b);
  return true;
}

/* ---- the loop ---- */

FOAL_TURN static bool step(web *self)
{
  switch (self->phase) {
  case WEB_HEAD:
    return parse_head(self);
  case WEB_BODY:
    return parse_body(self);
  case WEB_FILE:
    return send_file(self);
  case WEB_LOADING:
  case WEB_ENDED:
    break;
  }
  return false;
}

/* A head has header_ms from its first byte; a body must move in every span of it. */
FOAL_TURN static void set_pace(web *self)
{
  web_job *job = self->job;
  bool wanted =
      self->phase == WEB_BODY || (self->phase == WEB_HEAD && foal_slot_full(&self->in));
  if (job == NULL || wanted == job->paced) return;
  if (wanted) {
    job->pace = web_pace_after(self, self->site->header_ms);
    job->paced_bytes = job->parser.body_bytes;
  } else {
    foal_timer_cancel(job->pace);
  }
  job->paced = wanted;
}

FOAL_TURN static void set_muted(web *self, bool wanted)
{
  if (wanted == self->muted) return;
  self->muted = wanted;
  if (wanted)
    foal_conn_mute(self->conn);
  else
    foal_conn_unmute(self->conn);
}

FOAL_TURN static void run(web *self)
{
  bool more = true;
  while (more && foal_conn_room(self->conn) > 0) more = step(self);
  flush(self);
  bool nothing_begun = self->phase == WEB_HEAD && !foal_slot_full(&self->in);
  if (nothing_begun) end_job(self);
  if (self->phase == WEB_ENDED || (self->stopping && nothing_begun) ||
      (self->peer_ended && !more && self->phase <= WEB_BODY)) {
    self->phase = WEB_ENDED;
    foal_conn_close(self->conn);
    set_pace(self);
    return;
  }
  set_pace(self);
  set_muted(self, more || self->phase == WEB_LOADING);
}

static void web_on_opened(web *self, foal_conn *conn)
{
  self->conn = conn;
  self->site = foal_conn_context(conn);
}

static void web_on_received(web *self, foal_buf **data)
{
  foal_buf *in;
  if (self->phase == WEB_ENDED || !begin_job(self))
    foal_buf_drop(data);
  else if (foal_slot_take(&self->in, &in))
    join_input(self, &in, data);
  else
    foal_slot_put(&self->in, data);
  run(self);
}

static void web_on_sendable(web *self, size_t room_bytes)
{
  (void)room_bytes;
  run(self);
}

static void web_on_loaded(web *self, foal_buf **b)
{
  if (self->phase != WEB_LOADING) {
    foal_buf_drop(b);
    return;
  }
  self->phase = WEB_FILE;
  send_piece(self, b);
  run(self);
}

static void web_on_pace(web *self)
{
  web_job *job = self->job;
  job->paced = false;
  uint64_t moved = job->parser.body_bytes - job->paced_bytes;
  bool stalled = foal_conn_room(self->conn) == 0;
  bool fast = moved * 1000 >= (uint64_t)self->site->header_ms * WEB_BYTES_PER_S_MIN;
  if (self->phase == WEB_HEAD) web__refuse(self, 408, NULL);
  if (self->phase == WEB_BODY && !stalled && !fast) web__refuse(self, 408, NULL);
  run(self);
}

static void web_on_ended(web *self, foal_err why)
{
  if (self->conn == NULL) return;
  if (why == FOAL_STOPPED) {
    self->stopping = true;
    self->last |= self->phase != WEB_HEAD;
  } else {
    self->peer_ended = true;
  }
  run(self);
}

static void web_on_closed(web *self, foal_err why)
{
  if (self->conn != NULL && why != FOAL_CLEAN && why != FOAL_LOCAL)
    foal_log(FOAL_LOG_DEBUG, "%s: %s %s", foal_conn_peer(self->conn), foal_err_text(why),
             foal_conn_reason(self->conn));
  self->phase = WEB_ENDED;
  foal_slot_clear(&self->in);
  end_job(self);
}
