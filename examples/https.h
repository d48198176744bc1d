/* https.h - what the parts of the HTTPS example know of each other.
 *
 * A web_site is set up once before the workers start and never changes afterwards; every
 * connection reads it. */
#ifndef HTTPS_H
#define HTTPS_H

#include "access_log.h"
#include "http_parser.h"

#include <foal.h>

typedef struct web_site {
  http_limits limits;
  int root; /* descriptor of the folder that is served; -1: none */
  bool echo;
  bool logged;
  access_log_tag log;
  uint32_t header_ms; /* for a head, and the span in which a body must move */
} web_site;

/** Listens; every connection is served from the site.
 *  options  borrowed; its conn.context must be a web_site
 *  out      out
 *  runs     between foal_start and foal_run
 *  fails    as foal_listen_options says */
foal_err web_open(const foal_listen_options *options, foal_listener *out) FOAL_MUST;

#endif
