/* behaviour.h - typed behaviours: calling one is the send.
 *
 *    typedef struct counter { uint64_t total; } counter;
 *    FOAL_TAG(counter)                                  // counter_tag
 *    FOAL_ACTOR(counter)                                // counter_spawn, counter_self
 *    FOAL_BEHAVIOUR1(counter, add, uint64_t, amount)    // counter_add(tag, amount)
 *    static void counter_on_add(counter *self, uint64_t amount)
 *    {
 *      self->total += amount;
 *    }
 *
 * counter_add may be called from anywhere, also from threads that are not workers, and
 * never fails; counter_on_add runs later in a turn of that actor. A turn is one or more
 * behaviours of one actor; no other turn of it runs at the same time. Messages from one
 * actor to another arrive in the order in which they were sent. What is sent to an actor
 * that has ended is dropped. Only when memory is exhausted, a reserve too, is a message
 * with values or a val lost: counted (messages_lost) and logged; an iso never is. Who
 * sends to an actor with a full mailbox (foal_options.mailbox_messages) gets, as a rule,
 * no further turn until that is down to half.
 *
 * A handler that is missing or mistyped does not build. Arguments are values: numbers,
 * enums, tags, small structs without pointers. A raw pointer is refused; what is larger
 * or owned travels as an iso (FOAL_BEHAVIOUR_ISO) or a val (.._VAL).
 *
 * FOAL_BEHAVIOURn = FOAL_SENDn (for a header that others include) + FOAL_HANDLEn (in
 * the one .c file that implements it). Statics named T__... are generated and trusted
 * by the checker; they are the only code in user files that is. */
#ifndef FOAL_BEHAVIOUR_H
#define FOAL_BEHAVIOUR_H

#include "message.h"

#ifdef __cplusplus
#  define FOAL_STATIC_ASSERT_(cond, text) static_assert(cond, text)
#else
#  define FOAL_STATIC_ASSERT_(cond, text) _Static_assert(cond, text)
#endif

/* 5 is pointer_type_class of both compilers: a bare pointer is never sendable. gcc
 * warns of a float that is promoted although nothing is evaluated. */
#define FOAL_SENDABLE_(type)                                                             \
  _Pragma("GCC diagnostic push")                                                         \
      _Pragma("GCC diagnostic ignored \"-Wdouble-promotion\"")                           \
          FOAL_STATIC_ASSERT_(__builtin_classify_type(*(type *)0) != 5,                  \
                              "a pointer cannot be sent: send an iso, a val or a tag");  \
  _Pragma("GCC diagnostic pop")
#define FOAL_FITS_(args, max)                                                            \
  FOAL_STATIC_ASSERT_(sizeof(args) <= (max), "too many argument bytes: send an iso")

/** Declares T_tag, the address of actors of type T, before or after T itself is known.
 *  T   name of the actor type; a struct type of that name when behaviours follow */
#define FOAL_TAG(T)                                                                      \
  typedef struct T##_tag {                                                               \
    foal_tag any;                                                                        \
  } T##_tag;

/* ---- actor types ---- */

#define FOAL_SELF_(T)                                                                    \
  FOAL_UNUSED static inline T##_tag T##_self(const T *self_) FOAL_TURN;                  \
  FOAL_UNUSED static inline T##_tag T##_self(const T *self_)                             \
  {                                                                                      \
    T##_tag tag_ = {foal__self_tag(self_)};                                              \
    return tag_;                                                                         \
  }

