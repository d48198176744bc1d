/* cause_uv.h - from libuv's status to ours; for the files of net/ that see uv.h. */
#ifndef FOAL_NET_IMPL_CAUSE_UV_H
#define FOAL_NET_IMPL_CAUSE_UV_H

#include "transport.h"

/* The reason behind a libuv status, which is 0 or a negated errno. */
foal__cause foal__cause_of(int status);

#endif
