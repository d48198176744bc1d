/* foal.h - all of Foal: actors (runtime/), TLS sessions (ssl/), connections (net/).
 *
 * The headers stand in layer order; each one also works alone. This file is the one place
 * where the version stands.                                                            */
#ifndef FOAL_H
#define FOAL_H

#define FOAL_VERSION_MAJOR 0
#define FOAL_VERSION_MINOR 1
#define FOAL_VERSION_PATCH 0
#define FOAL_VERSION       "0.1.0"

#include "runtime/own.h"

#include "runtime/err.h"

#include "runtime/buf.h"
#include "runtime/bufq.h"

#include "runtime/message.h"

#include "runtime/behaviour.h"

#include "runtime/actor.h"
#include "runtime/log.h"
#include "runtime/sched.h"
#include "runtime/timer.h"
#include "runtime/work.h"

#include "ssl/ctx.h"
#include "ssl/info.h"
#include "ssl/policy.h"
#include "ssl/ssl.h"

#include "net/conn.h"
#include "net/protocol.h"

#endif
