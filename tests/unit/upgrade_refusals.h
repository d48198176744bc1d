/* upgrade_refusals.h - the calls that start_tls makes and upgrade_refuse_test.c refuses;
 * see refuse.h. One function a line, its name first: tests/CMakeLists.txt reads it there.
 * Included by that test only. */
#ifndef FOAL_TESTS_UNIT_UPGRADE_REFUSALS_H
#define FOAL_TESTS_UNIT_UPGRADE_REFUSALS_H

#include "refuse.h"
#include "runtime/message.h"
#include "ssl/ssl.h"

REFUSE(foal__message, void *, (const foal_behaviour *b), (b), NULL)
REFUSE(foal_ssl_ctx_freeze, foal_err, (foal_ssl_ctx * c), (c), FOAL_NO_MEMORY)
REFUSE(foal_ssl_server, foal_ssl *, (const foal_ssl_ctx *c), (c), NULL)
REFUSE(foal_ssl_client, foal_ssl *, (const foal_ssl_ctx *c, const char *h), (c, h), NULL)

#endif
