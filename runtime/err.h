/* err.h - every error and every reason for an end, with a sentence each.
 *
 * One list for both: the reason a call failed and the reason a connection or an actor
 * ended are the same kind of fact. Detail beyond the code (which file, which peer, which
 * alert) is asked from the object or stands in the log line. */
#ifndef FOAL_ERR_H
#define FOAL_ERR_H

#include "own.h"

/* X(enumerator, sentence). Order is part of the ABI only within one minor version. */
#define FOAL_ERR_MAP(X)                                                                  \
  X(FOAL_OK, "no error")                                                                 \
  /* calls */                                                                            \
  X(FOAL_NO_MEMORY, "out of memory")                                                     \
  X(FOAL_BAD_ARGUMENT, "an argument is not one of those allowed")                        \
  X(FOAL_BAD_STATE, "not possible now: too early, or already over")                      \
  X(FOAL_FROZEN, "the context is in use and cannot be changed; make a new one")          \
  X(FOAL_FULL, "there is no room left")                                                  \
  /* files, certificates, keys */                                                        \
  X(FOAL_FILE_UNREADABLE, "the file cannot be read")                                     \
  X(FOAL_BAD_PEM, "no usable certificate, key or list in PEM form was found")            \
  X(FOAL_KEY_MISMATCH, "the private key does not belong to the certificate")             \
  X(FOAL_KEY_EXPOSED, "the key file is readable by others; chmod 600 it")                \
  X(FOAL_CERT_EXPIRED, "the certificate is expired or not yet valid")                    \
  X(FOAL_BAD_CIPHERS, "the list of ciphers, suites or groups selects nothing")           \
  X(FOAL_BAD_VERSION, "the protocol version range is empty or not supported")            \
  X(FOAL_BAD_ALPN, "an ALPN name is empty or longer than 255 bytes")                     \
  X(FOAL_BAD_NAME, "the host name is not valid")                                         \
  X(FOAL_CRYPTO, "OpenSSL refused")                                                      \
  /* network */                                                                          \
  X(FOAL_ADDRESS_IN_USE, "the address is already in use")                                \
  X(FOAL_ACCESS_DENIED, "not permitted; ports below 1024 need root")                     \
  X(FOAL_ADDRESS_UNAVAILABLE, "the address does not belong to this machine")             \
  X(FOAL_FILE_LIMIT, "the limit of open files is reached; raise it with ulimit -n")      \
  X(FOAL_DNS_FAILED, "the host name cannot be resolved")                                 \
  X(FOAL_REFUSED, "the connection was refused")                                          \
  X(FOAL_UNREACHABLE, "the host or network cannot be reached")                           \
  X(FOAL_IO, "an input/output error")                                                    \
  /* ends of a connection */                                                             \
  X(FOAL_CLEAN, "closed cleanly by both sides")                                          \
  X(FOAL_LOCAL, "closed by this side")                                                   \
  X(FOAL_TRUNCATED, "the peer ended the stream without close_notify")                    \
  X(FOAL_INCOMPLETE, "the peer ended with fewer bytes than were expected")               \
  X(FOAL_RESET, "the peer reset the connection")                                         \
  X(FOAL_TLS_FAILED, "TLS could not be agreed with the peer, or was broken by it")       \
  X(FOAL_TLS_ALERT, "the peer refused with a TLS alert")                                 \
  X(FOAL_AUTH_FAILED, "the peer could not prove who it is")                              \
  X(FOAL_TIMEOUT_CONNECT, "connecting took too long")                                    \
  X(FOAL_TIMEOUT_HANDSHAKE, "the TLS handshake took too long")                           \
  X(FOAL_TIMEOUT_IDLE, "nothing was sent or received for too long")                      \
  X(FOAL_TIMEOUT_WRITE, "the peer did not read for too long")                            \
  X(FOAL_LIMIT, "the peer passed a limit: it sent too much, or read too little")         \
  X(FOAL_EARLY_BYTES, "bytes were waiting unread when TLS was to begin")                 \
  X(FOAL_LISTENER_REFUSED, "this server did not take the connection")                    \
  /* ends of an actor */                                                                 \
  X(FOAL_ENDED, "the actor ended itself")                                                \
  X(FOAL_TOLD_TO_END, "the actor was told to end")                                       \
  X(FOAL_GONE, "there is no such actor any more")                                        \
  X(FOAL_STOPPED, "the program is stopping")

#define FOAL_ERR_ENUM_(name, sentence) name,
typedef enum foal_err { FOAL_ERR_MAP(FOAL_ERR_ENUM_) FOAL_ERR_COUNT } foal_err;
#undef FOAL_ERR_ENUM_

/** The name of a code as it is written in C, for logs.
 *  err    a foal_err; any other number gives "FOAL_?"
 *  returns a constant string, never NULL
 *  runs   anywhere */
FOAL_API const char *foal_err_name(foal_err err);

/** One sentence that a person understands, without a full stop.
 *  err    a foal_err; any other number gives "unknown error"
 *  returns a constant string, never NULL
 *  runs   anywhere */
FOAL_API const char *foal_err_text(foal_err err);

#endif
