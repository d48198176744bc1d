/* pitfalls_session_test.c - reading and writing that other stacks got wrong, in memory.
 * Which stacks, and how: docs/pitfalls.md. */
#include "foal_test.h"
#include "raw_peer.h"
#include "ssl/impl/ctx.h"
#include "ssl/impl/session.h"

#include <stdlib.h>
#include <string.h>

static const foal_tls versions[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};
enum { VERSIONS = 2, RECORD = 16384, KEY_UPDATE = 27 /* 5 + 5 + 1 + 16 bytes */ };

static void ready(pair *p, foal_tls version) FOAL_TURN;

/* A pair that speaks this version and has nothing left to say. */
static void ready(pair *p, foal_tls version)
{
  pair_prepare(p);
  pair_only(p, version);
  pair_begin(p, "a.test");
  pair_pump(p);
  cr_assert_eq(foal_ssl_state(p->server), FOAL_SSL_READY, "%s",
               foal_ssl_reason(p->server));
  cr_assert_null(hear(p->client, 0));
}

static void ready_raw(pair *p, raw_peer *r, int version) FOAL_TURN;

/* Our server and a client on plain OpenSSL. */
static void ready_raw(pair *p, raw_peer *r, int version)
{
  pair_prepare(p);
  raw_make(r, NULL, version);
  p->server = foal_ssl_server(p->server_ctx);
  (void)SSL_do_handshake(r->tls);
  raw_to(r, p->server);
  raw_shake(r, p->server);
}

static size_t stream(foal_ssl *from, foal_ssl *to) FOAL_TURN;

/* Buffer by buffer, each read when it arrives; how many bytes of plaintext. */
static size_t stream(foal_ssl *from, foal_ssl *to)
{
  foal_buf *b;
  size_t heard = 0;
  while (foal_ssl_send(from, &b)) {
    foal_ssl_receive(to, &b);
    heard += hear_all(to);
  }
  return heard;
}

/* ---- writing ---- */

/* OpenSSL is only asked to write what fits: there is no retry that could come with
 * another buffer or another length. */
Test(pitfall, a_write_is_taken_whole_or_refused)
{
  turn_of_test();
  static uint8_t text[1 << 20];
  static const size_t sizes[] = {1, RECORD - 1, RECORD, RECORD + 1, 65536, 1 << 20};
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    ready(&p, versions[i]);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
      cr_assert_eq(say_bytes(p.server, text, sizes[k]), FOAL_OK);
      cr_assert_eq(foal_ssl_queued_bytes(p.server), sizes[k]);
      if (sizes[k] >= 65536) {
        cr_assert_eq(say_bytes(p.server, text, 1), FOAL_FULL);
        cr_assert_eq(foal_ssl_queued_bytes(p.server), sizes[k]);
      }
      cr_assert_eq(stream(p.server, p.client), sizes[k]);
      cr_assert_eq(foal_ssl_queued_bytes(p.server), 0);
    }
    pair_end(&p);
  }
}

/* The caller's buffer is taken, so it cannot move under OpenSSL between two tries. */
Test(pitfall, a_buffer_that_is_written_has_moved)
{
  turn_of_test();
  pair p;
  foal_buf *b;
  ready(&p, FOAL_TLS_1_3);
  bool made = foal_buf_from(&b, "moved", 5);
  if (!made) return;
  cr_assert_eq(foal_ssl_write(p.client, &b), FOAL_OK);
  cr_assert_null(b);
  made = foal_buf_from(&b, "again", 5);
  if (!made) return;
  cr_assert_eq(foal_ssl_write(p.client, &b), FOAL_OK);
  cr_assert_null(b);
  pair_pump(&p);
  cr_assert_str_eq(hear(p.server, 0), "movedagain");
  pair_end(&p);
}

