/* Every kernel for AVX-512 F, DQ, BW and VL. */
#if defined(__x86_64__) || defined(__i386__)
#if defined(__clang__)
#pragma clang diagnostic error "-Wignored-attributes"
#pragma clang attribute push( \
    __attribute__((target("avx2,fma,avx512f,avx512dq,avx512bw,avx512vl"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC target("avx2,fma,avx512f,avx512dq,avx512bw,avx512vl")
#endif
#if defined(__GNUC__) || defined(__clang__)
#define KV_ISA avx512
#define KV_VECTOR_BYTES 64
#define KV_REGISTERS 32
#include "isa.inc.h"
#endif
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
typedef int kv_not_an_empty_file;
