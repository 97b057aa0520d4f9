/* What differs between compilers, apart from SIMD builtins (those are in vec.inc.h and shuffle.inc.h). */
#ifndef KV_COMPILER_H
#define KV_COMPILER_H

#define KV_PASTE_(a, b) a##b
#define KV_PASTE(a, b) KV_PASTE_(a, b)
#define KV_PASTE3_(a, b, c) a##_##b##_##c
#define KV_PASTE3(a, b, c) KV_PASTE3_(a, b, c)
#define KV_STRING_(a) #a
#define KV_STRING(a) KV_STRING_(a)

/* KV_INLINE: a template; its size arguments are compile-time constants after inlining.
 * KV_UNROLL: unroll the loop that follows completely (its length is such a constant). */
#if defined(__clang__)
#define KV_INLINE static inline __attribute__((always_inline, unused))
#define KV_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define KV_INLINE static inline __attribute__((always_inline, unused))
#define KV_UNROLL _Pragma("GCC unroll 16")
#elif defined(_MSC_VER)
#define KV_INLINE static __forceinline
#define KV_UNROLL
#else
#define KV_INLINE static inline
#define KV_UNROLL
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

#define KV_MIN(a, b) ((a) < (b) ? (a) : (b))

#endif
