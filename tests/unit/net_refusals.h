/* net_refusals.h - the calls of libuv, of the system and of the layers below that net/
 * and the runtime make and that net_refuse_test.c refuses; see refuse.h. One function a
 * line, its name first: tests/CMakeLists.txt reads it there. Included by that test
 * only. */
#ifndef FOAL_TESTS_UNIT_NET_REFUSALS_H
#define FOAL_TESTS_UNIT_NET_REFUSALS_H

#include "net/impl/transport.h"
#include "refuse.h"
#include "runtime/impl/alloc.h"
#include "ssl/ssl.h"

#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

/* A run queue that cannot grow ends the program: that is documented, not refused here. */
enum { RUN_QUEUE_BYTES = 1024 * sizeof(void *) };

/* What a function of libuv says; error: see refusable. */
REFUSE(uv_loop_init, int, (uv_loop_t * l), (l), -errno)
REFUSE(uv_async_init, int, (uv_loop_t * l, uv_async_t *h, uv_async_cb f), (l, h, f),
       -errno)
REFUSE(uv_signal_init, int, (uv_loop_t * l, uv_signal_t *h), (l, h), -errno)
REFUSE(uv_signal_start, int, (uv_signal_t * h, uv_signal_cb f, int n), (h, f, n), -errno)
REFUSE(uv_tcp_open, int, (uv_tcp_t * h, uv_os_sock_t s), (h, s), -errno)
REFUSE(uv_poll_init, int, (uv_loop_t * l, uv_poll_t *h, int d), (l, h, d), -errno)
REFUSE(uv_tcp_connect, int,
       (uv_connect_t * r, uv_tcp_t *h, const struct sockaddr *a, uv_connect_cb f),
       (r, h, a, f), -errno)
REFUSE(uv_tcp_close_reset, int, (uv_tcp_t * h, uv_close_cb f), (h, f), -errno)
REFUSE(uv_getaddrinfo, int,
       (uv_loop_t * l, uv_getaddrinfo_t *r, uv_getaddrinfo_cb f, const char *n,
        const char *s, const struct addrinfo *h),
       (l, r, f, n, s, h), -errno)
REFUSE(recv, ssize_t, (int d, void *b, size_t n, int f), (d, b, n, f), -1)
REFUSE(send, ssize_t, (int d, const void *b, size_t n, int f), (d, b, n, f), -1)
REFUSE(uv_write, int,
       (uv_write_t * r, uv_stream_t *s, const uv_buf_t *b, unsigned n, uv_write_cb f),
       (r, s, b, n, f), -errno)
REFUSE(uv_fileno, int, (const uv_handle_t *h, uv_os_fd_t *d), (h, d), -errno)
REFUSE(ioctl, int, (int d, unsigned long o, void *p), (d, o, p), -1)
REFUSE(socket, int, (int f, int t, int p), (f, t, p), -1)
REFUSE(bind, int, (int d, const struct sockaddr *a, socklen_t n), (d, a, n), -1)
REFUSE(listen, int, (int d, int n), (d, n), -1)
REFUSE(accept4, int, (int d, struct sockaddr *a, socklen_t *n, int f), (d, a, n, f), -1)
REFUSE(getsockname, int, (int d, struct sockaddr *a, socklen_t *n), (d, a, n), -1)
REFUSE(getaddrinfo, int,
       (const char *n, const char *s, const struct addrinfo *h, struct addrinfo **o),
       (n, s, h, o), EAI_MEMORY)
REFUSE(getrlimit, int, (int w, struct rlimit *o), (w, o), -1)
REFUSE(pthread_create, int,
       (pthread_t * t, const pthread_attr_t *a, void *(*f)(void *), void *p),
       (t, a, f, p), EAGAIN)
REFUSE(sched_getaffinity, int, (pid_t p, size_t n, cpu_set_t *o), (p, n, o), -1)
REFUSE(sysconf, long, (int n), (n), -1)
REFUSE_IF(foal__alloc, void *, (size_t n), (n), NULL, n != RUN_QUEUE_BYTES)
REFUSE(foal__message, void *, (const foal_behaviour *b), (b), NULL)
REFUSE(foal__spawn, bool, (foal_tag * o, const foal_type *t, uint32_t w, unsigned f),
       (o, t, w, f), false)
REFUSE(foal__spawn_headed, bool,
       (foal_tag * o, const foal_type *t, size_t n, uint32_t w, unsigned f),
       (o, t, n, w, f), false)
REFUSE(foal_buf_new, bool, (foal_buf * *b, size_t n), (b, n), false)
REFUSE(foal_buf_from, bool, (foal_buf * *b, const void *p, size_t n), (b, p, n), false)
REFUSE(foal_ssl_ctx_share, foal_ssl_ctx *, (const foal_ssl_ctx *c), (c), NULL)
REFUSE(foal_ssl_ctx_freeze, foal_err, (foal_ssl_ctx * c), (c), FOAL_NO_MEMORY)
REFUSE(foal_ssl_server, foal_ssl *, (const foal_ssl_ctx *c), (c), NULL)
REFUSE(foal_ssl_client, foal_ssl *, (const foal_ssl_ctx *c, const char *h), (c, h), NULL)

#endif
