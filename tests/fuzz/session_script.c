/* session_script.c - an input as the story of one session.
 *
 * Two bytes choose the cast (cast_read) and how many flights pass before the attack; then
 * each byte is an act, followed by its numbers. When nobody tampered and nobody stopped,
 * the story has to end well: both agree, and everything that was written arrives.      */
#include "session.h"
#include "steady.h"

#include <openssl/err.h>
#include <openssl/ssl3.h>
#include <string.h>

enum { ACTS_MAX = 200, RAW_BYTES_MAX = 1 << 21, NAMES_BYTES = 64, FLOWS = 64 };

static void next_flight(session_run *r) FOAL_TURN;
static void pass(session_run *r) FOAL_TURN;
static void pass_in_pieces(session_run *r) FOAL_TURN;
static void pass_all(session_run *r) FOAL_TURN;
static void pass_joined(session_run *r) FOAL_TURN;
static void change(session_run *r) FOAL_TURN;
static void overwrite(session_run *r) FOAL_TURN;
static void cut_short(session_run *r) FOAL_TURN;
static void insert_within(session_run *r) FOAL_TURN;
static void replay(session_run *r) FOAL_TURN;
static void swap(session_run *r) FOAL_TURN;
static void lose(session_run *r) FOAL_TURN;
static void raw(session_run *r) FOAL_TURN;
static void raw_record(session_run *r) FOAL_TURN;
static void read_some(session_run *r) FOAL_TURN;
static void read_all(session_run *r) FOAL_TURN;
static void read_too_much(session_run *r) FOAL_TURN;
static void tell(session_run *r) FOAL_TURN;
static void tell_early(session_run *r) FOAL_TURN;
static void seal(session_run *r) FOAL_TURN;
static void close_it(session_run *r) FOAL_TURN;
static void transport_ends(session_run *r) FOAL_TURN;
static void new_keys(session_run *r) FOAL_TURN;
static void dispose(session_run *r) FOAL_TURN;
static void look(session_run *r) FOAL_TURN;
static void save(session_run *r) FOAL_TURN;
static void reply(session_run *r) FOAL_TURN;
static void reply_one(session_run *r) FOAL_TURN;
static void say(session_run *r) FOAL_TURN;
static void peer_closes(session_run *r) FOAL_TURN;
static void peer_new_keys(session_run *r) FOAL_TURN;
static void flow(session_run *r) FOAL_TURN;

/* ---- the attacker ---- */

static void next_flight(session_run *r)
{
  session_collect(r);
}

static void pass(session_run *r)
{
  session_pass(r, 0);
}

static void pass_in_pieces(session_run *r)
{
  session_pass(r, 1 + (size_t)input_byte(&r->in) * 4);
}

static void pass_all(session_run *r)
{
  while (r->next < r->record_count) session_pass(r, 0);
}

/* Several records in one buffer. */
static void pass_joined(session_run *r)
{
  size_t len = 0, count = r->record_count - r->next;
  for (size_t i = 0; i < count; i++) len += r->records[r->next + i].len;
  uint8_t *all = malloc(len + 1);
  promise(all != NULL);
  if (len > FOAL_BUF_BYTES_MAX) count = len = 0;
  for (size_t i = 0, at = 0; i < count; i++) {
    const session_record *one = &r->records[r->next++];
    memcpy(all + at, one->at, one->len);
    at += one->len;
  }
  session_give(r, all, len);
  free(all);
}

/* A copy of the next record that the attacker may change; NULL: there is none. */
static uint8_t *steal(session_run *r, size_t *len)
{
  if (r->next == r->record_count) return NULL;
  const session_record *one = &r->records[r->next];
  uint8_t *copy = malloc(one->len);
  promise(copy != NULL);
  memcpy(copy, one->at, one->len);
  *len = one->len;
  return copy;
}

static void change(session_run *r)
{
  size_t len, at = input_word(&r->in);
  uint8_t by = input_byte(&r->in);
  uint8_t *copy = steal(r, &len);
  if (copy == NULL) return;
  copy[at % len] ^= by == 0 ? 1 : by;
  session_tamper(r);
  r->next++;
  session_give(r, copy, len);
  free(copy);
}

/* Other bytes over a part of it, from the input. */
static void overwrite(session_run *r)
{
  size_t len, at = input_word(&r->in), count = input_byte(&r->in);
  const uint8_t *with = input_take(&r->in, &count);
  uint8_t *copy = steal(r, &len);
  if (copy == NULL) return;
  at %= len;
  if (count > len - at) count = len - at;
  bool same = memcmp(copy + at, with, count) == 0;
  memcpy(copy + at, with, count);
  if (!same) session_tamper(r);
  r->next++;
  session_give(r, copy, len);
  free(copy);
}

static void cut_short(session_run *r)
{
  size_t len, keep = input_word(&r->in);
  uint8_t *copy = steal(r, &len);
  if (copy == NULL) return;
  session_tamper(r);
  r->records[r->next++].lost = keep % len == 0;
  session_give(r, copy, keep % len);
  free(copy);
}

