/* session_foal.c - two sessions of Foal, driven as ssl.h says: write, send, receive,
 * read, each until it gives nothing more. One buffer of text goes back and forth. */
#include "session.h"

enum { STEPS_MAX = 16 }; /* of a handshake */

typedef struct foal_pair {
  foal_ssl_ctx *client_ctx, *server_ctx;
  foal_ssl *client FOAL_REF;
  foal_ssl *server FOAL_REF;
  foal_ssl_ticket *ticket;
  foal_slot text;
} foal_pair;

static foal_pair the_pair;

static bool set_rules(foal_ssl_ctx *ctx)
{
  return ctx != NULL &&
         foal_ssl_ctx_versions(ctx, FOAL_TLS_1_3, FOAL_TLS_1_3) == FOAL_OK &&
         foal_ssl_ctx_suites(ctx, SESSION_SUITE) == FOAL_OK &&
         foal_ssl_ctx_groups(ctx, SESSION_GROUP) == FOAL_OK &&
         foal_ssl_ctx_tickets(ctx, SESSION_TICKETS) == FOAL_OK;
}

static bool open_foal(void *self, const char *cert_pem, const char *key_pem)
{
  foal_pair *p = (foal_pair *)self;
  p->client_ctx = foal_ssl_ctx_new();
  p->server_ctx = foal_ssl_ctx_new();
  return set_rules(p->client_ctx) && set_rules(p->server_ctx) &&
         foal_ssl_ctx_use_cert_pem(p->server_ctx, cert_pem, key_pem) == FOAL_OK &&
         foal_ssl_ctx_trust_pem(p->client_ctx, cert_pem) == FOAL_OK;
}

static void carry(foal_ssl *from, foal_ssl *to) FOAL_TURN;
static void carry(foal_ssl *from, foal_ssl *to)
{
  foal_buf *b;
  while (foal_ssl_send(from, &b)) foal_ssl_receive(to, &b);
}

static void hear(foal_ssl *s, foal_slot *text) FOAL_TURN;
static void hear(foal_ssl *s, foal_slot *text)
{
  foal_buf *b;
  while (foal_ssl_read(s, 0, &b)) foal_slot_put(text, &b);
}

static bool are_ready(const foal_pair *p) FOAL_TURN;
static bool are_ready(const foal_pair *p)
{
  return foal_ssl_state(p->client) == FOAL_SSL_READY &&
         foal_ssl_state(p->server) == FOAL_SSL_READY;
}

static foal_ssl *client_of(const foal_pair *p, bool resume) FOAL_TURN;
static foal_ssl *client_of(const foal_pair *p, bool resume)
{
  if (!resume || p->ticket == NULL) return foal_ssl_client(p->client_ctx, SESSION_HOST);
  return foal_ssl_client_again(p->client_ctx, SESSION_HOST, p->ticket);
}

FOAL_TRUSTED static bool agree(void *self, bool resume)
{
  foal_pair *p = (foal_pair *)self;
  foal_ssl_free(&p->client);
  foal_ssl_free(&p->server);
  p->client = client_of(p, resume);
  p->server = foal_ssl_server(p->server_ctx);
  if (p->client == NULL || p->server == NULL) return false;
  for (int i = 0; i < STEPS_MAX && !are_ready(p); i++) {
    carry(p->client, p->server);
    carry(p->server, p->client);
  }
  carry(p->server, p->client);
  hear(p->client, &p->text);
  if (p->ticket == NULL) p->ticket = foal_ssl_keep(p->client);
  return are_ready(p) && foal_ssl_resumed(p->server) == resume;
}

static bool pass(foal_ssl *from, foal_ssl *to, foal_slot *text) FOAL_TURN;
static bool pass(foal_ssl *from, foal_ssl *to, foal_slot *text)
{
  foal_buf *b;
  if (!foal_slot_take(text, &b) || foal_ssl_write(from, &b) != FOAL_OK) return false;
  carry(from, to);
  hear(to, text);
  return foal_slot_full(text);
}

/* A new size needs a new buffer; after that it is always the same bytes. */
FOAL_TRUSTED static bool talk(void *self, size_t bytes)
{
  static const uint8_t zeros[SESSION_RECORD_BYTES_MAX];
  foal_pair *p = (foal_pair *)self;
  foal_buf *b;
  if (!foal_slot_full(&p->text) || foal_buf_len(p->text.held_) != bytes) {
    if (!foal_buf_from(&b, zeros, bytes)) return false;
    foal_slot_put(&p->text, &b);
  }
  return pass(p->client, p->server, &p->text) && pass(p->server, p->client, &p->text) &&
         foal_buf_len(p->text.held_) == bytes;
}

FOAL_TRUSTED static void close_foal(void *self)
{
  foal_pair *p = (foal_pair *)self;
  foal_ssl_ticket_drop(&p->ticket);
  foal_slot_clear(&p->text);
  foal_ssl_free(&p->client);
  foal_ssl_free(&p->server);
  foal_ssl_ctx_drop(&p->client_ctx);
  foal_ssl_ctx_drop(&p->server_ctx);
}

const session_engine session_foal = {"foal", open_foal,  agree,
                                     talk,   close_foal, &the_pair};