/* A peer that wants to renegotiate would make writing wait for reading. */
Test(pitfall, a_write_never_waits_for_a_read)
{
  turn_of_test();
  pair p;
  raw_peer r;
  pair_prepare(&p);
  raw_make(&r, p.cast.server, TLS1_2_VERSION);
  p.client = foal_ssl_client(p.client_ctx, "a.test");
  raw_shake(&r, p.client);
  cr_assert_eq(SSL_renegotiate(r.tls), 1);
  (void)SSL_do_handshake(r.tls); /* asks for a new ClientHello */
  raw_to(&r, p.client);
  for (int i = 0; i < 10; i++) {
    cr_assert_eq(say(p.client, "0123456789"), FOAL_OK);
    cr_assert(foal_ssl_can_send(p.client));
    raw_from(&r, p.client);
    cr_assert_null(hear(p.client, 0));
  }
  cr_assert_not(foal_ssl_can_send(p.client), "and nothing spins");
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s", foal_ssl_reason(p.client));
  cr_assert_eq(foal_ssl_bytes(p.client).plain_out, 100);
  raw_free(&r);
  pair_end(&p);
}

/* What is not taken stays plaintext, which is what the bound counts. */
Test(pitfall, ciphertext_is_made_when_it_is_taken)
{
  turn_of_test();
  static uint8_t text[1 << 20];
  foal_buf *b;
  pair p;
  ready(&p, FOAL_TLS_1_3);
  cr_assert_eq(say_bytes(p.server, text, sizeof text), FOAL_OK);
  cr_assert_eq(foal_ssl_sealed_bytes(p.server), 0);
  while (foal_ssl_send(p.server, &b)) {
    cr_assert_leq(foal_buf_len(b), (size_t)FOAL_SSL_CHUNK + 1024);
    cr_assert_eq(foal_ssl_sealed_bytes(p.server), 0);
    foal_ssl_receive(p.client, &b);
    (void)hear_all(p.client);
  }
  cr_assert_eq(foal_ssl_bytes(p.client).plain_in, sizeof text);
  pair_end(&p);
}

Test(pitfall, no_buffer_is_kept_at_its_peak)
{
  turn_of_test();
  static uint8_t text[1 << 20];
  pair p;
  ready(&p, FOAL_TLS_1_3);
  cr_assert_eq(say_bytes(p.server, text, sizeof text), FOAL_OK);
  cr_assert_eq(stream(p.server, p.client), sizeof text);
  foal_ssl *both[] = {p.client, p.server};
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(foal_bufq_count(&both[i]->in) + foal_bufq_count(&both[i]->plain), 0);
    cr_assert_eq(foal_bufq_count(&both[i]->text) + foal_bufq_count(&both[i]->out), 0);
    cr_assert_not(foal_slot_full(&both[i]->reading.slot));
    cr_assert_not(foal_slot_full(&both[i]->fill.slot));
    cr_assert_not(foal_slot_full(&both[i]->writing.slot));
  }
  pair_end(&p);
}

/* What left the session is the owner's: it outlives the session. */
Test(pitfall, ciphertext_outlives_its_session)
{
  turn_of_test();
  foal_buf *b;
  pair p;
  ready(&p, FOAL_TLS_1_3);
  cr_assert_eq(say(p.client, "the last words"), FOAL_OK);
  bool sent = foal_ssl_send(p.client, &b);
  if (!sent) {
    cr_assert_fail("nothing to send");
    return;
  }
  foal_ssl_free(&p.client);
  foal_ssl_receive(p.server, &b);
  cr_assert_str_eq(hear(p.server, 0), "the last words");
  pair_end(&p);
}

Test(pitfall, writing_to_a_peer_that_closed_is_safe)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    ready(&p, versions[i]);
    foal_ssl_close(p.client);
    pair_pump(&p);
    cr_assert_null(hear(p.server, 0));
    cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_CLEAN);
    cr_assert_eq(say(p.server, "into the void"), FOAL_OK);
    foal_ssl_free(&p.client);
    free(take_cipher(p.server).at);
    foal_ssl_dispose(p.server);
    cr_assert_eq(say(p.server, "after all"), FOAL_OK, "dropped");
    cr_assert_not(foal_ssl_can_send(p.server));
    pair_end(&p);
  }
}

/* ---- reading ---- */

