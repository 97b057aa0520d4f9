/* Every movement kernel for one item size: KV_ITEM (u8 u16 u32 u64 u128), KV_ITEM_BYTES.
 *
 * Only sizes matter, so one kernel serves every dtype of that size.  Strides count items.
 */
#define T(name) KV_PASTE(name##_, KV_ITEM) /* name_<item> */

#include "transpose.inc.h"
#include "transpose_square.inc.h"

#undef T
#undef KV_ITEM
#undef KV_ITEM_BYTES