static void give_raw(session_run *r, const uint8_t *at, size_t len) FOAL_TURN;

static void give_raw(session_run *r, const uint8_t *at, size_t len)
{
  if (len == 0 || r->raw_bytes + len > RAW_BYTES_MAX) return;
  session_tamper(r);
  r->raw_bytes += len;
  session_give(r, at, len);
}

static void insert_within(session_run *r)
{
  size_t len, at = input_word(&r->in), count = 1 + (size_t)input_byte(&r->in);
  const uint8_t *extra = input_take(&r->in, &count);
  uint8_t *copy = steal(r, &len);
  if (copy == NULL) return;
  at %= len;
  if (count > 0) session_tamper(r);
  r->next++;
  session_give(r, copy, at);
  give_raw(r, extra, count);
  session_give(r, copy + at, len - at);
  free(copy);
}

/* A record that was already given, `times` more. */
static void replay(session_run *r)
{
  size_t which = input_byte(&r->in), times = 1 + (size_t)input_byte(&r->in);
  if (r->next == 0) return;
  const session_record *one = &r->records[r->next - 1 - which % r->next];
  if (one->lost) return; /* it would come late, but in its place */
  for (size_t i = 0; i < times; i++) give_raw(r, one->at, one->len);
}

static void swap(session_run *r)
{
  if (r->record_count - r->next < 2) return;
  session_record *one = &r->records[r->next], first = one[0];
  session_tamper(r);
  session_give(r, one[1].at, one[1].len);
  session_give(r, first.at, first.len);
  r->next += 2;
}

static void lose(session_run *r)
{
  if (r->next == r->record_count) return;
  session_tamper(r);
  r->records[r->next++].lost = true;
}

static void raw(session_run *r)
{
  size_t len = input_byte(&r->in);
  const uint8_t *at = input_take(&r->in, &len);
  give_raw(r, at, len);
}

/* A record with a well-formed head, perhaps many times. */
static void raw_record(session_run *r)
{
  uint8_t made[5 + 255];
  size_t len = input_byte(&r->in);
  uint8_t type = input_byte(&r->in), times = input_byte(&r->in);
  const uint8_t *body = input_take(&r->in, &len);
  made[0] = (uint8_t)(SSL3_RT_CHANGE_CIPHER_SPEC + type % 6);
  made[1] = 3;
  made[2] = 3;
  made[3] = 0;
  made[4] = (uint8_t)len;
  memcpy(made + 5, body, len);
  for (unsigned i = 0; i <= times; i++) give_raw(r, made, 5 + len);
}

/* ---- the owner ---- */

static void read_some(session_run *r)
{
  session_read(r, 1 + (size_t)input_word(&r->in));
}

static void read_all(session_run *r)
{
  while (session_read(r, 0)) continue;
}

static void read_too_much(session_run *r)
{
  r->stopped = true;
  promise(!session_read(r, FOAL_SSL_READ_MAX + 1 + (size_t)input_byte(&r->in)));
}

static void tell(session_run *r)
{
  session_tell(r, input_word(&r->in), false);
}

static void tell_early(session_run *r)
{
  session_tell(r, input_word(&r->in), true);
}

static void seal(session_run *r)
{
  foal_ssl_seal(r->subject);
  session_watch(r);
}

static void close_it(session_run *r)
{
  foal_ssl_close(r->subject);
  session_watch(r);
}

static void transport_ends(session_run *r)
{
  r->stopped = true;
  foal_err err = foal_ssl_receive_end(r->subject);
  session_watch(r);
  promise(err == foal_ssl_error(r->subject) || err == FOAL_CLEAN);
  promise(err != FOAL_CLEAN || foal_ssl_end_seen(r->subject));
}

static void new_keys(session_run *r)
{
  bool may = r->status == FOAL_SSL_READY || r->status == FOAL_SSL_CLOSING;
  bool modern = foal_ssl_version(r->subject) == FOAL_TLS_1_3;
  foal_err err = foal_ssl_key_update(r->subject, (input_byte(&r->in) & 1) != 0);
  session_watch(r);
  promise(err == (may && modern ? FOAL_OK : FOAL_BAD_STATE));
}

static void dispose(session_run *r)
{
  r->stopped = true;
  foal_ssl_dispose(r->subject);
  session_watch(r);
  promise(r->status == FOAL_SSL_DISPOSED && !foal_ssl_can_send(r->subject));
}

/* A text function keeps to its room, and gives printable text. */
static void look_at_text(session_run *r, size_t (*show)(const foal_ssl *, char *, size_t))
    FOAL_TURN;

static void look_at_text(session_run *r, size_t (*show)(const foal_ssl *, char *, size_t))
{
  char text[NAMES_BYTES];
  size_t room = input_byte(&r->in) % sizeof text;
  memset(text, '#', sizeof text);
  size_t len = show(r->subject, text, room);
  for (size_t i = room; i < sizeof text; i++) promise(text[i] == '#');
  if (room > 0) promise(strlen(text) == (len < room ? len : room - 1));
}