Test(pitfall, second_record_in_one_segment)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    ready(&p, versions[i]);
    cr_assert_eq(say(p.client, "hello "), FOAL_OK);
    cipher_bytes first = take_cipher(p.client);
    cr_assert_eq(say(p.client, "world"), FOAL_OK);
    cipher_bytes second = take_cipher(p.client);
    uint8_t both[200];
    cr_assert_lt(first.len + second.len, sizeof both);
    memcpy(both, first.at, first.len);
    memcpy(both + first.len, second.at, second.len);
    give_cipher(p.server, both, first.len + second.len);
    cr_assert_str_eq(hear(p.server, 6), "hello ");
    cr_assert_str_eq(hear(p.server, 5), "world", "without another segment");
    free(first.at);
    free(second.at);
    pair_end(&p);
  }
}

Test(pitfall, records_in_one_byte_segments)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, versions[i]);
    pair_begin(&p, "a.test");
    pump(p.client, p.server, 1);
    cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
    for (int k = 0; k < 20; k++) cr_assert_eq(say(p.client, "a few words"), FOAL_OK);
    pump(p.client, p.server, 1);
    cr_assert_eq(hear_all(p.server), 220);
    foal_ssl_close(p.client);
    pump(p.client, p.server, 1);
    cr_assert_null(hear(p.server, 0));
    cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_CLEAN);
    pair_end(&p);
  }
}

/* No event tells of bytes inside OpenSSL: so between calls there are none. */
Test(pitfall, nothing_stays_inside_openssl)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    ready(&p, versions[i]);
    for (size_t at = 0; at < 60000; at += 6000) pair_send_pattern(&p, at, 6000);
    pair_hear_pattern(&p, 1, 0, 1);
    cr_assert_eq(SSL_pending(p.server->tls), 0);
    for (size_t at = 1; at < 59000; at += 1000) {
      pair_hear_pattern(&p, 1000, at, 1000);
      cr_assert_eq(SSL_pending(p.server->tls), 0);
    }
    pair_hear_pattern(&p, 0, 59001, 999);
    cr_assert_not(SSL_has_pending(p.server->tls));
    pair_end(&p);
  }
}

Test(pitfall, no_read_loop_has_a_limit)
{
  turn_of_test();
  enum { RECORDS = 2000 };
  static uint8_t all[RECORDS * 64];
  size_t len = 0;
  pair p;
  ready(&p, FOAL_TLS_1_3);
  for (int i = 0; i < RECORDS; i++) {
    cr_assert_eq(say(p.client, "x"), FOAL_OK);
    cipher_bytes one = take_cipher(p.client);
    memcpy(all + len, one.at, one.len);
    len += one.len;
    free(one.at);
  }
  give_cipher(p.server, all, len);
  cr_assert_not_null(hear(p.server, RECORDS), "in one call, and without recursion");
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
  pair_end(&p);
}

/* Reading makes something to send, and nobody takes it: reading goes on. */
Test(pitfall, output_that_waits_does_not_stop_reading)
{
  turn_of_test();
  enum { ASKED = 200 };
  pair p;
  raw_peer r;
  int why;
  ready_raw(&p, &r, TLS1_3_VERSION);
  for (int i = 0; i < ASKED; i++) {
    cr_assert_eq(SSL_key_update(r.tls, SSL_KEY_UPDATE_REQUESTED), 1);
    cr_assert_eq(SSL_write(r.tls, "data", 4), 4);
    raw_to(&r, p.server);
    cr_assert_str_eq(hear(p.server, 0), "data", "%s", foal_ssl_reason(p.server));
    cr_assert_leq(foal_ssl_sealed_bytes(p.server), ASKED * KEY_UPDATE);
  }
  cr_assert_eq(say(p.server, "answer"), FOAL_OK);
  raw_from(&r, p.server);
  cr_assert_eq(raw_hear(&r, &why), 6);
  raw_free(&r);
  pair_end(&p);
}

Test(pitfall, a_record_is_one_piece)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    ready(&p, versions[i]);
    pair_send_pattern(&p, 0, RECORD);
    pair_hear_pattern(&p, 0, 0, RECORD);
    cr_assert_null(hear(p.server, 0));
    pair_end(&p);
  }
}
