/* The kernel table: one function pointer per kernel and dtype (or item size).
 *
 * Made from kernels.def; filled by dispatch.c; read by the drivers through kv_active.
 */
#ifndef KV_TABLE_H
#define KV_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef ptrdiff_t kv_intp;

/* Flags of the kernels that take some. */
enum { KV_ACCUMULATE = 1, KV_CONJUGATE = 2, KV_STREAM = 4 };

/* Memory that a kernel asks for while it computes, because a later call will read it: `rows` rows
 * of `bytes` bytes, `gap` bytes between two of them; `left` bytes of the row at hand. */
typedef struct {
    const char *at;
    kv_intp left, rows, bytes, gap;
} kv_ahead;

/* The dtypes that have arithmetic kernels, and the item sizes that have movement kernels. */
#define KV_DTYPES(X) X(f32) X(f64) X(c64) X(c128)
#define KV_ITEMS(X) X(u8) X(u16) X(u32) X(u64) X(u128)

#define KV_ENUM(name) KV_##name,
enum kv_dtype { KV_DTYPES(KV_ENUM) KV_NDTYPES };
enum kv_item { KV_ITEMS(KV_ENUM) KV_NITEMS };
#undef KV_ENUM

/* The sizes of the small_* kernels' matrices, each of which has a body of its own. */
#define KV_SMALL 16
static inline int kv_small(kv_intp n) { return 1 <= n && (n <= 8 || n == KV_SMALL); }

/* A mode product of a square factor up to this size holds all rows of a column of vectors at
 * once, so that it may write over its operand. */
#define KV_WHOLE_MODE 8

/* The largest n of mode_pair where r > 1. */
#define KV_PAIR 5

/* Results of at least this many bytes are written past the caches.  (What the system reports as
 * the last-level cache is not to be trusted in virtual machines.) */
#define KV_STREAM_ABOVE 6000000

/* The type of each kernel: kv_mode_product_fn, ... */
#define KV_ARITHMETIC(name, arguments) typedef void kv_##name##_fn arguments;
#define KV_MOVEMENT(name, arguments) typedef void kv_##name##_fn arguments;
#include "kernels.def"
#undef KV_ARITHMETIC
#undef KV_MOVEMENT

/* vector_bytes is the width of the widest vector, registers how many there are; name_isa says which
 * instruction set serves each slot. */
typedef struct {
    int vector_bytes, registers;
#define KV_ARITHMETIC(name, arguments) \
    kv_##name##_fn *name[KV_NDTYPES];  \
    const char *name##_isa[KV_NDTYPES];
#define KV_MOVEMENT(name, arguments) \
    kv_##name##_fn *name[KV_NITEMS]; \
    const char *name##_isa[KV_NITEMS];
#include "kernels.def"
#undef KV_ARITHMETIC
#undef KV_MOVEMENT
} kv_table;

/* y[j,i] = x[i,j] for items of `run` bytes, strides in bytes (runs.c). */
void kv_transpose_runs(kv_intp m, kv_intp n, kv_intp run, const char *x, kv_intp x_row,
                       kv_intp x_column, char *y, kv_intp y_row, kv_intp y_column);
/* The same in place, x contiguous: (n, n), and any (p, q) with some scratch. */
void kv_transpose_square_runs(kv_intp n, kv_intp run, char *x);
void kv_transpose_rectangle(kv_intp p, kv_intp q, kv_intp run, char *x, char *scratch);
kv_intp kv_rectangle_scratch(kv_intp p, kv_intp q, kv_intp run); /* bytes, O(p + q) runs */

/* The table in use. */
extern const kv_table *kv_active;

/* Bytes of the last-level cache: results beyond it are written by KV_STREAM, past the cache. */
size_t kv_last_cache_bytes(void);

/* Whether mode_pair takes matrices of n by n entries (R = 1): a row, or the 4 x 4 matrix, is one
 * vector; halves of the longest are as fast. */
static inline int kv_matrix_fits(kv_intp n, kv_intp itemsize, kv_intp vector_bytes)
{
    const kv_intp row = n * itemsize;
    return 2 <= n && n <= 8 &&
           (row == vector_bytes || (vector_bytes == 64 && row == 32) ||
            (n == 4 && 4 * row == vector_bytes));
}

/* Whether mode_pair takes two axes of n entries, R behind them, items of `itemsize` bytes. */
int kv_pair_fits(kv_intp n, kv_intp R, kv_intp itemsize);

/* Names of the instruction sets that this CPU has, lowest first; NULL past the last. */
const char *kv_isa_name(int index);

/* Use the named instruction set; returns the name in use before, NULL if this CPU lacks it. */
const char *kv_use_isa(const char *name);

/* Fill the tables; use `name` (NULL: the best); 0, or -1 if this CPU lacks it. */
int kv_initialize(const char *name);

/* What serves entry `index`, the slots of one kernel after another, for show_config and the
 * tests. */
typedef struct {
    const char *kernel, *slot, *isa;
} kv_entry;
int kv_describe(int index, kv_entry *entry); /* 0 past the last */

#endif
