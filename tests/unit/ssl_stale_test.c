/* ssl_stale_test.c - records are read and written without a look at OpenSSL's error
 * queue: whatever lies there, before a call or since it began, decides nothing and
 * explains nothing. Whole dialogues are in tests/conformance/ssl_stale_test.c.         */
#include "foal_test.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

/* What others may have left: of each kind that means something to a session. */
static const struct dirt {
  int lib, reason;
} dirts[] = {{ERR_LIB_NONE, 0},
             {ERR_LIB_SSL, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE},
             {ERR_LIB_SSL, SSL_R_TLSV1_ALERT_UNKNOWN_CA},
             {ERR_LIB_SSL, ERR_R_MALLOC_FAILURE},
             {ERR_LIB_EVP, ERR_R_MALLOC_FAILURE},
             {ERR_LIB_SYS, EIO},
             {ERR_LIB_SSL, SSL_R_UNEXPECTED_EOF_WHILE_READING}};
enum { DIRTS = sizeof dirts / sizeof dirts[0] };

static const struct dirt *everywhere;

static void leave(void)
{
  if (everywhere->lib != ERR_LIB_NONE) ERR_raise(everywhere->lib, everywhere->reason);
}

/* OpenSSL calls this in the middle of a read, before it knows how that will end. */
static void soil_inside(int write, int version, int type, const void *bytes, size_t len,
                        SSL *tls, void *arg)
{
  (void)version, (void)type, (void)bytes, (void)len, (void)tls, (void)arg;
  if (!write) leave();
}

/* The server gets so many bytes, on a dirty queue, and reads. */
static const char *served(pair *p, const uint8_t *at, size_t len) FOAL_TURN;

static const char *served(pair *p, const uint8_t *at, size_t len)
{
  leave();
  give_cipher(p->server, at, len);
  leave();
  const char *text = hear(p->server, 0);
  return text;
}

static cipher_bytes record_of(pair *p, const char *text) FOAL_TURN;

static cipher_bytes record_of(pair *p, const char *text)
{
  leave();
  cr_assert_eq(say(p->client, text), FOAL_OK);
  leave();
  return take_cipher(p->client);
}

/* Half a record is no error, the rest of it is text, a damaged one and the alert it
 * causes end both sides for their own reasons, and only for those. */
static void end_badly(pair *p) FOAL_TURN;

static void end_badly(pair *p)
{
  cipher_bytes all = record_of(p, "whole");
  cr_expect_null(served(p, all.at, all.len / 2));
  cr_expect_eq(foal_ssl_state(p->server), FOAL_SSL_READY);
  cr_expect_eq(ERR_peek_error(), 0);
  cr_expect_str_eq(served(p, all.at + all.len / 2, all.len - all.len / 2), "whole");
  free(all.at);
  all = record_of(p, "damaged");
  all.at[all.len - 1] ^= 1;
  cr_expect_null(served(p, all.at, all.len));
  free(all.at);
  cr_expect_eq(foal_ssl_error(p->server), FOAL_TLS_FAILED);
  cr_expect_eq(foal_ssl_alert_received(p->server), -1);
  cr_expect_str_eq(foal_ssl_reason(p->server), "decryption failed or bad record mac; "
                                               "sent alert 20, bad record mac");
  cr_expect_eq(ERR_peek_error(), 0);
  all = take_cipher(p->server);
  leave();
  give_cipher(p->client, all.at, all.len);
  leave();
  cr_expect_null(hear(p->client, 0));
  free(all.at);
  cr_expect_eq(foal_ssl_error(p->client), FOAL_TLS_ALERT);
  cr_expect_str_eq(foal_ssl_reason(p->client), "the peer sent alert 20, bad record mac");
  cr_expect_eq(ERR_peek_error(), 0);
}

static void end_well(pair *p) FOAL_TURN;

static void end_well(pair *p)
{
  leave();
  foal_ssl_close(p->client);
  leave();
  cipher_bytes all = take_cipher(p->client);
  cr_expect_null(served(p, all.at, all.len));
  free(all.at);
  cr_expect_eq(foal_ssl_state(p->server), FOAL_SSL_CLOSING);
  cr_expect(foal_ssl_end_seen(p->server));
  cr_expect_eq(ERR_peek_error(), 0);
}

Test(ssl_stale, what_others_left_explains_no_end)
{
  turn_of_test();
  for (int i = 0; i < DIRTS * 8; i++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, i & 1 ? FOAL_TLS_1_3 : FOAL_TLS_1_2);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    (void)hear(p.client, 0);
    everywhere = &dirts[i / 8];
    if (i & 2) SSL_set_msg_callback(p.client->tls, soil_inside);
    if (i & 2) SSL_set_msg_callback(p.server->tls, soil_inside);
    if (i & 4)
      end_badly(&p);
    else
      end_well(&p);
    pair_end(&p);
    ERR_clear_error();
  }
}
