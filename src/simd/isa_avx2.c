/* Every kernel for AVX2 with FMA (x86-64 CPUs since 2013). */
#if defined(__x86_64__) || defined(__i386__)
#if defined(__clang__)
#pragma clang diagnostic error "-Wignored-attributes"
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC target("avx2,fma")
#endif
#if defined(__GNUC__) || defined(__clang__)
#define KV_ISA avx2
#define KV_VECTOR_BYTES 32
#define KV_REGISTERS 16
#include "isa.inc.h"
#endif
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
typedef int kv_not_an_empty_file;