static void look(session_run *r)
{
  uint8_t mark[FOAL_FINGERPRINT_BYTES], secret[16];
  const foal_ssl *s = r->subject;
  look_at_text(r, foal_ssl_peer_subject);
  look_at_text(r, foal_ssl_peer_names);
  bool known = foal_ssl_peer_fingerprint(s, mark);
  promise(known || !foal_ssl_peer_matches(s, "a.test"));
  promise(known || !foal_ssl_peer_verified(s));
  promise(!foal_ssl_peer_verified(s) || foal_ssl_version(s) != 0);
  promise(!foal_ssl_peer_verified(s) || !r->server || cast_server_accepts(&r->spec));
  promise((foal_ssl_cipher(s) != NULL) == (foal_ssl_version(s) != 0));
  promise(!foal_ssl_resumed(s) || r->spec.resume);
  promise(foal_ssl_alert_sent(s) == -1 || foal_ssl_error(s) != FOAL_OK);
  promise(foal_ssl_bytes(s).plain_in == r->heard);
  promise(foal_ssl_bytes(s).plain_out + foal_ssl_queued_bytes(s) <= r->told);
  (void)foal_ssl_server_name(s);
  foal_ssl_exporter what = {.label = "EXPORTER-foal", .context = NULL};
  foal_err err = foal_ssl_export(s, &what, secret, sizeof secret);
  promise((err == FOAL_OK) == (foal_ssl_version(s) != 0));
  session_watch(r);
}

static void save(session_run *r)
{
  foal_buf *b;
  if (!foal_ssl_save(r->subject, &b)) {
    session_watch(r);
    return;
  }
  promise(!r->server && foal_buf_len(b) > 0);
  foal_buf_drop(&b);
  session_watch(r);
}

static void reply(session_run *r)
{
  session_reply(r);
}

static void reply_one(session_run *r)
{
  foal_buf *b;
  if (foal_ssl_send(r->subject, &b)) foal_ssl_receive(r->peer, &b);
  session_watch(r);
}

/* ---- the peer ---- */

static void say(session_run *r)
{
  session_say(r, input_word(&r->in));
}

static void peer_closes(session_run *r)
{
  foal_ssl_close(r->peer);
}

static void peer_new_keys(session_run *r)
{
  uint8_t how = input_byte(&r->in);
  foal_err err = foal_ssl_key_update(r->peer, (how & 1) != 0);
  promise(err == FOAL_OK || err == FOAL_BAD_STATE);
}

static void flow(session_run *r)
{
  session_flow(r, input_byte(&r->in) % 8);
}

/* A byte of the input means the act at its place; new ones go to the end. */
static void (*const acts[])(session_run *) = {
    next_flight,   pass,       pass_in_pieces, pass_all,       pass_joined,   change,
    overwrite,     cut_short,  insert_within,  replay,         swap,          lose,
    raw,           raw_record, read_some,      read_all,       read_too_much, tell,
    tell_early,    seal,       close_it,       transport_ends, new_keys,      dispose,
    look,          save,       reply,          reply_one,      say,           peer_closes,
    peer_new_keys, flow};
enum { ACT_COUNT = sizeof acts / sizeof acts[0] };

/* ---- the story ---- */

static void end_well(session_run *r) FOAL_TURN;

static void end_well(session_run *r)
{
  for (int i = 0; i < 4; i++) {
    session_flow(r, FLOWS);
    read_all(r);
  }
  if (r->tampered || r->stopped || !cast_agree(&r->spec)) return;
  /* An owner that does not read, or renews keys all the time, is a limit's business. */
  if (foal_ssl_error(r->subject) == FOAL_LIMIT || foal_ssl_error(r->peer) == FOAL_LIMIT)
    return;
  bool well = foal_ssl_error(r->subject) == FOAL_OK && foal_ssl_error(r->peer) == FOAL_OK;
  if (!well)
    fprintf(stderr, "subject: %s; peer: %s\n", foal_ssl_reason(r->subject),
            foal_ssl_reason(r->peer));
  promise(well);
  promise(r->status != FOAL_SSL_HANDSHAKE);
  promise(r->learnt == r->told);
  promise(r->heard == r->said);
}

void session_script(bool server, const uint8_t *bytes, size_t len)
{
  session_run *r = calloc(1, sizeof *r);
  promise(r != NULL);
  cast_turn();
  r->in = (fuzz_input){bytes, len};
  r->server = server;
  uint8_t first = input_byte(&r->in), second = input_byte(&r->in);
  r->spec = cast_read(first, second);
  session_open(r);
  session_flow(r, second >> 4 & 7);
  for (int i = 0; i < ACTS_MAX && r->in.left > 0; i++) {
    acts[input_byte(&r->in) % ACT_COUNT](r);
    if (r->in.left > 0 && second >> 7 != 0) session_reply(r);
  }
  end_well(r);
  session_close(r);
  free(r);
  ERR_clear_error();
}
