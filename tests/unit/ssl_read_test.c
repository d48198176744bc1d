/* ssl_read_test.c - foal_ssl_read: exactly n or nothing, 0 for all there is, nothing
 * lost. Names in comments are Pony's.                                                  */
#include "foal_test.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* SSL.read/pending_exceeds_expect */
Test(ssl_read, gives_exactly_what_is_expected)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  pair_send_pattern(&p, 0, 50);
  pair_hear_pattern(&p, 20, 0, 20);
  pair_hear_pattern(&p, 10, 20, 10);
  cr_assert_null(hear(p.server, 21));
  pair_hear_pattern(&p, 0, 30, 20);
  cr_assert_null(hear(p.server, 0));
  cr_assert_null(hear(p.server, 1));
  pair_end(&p);
}

/* SSL.read/with_buffered_bytes, by the seed's rule: too few stay, whatever comes next. */
Test(ssl_read, what_is_too_little_stays)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  pair_send_pattern(&p, 0, 50);
  cr_assert_null(hear(p.server, 100));
  cr_assert_null(hear(p.server, 100));
  pair_hear_pattern(&p, 20, 0, 20);
  cr_assert_null(hear(p.server, 100));
  pair_hear_pattern(&p, 0, 20, 30);
  pair_send_pattern(&p, 50, 50);
  cr_assert_null(hear(p.server, 100));
  pair_send_pattern(&p, 100, 7);
  pair_hear_pattern(&p, 0, 50, 57);
  pair_end(&p);
}

Test(ssl_read, exact_reads_span_records_and_feeds)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  for (size_t i = 0; i < 10; i++) {
    cr_assert_null(hear(p.server, 1000));
    pair_send_pattern(&p, i * 100, 100);
  }
  pair_hear_pattern(&p, 1000, 0, 1000);
  pair_send_pattern(&p, 0, 60000);
  for (size_t i = 0; i < 60; i++) pair_hear_pattern(&p, 1000, i * 1000, 1000);
  cr_assert_null(hear(p.server, 0));
  pair_end(&p);
}

Test(ssl_read, any_change_of_expectation_keeps_every_byte)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  srand(3);
  size_t sent = 0, got = 0;
  for (int round = 0; round < 400; round++) {
    size_t len = 1 + (size_t)rand() % (round % 7 == 0 ? 40000 : 300);
    pair_send_pattern(&p, sent, len);
    sent += len;
    for (int reads = rand() % 5; reads > 0; reads--) {
      size_t expect = rand() % 3 == 0 ? 0 : 1 + (size_t)rand() % 2000;
      const char *bytes_got = hear(p.server, expect);
      if (bytes_got == NULL) {
        cr_assert(sent - got < expect || sent == got);
        continue;
      }
      cr_assert(expect == 0 || heard_len() == expect);
      for (size_t i = 0; i < heard_len(); i++)
        cr_assert_eq((uint8_t)bytes_got[i], pair_pattern(got + i));
      got += heard_len();
    }
  }
  while (hear(p.server, 0) != NULL) got += heard_len();
  cr_assert_eq(got, sent);
  cr_assert_eq(foal_ssl_bytes(p.server).plain_in, sent);
  cr_assert_eq(foal_ssl_bytes(p.client).plain_out, sent);
  pair_end(&p);
}

/* Leftovers are joined: 50 kept and 7 new ones are one read of 57, wherever they lie. */
Test(ssl_read, all_there_is_comes_in_one_piece_while_it_is_small)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  pair_send_pattern(&p, 0, 400);
  pair_hear_pattern(&p, 350, 0, 350);
  pair_send_pattern(&p, 400, 2000);
  pair_hear_pattern(&p, 0, 350, 2050);
  pair_end(&p);
}

Test(ssl_read, large_amounts_come_in_chunks)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_write_bytes(p.client_ctx, 1 << 20), FOAL_OK);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  pair_send_pattern(&p, 0, 700000);
  size_t at = 0, reads = 0;
  while (hear(p.server, 0) != NULL) {
    cr_assert_leq(heard_len(), FOAL_SSL_CHUNK + 1024);
    at += heard_len();
    reads++;
  }
  cr_assert_eq(at, 700000);
  cr_assert_leq(reads, 12);
  pair_send_pattern(&p, 0, 700000);
  pair_hear_pattern(&p, 700000, 0, 700000);
  pair_end(&p);
}

/* One hundred thousand records of one byte: no recursion, and still exactly n. */
Test(ssl_read, many_tiny_records_do_not_pile_up)
{
  turn_of_test();
  enum { COUNT = 20000 };
  pair p;
  pair_ready(&p);
  for (size_t i = 0; i < COUNT; i++) {
    pair_send_pattern(&p, i, 1);
    cr_assert_null(hear(p.server, COUNT + 1));
  }
  pair_hear_pattern(&p, COUNT, 0, COUNT);
  pair_end(&p);
}