#define FOAL_ACTOR_(T, end_fn)                                                           \
  FOAL_STATIC_ASSERT_(__alignof__(T) <= 16, "the state is aligned to 16 bytes at most"); \
  static const foal_type T##__type = {#T, sizeof(T), end_fn};                            \
  FOAL_UNUSED FOAL_MUST static inline bool T##_spawn(T##_tag *out_)                      \
  {                                                                                      \
    return foal__spawn(&out_->any, &T##__type, 0, 0);                                    \
  }                                                                                      \
  FOAL_UNUSED FOAL_MUST static inline bool T##_spawn_pinned(T##_tag *out_, uint32_t on_) \
  {                                                                                      \
    return foal__spawn(&out_->any, &T##__type, FOAL_SPAWN_PINNED_ | FOAL_SPAWN_ON_,      \
                       on_);                                                             \
  }                                                                                      \
  FOAL_UNUSED FOAL_MUST static inline bool T##_spawn_on(T##_tag *out_, uint32_t on_)     \
  {                                                                                      \
    return foal__spawn(&out_->any, &T##__type, FOAL_SPAWN_ON_, on_);                     \
  }                                                                                      \
  FOAL_SELF_(T)

/** Makes T an actor type. All of these give false when memory is exhausted or the
 *  program is ending. They run on a turn, or between foal_start and foal_run on the main
 *  thread; elsewhere they abort:
 *    bool T_spawn(T_tag *out)                           on the caller's worker
 *    bool T_spawn_on(T_tag *out, uint32_t worker)       on that one, below foal_workers()
 *    bool T_spawn_pinned(T_tag *out, uint32_t worker)   and it never leaves it
 *  The state begins as zeros. And its own tag, on a turn of that very actor:
 *    T_tag T_self(const T *self)
 *  T   a complete struct type; FOAL_TAG(T) stands before */
#define FOAL_ACTOR(T) FOAL_ACTOR_(T, NULL)

/** As FOAL_ACTOR, and T_on_end(T *self) runs as the last thing of the actor: for slots,
 *  queues and vals in its state. It may still send.
 *  T   as in FOAL_ACTOR */
#define FOAL_ACTOR_WITH_END(T)                                                           \
  static void T##_on_end(T *self) FOAL_TURN;                                             \
  FOAL_TRUSTED static void T##__end(void *self_)                                         \
  {                                                                                      \
    T##_on_end((T *)self_);                                                              \
  }                                                                                      \
  FOAL_ACTOR_(T, T##__end)

/* ---- behaviours with values ---- */

#define FOAL_SEND0(T, be)                                                                \
  extern const foal_behaviour T##__be_##be;                                              \
  FOAL_UNUSED static inline void T##_##be(T##_tag to_)                                   \
  {                                                                                      \
    void *m_ = foal__message(&T##__be_##be);                                             \
    if (m_ != NULL) foal__post_args(to_.any, m_);                                        \
  }
#define FOAL_HANDLE0(T, be)                                                              \
  static void T##_on_##be(T *self) FOAL_TURN;                                            \
  FOAL_TRUSTED static void T##__run_##be(void *self_, foal_msg *m_)                      \
  {                                                                                      \
    (void)m_;                                                                            \
    T##_on_##be((T *)self_);                                                             \
  }                                                                                      \
  const foal_behaviour T##__be_##be = {T##__run_##be, NULL, #T, #be, true};

/* FIELDS: members of the argument struct; PARAMS, NAMES, LOADS as their names say. */
#define FOAL_ARGS_STRUCT_(T, be, FIELDS)                                                 \
  typedef struct T##__args_##be {                                                        \
    FIELDS                                                                               \
  } T##__args_##be;                                                                      \
  FOAL_FITS_(T##__args_##be, FOAL_ARGS_BYTES_MAX);

#define FOAL_SEND1(T, be, t1, a1)                                                        \
  FOAL_SENDABLE_(t1)                                                                     \
  FOAL_ARGS_STRUCT_(T, be, t1 a1;)                                                       \
  extern const foal_behaviour T##__be_##be;                                              \
  FOAL_UNUSED static inline void T##_##be(T##_tag to_, t1 a1)                            \
  {                                                                                      \
    T##__args_##be *m_ = (T##__args_##be *)foal__message(&T##__be_##be);                 \
    if (m_ == NULL) return;                                                              \
    m_->a1 = a1;                                                                         \
    foal__post_args(to_.any, m_);                                                        \
  }
#define FOAL_HANDLE1(T, be, t1, a1)                                                      \
  static void T##_on_##be(T *self, t1 a1) FOAL_TURN;                                     \
  FOAL_TRUSTED static void T##__run_##be(void *self_, foal_msg *m_)                      \
  {                                                                                      \
    T##__args_##be a_ = *(T##__args_##be *)foal__args(m_);                               \
    T##_on_##be((T *)self_, a_.a1);                                                      \
  }                                                                                      \
  const foal_behaviour T##__be_##be = {T##__run_##be, NULL, #T, #be, true};

#define FOAL_SEND2(T, be, t1, a1, t2, a2)                                                \
  FOAL_SENDABLE_(t1)                                                                     \
  FOAL_SENDABLE_(t2)                                                                     \
  FOAL_ARGS_STRUCT_(T, be, t1 a1; t2 a2;)                                                \
  extern const foal_behaviour T##__be_##be;                                              \
  FOAL_UNUSED static inline void T##_##be(T##_tag to_, t1 a1, t2 a2)                     \
  {                                                                                      \
    T##__args_##be *m_ = (T##__args_##be *)foal__message(&T##__be_##be);                 \
    if (m_ == NULL) return;                                                              \
    m_->a1 = a1;                                                                         \
    m_->a2 = a2;                                                                         \
    foal__post_args(to_.any, m_);                                                        \
  }
#define FOAL_HANDLE2(T, be, t1, a1, t2, a2)                                              \
  static void T##_on_##be(T *self, t1 a1, t2 a2) FOAL_TURN;                              \
  FOAL_TRUSTED static void T##__run_##be(void *self_, foal_msg *m_)                      \
  {                                                                                      \
    T##__args_##be a_ = *(T##__args_##be *)foal__args(m_);                               \
    T##_on_##be((T *)self_, a_.a1, a_.a2);                                               \
  }                                                                                      \
  const foal_behaviour T##__be_##be = {T##__run_##be, NULL, #T, #be, true};

#define FOAL_SEND3(T, be, t1, a1, t2, a2, t3, a3)                                        \
  FOAL_SENDABLE_(t1)                                                                     \
  FOAL_SENDABLE_(t2)                                                                     \
  FOAL_SENDABLE_(t3)                                                                     \
  FOAL_ARGS_STRUCT_(T, be, t1 a1; t2 a2; t3 a3;)                                         \
  extern const foal_behaviour T##__be_##be;                                              \
  FOAL_UNUSED static inline void T##_##be(T##_tag to_, t1 a1, t2 a2, t3 a3)              \
  {                                                                                      \
    T##__args_##be *m_ = (T##__args_##be *)foal__message(&T##__be_##be);                 \
    if (m_ == NULL) return;                                                              \
    m_->a1 = a1;                                                                         \
    m_->a2 = a2;                                                                         \
    m_->a3 = a3;                                                                         \
    foal__post_args(to_.any, m_);                                                        \
  }
#define FOAL_HANDLE3(T, be, t1, a1, t2, a2, t3, a3)                                      \
  static void T##_on_##be(T *self, t1 a1, t2 a2, t3 a3) FOAL_TURN;                       \
  FOAL_TRUSTED static void T##__run_##be(void *self_, foal_msg *m_)                      \
  {                                                                                      \
    T##__args_##be a_ = *(T##__args_##be *)foal__args(m_);                               \
    T##_on_##be((T *)self_, a_.a1, a_.a2, a_.a3);                                        \
  }                                                                                      \
  const foal_behaviour T##__be_##be = {T##__run_##be, NULL, #T, #be, true};

/** A behaviour with 0 .. 3 value arguments: T_be(tag, ...) sends, T_on_be(self, ...) is
 *  to be written by you.
 *  T    actor type
 *  be   name of the behaviour
 *  tn, an  type and name of the n-th argument; 40 bytes in all */
#define FOAL_BEHAVIOUR0(T, be) FOAL_SEND0(T, be) FOAL_HANDLE0(T, be)
#define FOAL_BEHAVIOUR1(T, be, t1, a1)                                                   \
  FOAL_SEND1(T, be, t1, a1) FOAL_HANDLE1(T, be, t1, a1)
#define FOAL_BEHAVIOUR2(T, be, t1, a1, t2, a2)                                           \
  FOAL_SEND2(T, be, t1, a1, t2, a2) FOAL_HANDLE2(T, be, t1, a1, t2, a2)
#define FOAL_BEHAVIOUR3(T, be, t1, a1, t2, a2, t3, a3)                                   \
  FOAL_SEND3(T, be, t1, a1, t2, a2, t3, a3) FOAL_HANDLE3(T, be, t1, a1, t2, a2, t3, a3)

/* ---- behaviours that move a buffer: no allocation ---- */

#define FOAL_SEND_ISO(T, be)                                                             \
  extern const foal_behaviour T##__be_##be;                                              \
  FOAL_UNUSED static inline void T##_##be(T##_tag to_, foal_buf **b_) FOAL_TAKES(*b_);   \
  FOAL_TRUSTED FOAL_UNUSED static inline void T##_##be(T##_tag to_, foal_buf **b_)       \
  {                                                                                      \
    foal__post_buf(to_.any, &T##__be_##be, b_);                                          \
  }
#define FOAL_HANDLE_ISO(T, be)                                                           \
  static void T##_on_##be(T *self, foal_buf **b) FOAL_TURN FOAL_TAKES(*b);               \
  FOAL_TRUSTED static void T##__run_##be(void *self_, foal_msg *m_)                      \
  {                                                                                      \
    foal_buf *b_;                                                                        \
    foal__buf_of(m_, &b_);                                                               \
    T##_on_##be((T *)self_, &b_);                                                        \
    foal__buf_must_be_gone(b_);                                                          \
  }                                                                                      \
  const foal_behaviour T##__be_##be = {T##__run_##be, foal__buf_msg_drop, #T, #be, false};

#define FOAL_SEND_ISO1(T, be, t1, a1)                                                    \
  FOAL_SENDABLE_(t1)                                                                     \
  FOAL_FITS_(t1, FOAL_BUF_ARGS_BYTES_MAX);                                               \
  extern const foal_behaviour T##__be_##be;                                              \
  FOAL_UNUSED static inline void T##_##be(T##_tag to_, foal_buf **b_, t1 a1)             \
      FOAL_TAKES(*b_);                                                                   \
  FOAL_TRUSTED FOAL_UNUSED static inline void T##_##be(T##_tag to_, foal_buf **b_,       \
                                                       t1 a1)                            \
  {                                                                                      \
    *(t1 *)foal__buf_args(*b_) = a1;                                                     \
    foal__post_buf(to_.any, &T##__be_##be, b_);                                          \
  }
#define FOAL_HANDLE_ISO1(T, be, t1, a1)                                                  \
  static void T##_on_##be(T *self, foal_buf **b, t1 a1) FOAL_TURN FOAL_TAKES(*b);        \
  FOAL_TRUSTED static void T##__run_##be(void *self_, foal_msg *m_)                      \
  {                                                                                      \
    foal_buf *b_;                                                                        \
    foal__buf_of(m_, &b_);                                                               \
    t1 a_ = *(t1 *)foal__buf_args(b_);                                                   \
    T##_on_##be((T *)self_, &b_, a_);                                                    \
    foal__buf_must_be_gone(b_);                                                          \
  }                                                                                      \
  const foal_behaviour T##__be_##be = {T##__run_##be, foal__buf_msg_drop, #T, #be, false};

/** A behaviour that moves a buffer: T_be(tag, &b) sends, T_on_be(self, &b) must move
 *  it on or drop it. _ISO1 has one value argument beside it, of 24 bytes at most:
 *  T_be(tag, &b, value).
 *  T, be, t1, a1   as in FOAL_BEHAVIOUR1 */
#define FOAL_BEHAVIOUR_ISO(T, be) FOAL_SEND_ISO(T, be) FOAL_HANDLE_ISO(T, be)
#define FOAL_BEHAVIOUR_ISO1(T, be, t1, a1)                                               \
  FOAL_SEND_ISO1(T, be, t1, a1) FOAL_HANDLE_ISO1(T, be, t1, a1)

/* ---- behaviours that move one handle of a val ---- */

#define FOAL_SEND_VAL(T, be)                                                             \
  extern const foal_behaviour T##__be_##be;                                              \
  FOAL_UNUSED static inline void T##_##be(T##_tag to_, foal_val **v_) FOAL_TAKES(*v_);   \
  FOAL_TRUSTED FOAL_UNUSED static inline void T##_##be(T##_tag to_, foal_val **v_)       \
  {                                                                                      \
    foal_val **m_ = (foal_val **)foal__message(&T##__be_##be);                           \
    if (m_ == NULL) {                                                                    \
      foal_val_drop(v_);                                                                 \
      return;                                                                            \
    }                                                                                    \
    *m_ = *v_;                                                                           \
    *v_ = NULL;                                                                          \
    foal__post_args(to_.any, m_);                                                        \
  }
#define FOAL_HANDLE_VAL(T, be)                                                           \
  static void T##_on_##be(T *self, foal_val **v) FOAL_TURN FOAL_TAKES(*v);               \
  FOAL_TRUSTED static void T##__run_##be(void *self_, foal_msg *m_)                      \
  {                                                                                      \
    foal_val *v_ = *(foal_val **)foal__args(m_);                                         \
    T##_on_##be((T *)self_, &v_);                                                        \
    foal__val_must_be_gone(v_);                                                          \
  }                                                                                      \
  const foal_behaviour T##__be_##be = {T##__run_##be, foal__val_msg_drop, #T, #be, true};

/** A behaviour that moves one handle of a val: T_be(tag, &v) sends, T_on_be(self, &v)
 *  must move it on or drop it.
 *  T, be   as in FOAL_BEHAVIOUR0 */
#define FOAL_BEHAVIOUR_VAL(T, be) FOAL_SEND_VAL(T, be) FOAL_HANDLE_VAL(T, be)

FOAL_API void foal__val_must_be_gone(const foal_val *v);
FOAL_API void foal__val_msg_drop(foal_msg *m);

#endif
