/* Every arithmetic kernel for one dtype: KV_DTYPE (f32 f64 c64 c128), KV_REAL, KV_REAL_BYTES,
 * KV_COMPLEX.
 *
 * Vectors come in every width up to the instruction set's: the small_* kernels hold a matrix
 * row in the narrowest that fits; elsewhere the widest serves, whose names the last include of
 * vec.inc.h leaves in V().
 */
#define KV_SCALARS (1 + KV_COMPLEX)               /* reals per element */
#define KV_ITEMSIZE (KV_REAL_BYTES * KV_SCALARS)  /* bytes per element */
#define KV_NAME(name) KV_PASTE(name##_, KV_DTYPE) /* name_<dtype> */
#define KV_AT(name, width) KV_PASTE3(name, KV_DTYPE, width)

#define KV_WIDTH 16
#include "vec.inc.h"
#include "small_rows.inc.h"
#include "mode_tile.inc.h"
#include "mode_pair_tile.inc.h"
#if KV_VECTOR_BYTES >= 32
#undef KV_WIDTH
#undef V
#define KV_WIDTH 32
#include "vec.inc.h"
#include "small_rows.inc.h"
#include "mode_tile.inc.h"
#include "mode_pair_tile.inc.h"
#endif
#if KV_VECTOR_BYTES >= 64
#undef KV_WIDTH
#undef V
#define KV_WIDTH 64
#include "vec.inc.h"
#include "small_rows.inc.h"
#include "mode_tile.inc.h"
#include "mode_pair_tile.inc.h"
#endif

#include "mode_product.inc.h"
#include "mode_pair.inc.h"
#include "outer.inc.h"
#include "khatri_rao.inc.h"
#include "row_sqnorm.inc.h"
#include "small_matmul.inc.h"

#undef KV_WIDTH
#undef V
#undef KV_SCALARS
#undef KV_ITEMSIZE
#undef KV_NAME
#undef KV_AT
#undef KV_DTYPE
#undef KV_REAL
#undef KV_REAL_BYTES
#undef KV_COMPLEX
