/* One instruction set: every kernel for every dtype and item size, and kv_fill_<isa>.
 *
 * The includer defines KV_ISA (a name), KV_VECTOR_BYTES (16, 32 or 64) and KV_REGISTERS
 * (how many vector registers there are).  This is the only list of dtypes.
 */
#include "table.h"

#include "ahead.h"
#include "compiler.h"

#define KV_DTYPE f32
#define KV_REAL float
#define KV_REAL_BYTES 4
#define KV_COMPLEX 0
#include "arithmetic.inc.h"

#define KV_DTYPE f64
#define KV_REAL double
#define KV_REAL_BYTES 8
#define KV_COMPLEX 0
#include "arithmetic.inc.h"

#define KV_DTYPE c64
#define KV_REAL float
#define KV_REAL_BYTES 4
#define KV_COMPLEX 1
#include "arithmetic.inc.h"

#define KV_DTYPE c128
#define KV_REAL double
#define KV_REAL_BYTES 8
#define KV_COMPLEX 1
#include "arithmetic.inc.h"

#define KV_WIDTH 16
#include "shuffle.inc.h"
#undef KV_WIDTH
#if KV_VECTOR_BYTES >= 32
#define KV_WIDTH 32
#include "shuffle.inc.h"
#undef KV_WIDTH
#endif
#if KV_VECTOR_BYTES >= 64
#define KV_WIDTH 64
#include "shuffle.inc.h"
#undef KV_WIDTH
#endif
/* The names of the widest: KV_WIDEST(stream_run) is stream_run_items_64. */
#define KV_WIDEST(name) KV_PASTE3(name, items, KV_VECTOR_BYTES)

#define KV_ITEM u8
#define KV_ITEM_BYTES 1
#include "movement.inc.h"

#define KV_ITEM u16
#define KV_ITEM_BYTES 2
#include "movement.inc.h"

#define KV_ITEM u32
#define KV_ITEM_BYTES 4
#include "movement.inc.h"

#define KV_ITEM u64
#define KV_ITEM_BYTES 8
#include "movement.inc.h"

#define KV_ITEM u128
#define KV_ITEM_BYTES 16
#include "movement.inc.h"

/* table->mode_product[KV_f32] = mode_product_f32; and so on. */
void KV_PASTE(kv_fill_, KV_ISA)(kv_table *table);
void KV_PASTE(kv_fill_, KV_ISA)(kv_table *table)
{
#define KV_SET(name, slot)                  \
    table->name[KV_##slot] = name##_##slot; \
    table->name##_isa[KV_##slot] = KV_STRING(KV_ISA);
    table->vector_bytes = KV_VECTOR_BYTES;
    table->registers = KV_REGISTERS;
#define KV_ARITHMETIC(name, arguments) \
    KV_SET(name, f32) KV_SET(name, f64) KV_SET(name, c64) KV_SET(name, c128)
#define KV_MOVEMENT(name, arguments) \
    KV_SET(name, u8) KV_SET(name, u16) KV_SET(name, u32) KV_SET(name, u64) KV_SET(name, u128)
#include "kernels.def"
#undef KV_ARITHMETIC
#undef KV_MOVEMENT
#undef KV_SET
}
