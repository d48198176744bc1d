/* fiber.c - switching stacks. On x86-64 and AArch64 a dozen instructions: swapcontext
 * makes two system calls, and a run of a million steps switches a million times.
 * Elsewhere swapcontext. Under AddressSanitizer every switch is announced. Stacks are
 * kept for the next run. */
#include "impl/fiber.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#  define ASAN 1
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
#    define ASAN 1
#  endif
#endif
#ifdef ASAN
#  include <sanitizer/common_interface_defs.h>
#endif
#if !defined(__x86_64__) && !defined(__aarch64__)
#  include <ucontext.h>
#endif

enum { STACK_BYTES = 256 * 1024, GUARD_BYTES = 4096, KEPT_MAX = 64 };

struct foal__sim_stack {
  void *sp;     /* where its registers lie while it does not run */
  char *memory; /* NULL: the stack of the process */
  void (*run)(void *arg);
  void *arg;
  foal__sim_stack *next; /* kept */
#if !defined(__x86_64__) && !defined(__aarch64__)
  ucontext_t context;
#endif
#ifdef ASAN
  void *fake;
  const void *bottom;
  size_t size;
#endif
};

static foal__sim_stack *kept, *before;
static int kept_count;

#if defined(__x86_64__)
void foal__sim_switch_registers(void **from, void *to);
__asm__(".pushsection .text\n"
        ".p2align 4\n"
        ".globl foal__sim_switch_registers\n"
        ".hidden foal__sim_switch_registers\n"
        ".type foal__sim_switch_registers, @function\n"
        "foal__sim_switch_registers:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n"
        "  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n"
        ".size foal__sim_switch_registers, .-foal__sim_switch_registers\n"
        ".popsection\n");
enum { SAVED_WORDS = 6 };
#elif defined(__aarch64__)
void foal__sim_switch_registers(void **from, void *to);
__asm__(".pushsection .text\n"
        ".p2align 4\n"
        ".globl foal__sim_switch_registers\n"
        ".hidden foal__sim_switch_registers\n"
        ".type foal__sim_switch_registers, @function\n"
        "foal__sim_switch_registers:\n"
        "  sub sp, sp, #160\n"
        "  stp x19, x20, [sp, #0]\n  stp x21, x22, [sp, #16]\n"
        "  stp x23, x24, [sp, #32]\n  stp x25, x26, [sp, #48]\n"
        "  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n"
        "  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
        "  mov x2, sp\n  str x2, [x0]\n  mov sp, x1\n"
        "  ldp x19, x20, [sp, #0]\n  ldp x21, x22, [sp, #16]\n"
        "  ldp x23, x24, [sp, #32]\n  ldp x25, x26, [sp, #48]\n"
        "  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n"
        "  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
        "  add sp, sp, #160\n"
        "  ret\n"
        ".size foal__sim_switch_registers, .-foal__sim_switch_registers\n"
        ".popsection\n");
#endif

static foal__sim_stack *entering; /* the one that is switched to */

static void arrived(void)
{
#ifdef ASAN
  __sanitizer_finish_switch_fiber(entering->fake, before != NULL ? &before->bottom : NULL,
                                  before != NULL ? &before->size : NULL);
#endif
}

static void begin(void)
{
  foal__sim_stack *stack = entering;
  arrived();
  stack->run(stack->arg);
  abort(); /* whoever runs here ends by switching away */
}

static void *pages(void)
{
  char *memory = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, GUARD_BYTES, PROT_NONE) != 0) {
    perror("foal-sim: no memory for a stack");
    exit(EXIT_FAILURE);
  }
  return memory;
}

static void prepare(foal__sim_stack *stack)
{
#if defined(__x86_64__)
  void **top = (void **)(void *)(stack->memory + STACK_BYTES) - 2;
  top[1] = NULL;
  top[0] = (void *)(uintptr_t)begin;
  memset(top - SAVED_WORDS, 0, SAVED_WORDS * sizeof *top);
  stack->sp = top - SAVED_WORDS;
#elif defined(__aarch64__)
  char *top = stack->memory + STACK_BYTES - 160;
  memset(top, 0, 160);
  ((void **)(void *)top)[11] = (void *)(uintptr_t)begin;
  stack->sp = top;
#else
  getcontext(&stack->context);
  stack->context.uc_stack.ss_sp = stack->memory + GUARD_BYTES;
  stack->context.uc_stack.ss_size = STACK_BYTES - GUARD_BYTES;
  makecontext(&stack->context, begin, 0);
#endif
}

foal__sim_stack *foal__sim_stack_new(void (*run)(void *arg), void *arg)
{
  foal__sim_stack *stack = run != NULL ? kept : NULL;
  if (stack != NULL) {
    kept = stack->next;
    kept_count--;
  } else {
    stack = calloc(1, sizeof *stack);
    if (stack == NULL) abort();
    if (run != NULL) stack->memory = pages();
  }
  stack->run = run;
  stack->arg = arg;
  stack->next = NULL;
  if (run != NULL) prepare(stack);
#ifdef ASAN
  stack->fake = NULL;
  stack->bottom = stack->memory;
  stack->size = STACK_BYTES;
#endif
  return stack;
}

void foal__sim_stack_free(foal__sim_stack *stack)
{
  if (before == stack) before = NULL;
  if (stack->memory != NULL && kept_count < KEPT_MAX) {
    stack->next = kept;
    kept = stack;
    kept_count++;
    return;
  }
  if (stack->memory != NULL) (void)munmap(stack->memory, STACK_BYTES);
  free(stack);
}

void foal__sim_stack_switch(foal__sim_stack *from, foal__sim_stack *to)
{
  before = from;
  entering = to;
#ifdef ASAN
  __sanitizer_start_switch_fiber(&from->fake, to->bottom, to->size);
#endif
#if defined(__x86_64__) || defined(__aarch64__)
  foal__sim_switch_registers(&from->sp, to->sp);
#else
  swapcontext(&from->context, &to->context);
#endif
  arrived();
}
