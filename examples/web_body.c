/* web_body.c - the body of a request: dropped, hashed, or sent back.
 *
 * It comes in pieces that lie in the received buffer, and none of them is kept. The head
 * of an echo waits for the first piece, so that "100 Continue" can come before it. */
#include "web.h"

#include <stdio.h>
#include <string.h>

static const char EXPECTED[] = "HTTP/1.1 100 Continue\r\n\r\n";

FOAL_TURN static void echo_head(web *self)
{
  http_reply reply = {.status = 200, .type = "application/octet-stream"};
  reply.chunked = self->job->parser.chunked;
  reply.length = self->job->parser.content_length;
  web__answer_head(self, reply);
}

bool web__body_begin(web *self, web_sink sink)
{
  web_job *job = self->job;
  job->sink = sink;
  self->phase = WEB_BODY;
  if (sink == WEB_HASH) {
    job->hash = EVP_MD_CTX_new();
    if (job->hash == NULL || EVP_DigestInit_ex(job->hash, EVP_sha256(), NULL) != 1) {
      web__refuse(self, 503, "no memory");
      return false;
    }
  }
  bool has_body = job->parser.chunked || job->parser.content_length > 0;
  if (job->parser.expects_continue && has_body && sink != WEB_DROP)
    web__put(self, (http_text){EXPECTED, sizeof(EXPECTED) - 1});
  return true;
}

FOAL_TURN static void echo_chunk(web *self, http_text data)
{
  char line[20];
  int len = snprintf(line, sizeof(line), "%zx\r\n", data.len);
  web__put(self, (http_text){line, (size_t)len});
  web__put(self, data);
  web__put(self, (http_text){"\r\n", 2});
}

FOAL_TURN static void echo(web *self, http_text data)
{
  if (!self->job->answered) echo_head(self);
  if (self->job->no_content) return;
  if (self->job->parser.chunked)
    echo_chunk(self, data);
  else
    web__put(self, data);
}

void web__body_data(web *self, http_text data)
{
  const web_job *job = self->job;
  switch (job->sink) {
  case WEB_DROP:
    if (job->parser.body_bytes > WEB_DROPPED_BYTES_MAX) web__refuse(self, 413, NULL);
    break;
  case WEB_HASH:
    if (EVP_DigestUpdate(job->hash, data.at, data.len) != 1)
      web__refuse(self, 500, "the hash failed");
    break;
  case WEB_ECHO:
    echo(self, data);
    break;
  }
}

FOAL_TURN static void answer_hash(web *self)
{
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned len = 0;
  char text[160];
  if (EVP_DigestFinal_ex(self->job->hash, digest, &len) != 1) {
    web__refuse(self, 500, "the hash failed");
    return;
  }
  int at = snprintf(text, sizeof(text), "{\"bytes\": %llu, \"sha256\": \"",
                    (unsigned long long)self->job->parser.body_bytes);
  for (unsigned i = 0; i < len && at < 120; i++)
    at += snprintf(text + at, sizeof(text) - (size_t)at, "%02x", digest[i]);
  at += snprintf(text + at, sizeof(text) - (size_t)at, "\"}\n");
  http_reply reply = {.status = 200, .type = "application/json"};
  web__answer(self, reply, (http_text){text, (size_t)at});
}

void web__body_end(web *self)
{
  const web_job *job = self->job;
  switch (job->sink) {
  case WEB_DROP:
    break;
  case WEB_HASH:
    answer_hash(self);
    break;
  case WEB_ECHO:
    if (!job->answered) echo_head(self);
    if (job->parser.chunked && !job->no_content)
      web__put(self, (http_text){"0\r\n\r\n", 5});
    break;
  }
}

void web__body_clear(web *self)
{
  EVP_MD_CTX_free(self->job->hash);
  self->job->hash = NULL;
}
