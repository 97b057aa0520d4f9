/* What differs between compilers, apart from SIMD builtins (those are in vec.inc.h and
 * shuffle.inc.h). */
#ifndef KV_COMPILER_H
#define KV_COMPILER_H

#define KV_PASTE_(a, b) a##b
#define KV_PASTE(a, b) KV_PASTE_(a, b)
#define KV_PASTE3_(a, b, c) a##_##b##_##c
#define KV_PASTE3(a, b, c) KV_PASTE3_(a, b, c)
#define KV_STRING_(a) #a
#define KV_STRING(a) KV_STRING_(a)

/* KV_INLINE: a template; its size arguments are compile-time constants after inlining.
 * KV_UNROLL: unroll the loop that follows completely (its length is such a constant).
 * KV_ROLL: leave the loop that follows a loop, because its body is long. */
#if defined(__clang__)
#define KV_INLINE static inline __attribute__((always_inline, unused))
#define KV_UNROLL _Pragma("clang loop unroll(full)")
#define KV_ROLL _Pragma("clang loop unroll(disable)")
#elif defined(__GNUC__)
#define KV_INLINE static inline __attribute__((always_inline, unused))
#define KV_UNROLL _Pragma("GCC unroll 16")
#define KV_ROLL _Pragma("GCC unroll 1")
#elif defined(_MSC_VER)
#define KV_INLINE static __forceinline
#define KV_UNROLL
#define KV_ROLL
#else
#define KV_INLINE static inline
#define KV_UNROLL
#define KV_ROLL
#endif

/* KV_RELOAD: what `pointer` points to is read anew from here on, not kept in registers that a
 * loop around would have to spill. */
#if defined(__GNUC__) || defined(__clang__)
#define KV_RELOAD(pointer) __asm__ volatile("" : "+r"(pointer))
#else
#define KV_RELOAD(pointer) ((void)0)
#endif

#if (defined(__GNUC__) || defined(__clang__)) && !defined(KV_NO_VECTOR_EXTENSIONS)
#define KV_VECTOR_EXTENSIONS 1
#else
#define KV_VECTOR_EXTENSIONS 0
#endif

#if KV_VECTOR_EXTENSIONS && (defined(__x86_64__) || defined(__i386__))
#include <immintrin.h>
/* A mask of n lanes starts n lanes before the middle. */
static const int kv_mask_window[16] __attribute__((unused)) = {-1, -1, -1, -1, -1, -1, -1, -1};
#endif

/* KV_PREFETCH: ask for a line in the second-level cache. */
#if defined(__GNUC__) || defined(__clang__)
#define KV_PREFETCH(address) __builtin_prefetch(address, 0, 2)
#else
#define KV_PREFETCH(address) ((void)(address))
#endif

#define KV_MIN(a, b) ((a) < (b) ? (a) : (b))

#endif