Test(ssl_read, an_expectation_beyond_all_bounds_ends_the_session)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  cr_assert_null(hear(p.server, FOAL_SSL_READ_MAX));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
  cr_assert_null(hear(p.server, (size_t)FOAL_SSL_READ_MAX + 1));
  cr_assert_eq(foal_ssl_error(p.server), FOAL_LIMIT);
  pair_end(&p);
}

/* A record that arrives in two halves is not there until it is whole. */
Test(ssl_read, half_a_record_is_nothing)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  cr_assert_eq(say(p.client, "whole"), FOAL_OK);
  cipher_bytes all = take_cipher(p.client);
  for (size_t i = 0; i + 1 < all.len; i++) {
    give_cipher(p.server, all.at + i, 1);
    cr_assert_null(hear(p.server, 0));
  }
  give_cipher(p.server, all.at + all.len - 1, 1);
  cr_assert_str_eq(hear(p.server, 0), "whole");
  free(all.at);
  pair_end(&p);
}

Test(ssl_read, two_records_in_one_buffer_are_both_read)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  cr_assert_eq(say(p.client, "one"), FOAL_OK);
  cipher_bytes first = take_cipher(p.client);
  cr_assert_eq(say(p.client, "two"), FOAL_OK);
  cipher_bytes second = take_cipher(p.client);
  uint8_t both[200];
  memcpy(both, first.at, first.len);
  memcpy(both + first.len, second.at, second.len);
  give_cipher(p.server, both, first.len + second.len);
  cr_assert_str_eq(hear(p.server, 0), "onetwo");
  free(first.at);
  free(second.at);
  pair_end(&p);
}

/* OpenSSL may read ahead within the record only, wherever the bytes were cut: what it
 * held of the next one would wait for input that never comes. */
Test(ssl_read, no_byte_of_the_next_record_is_taken_early)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  (void)hear(p.client, 0);
  cr_assert_eq(say(p.client, "one"), FOAL_OK);
  cipher_bytes probe = take_cipher(p.client);
  give_cipher(p.server, probe.at, probe.len);
  cr_assert_str_eq(hear(p.server, 3), "one");
  for (size_t cut = 0; cut <= 2 * probe.len; cut++) {
    uint8_t wire[400];
    for (size_t i = 0; i < 3; i++) {
      cr_assert_eq(say(p.client, i == 0 ? "one" : i == 1 ? "two" : "six"), FOAL_OK);
      cipher_bytes record = take_cipher(p.client);
      cr_assert_eq(record.len, probe.len);
      memcpy(wire + i * record.len, record.at, record.len);
      free(record.at);
    }
    give_cipher(p.server, wire, cut);
    give_cipher(p.server, wire + cut, 3 * probe.len - cut);
    cr_assert_str_eq(hear(p.server, 3), "one");
    cr_assert_eq(foal__ssl_in_bytes(p.server), 2 * probe.len);
    cr_assert_str_eq(hear(p.server, 3), "two");
    cr_assert_eq(foal__ssl_in_bytes(p.server), probe.len);
    cr_assert_str_eq(hear(p.server, 3), "six");
  }
  free(probe.at);
  pair_end(&p);
}

/* Data that comes along with the client's Finished is kept and readable at once. */
Test(ssl_read, data_behind_the_handshake_is_kept)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  cipher_bytes hello = take_cipher(p.client);
  give_cipher(p.server, hello.at, hello.len);
  cipher_bytes flight = take_cipher(p.server);
  give_cipher(p.client, flight.at, flight.len);
  cr_assert_eq(say(p.client, "early bird"), FOAL_OK);
  cipher_bytes finished = take_cipher(p.client);
  give_cipher(p.server, finished.at, finished.len);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
  cr_assert_str_eq(hear(p.server, 10), "early bird");
  free(hello.at);
  free(flight.at);
  free(finished.at);
  pair_end(&p);
}

/* An idle session keeps no buffer. */
Test(ssl_read, nothing_is_held_when_idle)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  (void)hear(p.client, 0);
  pair_send_pattern(&p, 0, 50000);
  (void)hear_all(p.server);
  foal_ssl *both[] = {p.client, p.server};
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(foal_bufq_count(&both[i]->in), 0);
    cr_assert_eq(foal_bufq_count(&both[i]->plain), 0);
    cr_assert_eq(foal_bufq_count(&both[i]->text), 0);
    cr_assert_eq(foal_bufq_count(&both[i]->out), 0);
    cr_assert_not(foal_slot_full(&both[i]->reading.slot));
    cr_assert_not(foal_slot_full(&both[i]->fill.slot));
    cr_assert_not(foal_slot_full(&both[i]->writing.slot));
  }
  pair_end(&p);
}
