/* Every kernel for the baseline of the target: SSE2 on x86-64, NEON on AArch64. */
#define KV_ISA baseline
#define KV_VECTOR_BYTES 16
#if defined(__aarch64__)
#define KV_REGISTERS 32
#else
#define KV_REGISTERS 16
#endif
#include "isa.inc.h"
