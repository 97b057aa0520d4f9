/* Batches of small square products, one body for each n that kv_small accepts:
 *
 *   small_triple_product   y_i  = a_i b_i c_i
 *   small_vjp              dx_i = g_i w_i^H,  dw_i = x_i^H g_i   (transposes without KV_CONJUGATE)
 *
 * Each matrix is C-contiguous; the *_batch strides count elements and may be 0.  Outputs must
 * not overlap inputs.  A matrix row lives in the narrowest vector that holds it.
 */

/* Run `body(width)` at the narrowest width that holds a row of n elements. */
#if KV_VECTOR_BYTES == 64
#define KV_AT_WIDTH(n, body)              \
    if ((n) * KV_ITEMSIZE <= 16) {        \
        body(16)                          \
    } else if ((n) * KV_ITEMSIZE <= 32) { \
        body(32)                          \
    } else {                              \
        body(64)                          \
    }
#elif KV_VECTOR_BYTES == 32
#define KV_AT_WIDTH(n, body)       \
    if ((n) * KV_ITEMSIZE <= 16) { \
        body(16)                   \
    } else {                       \
        body(32)                   \
    }
#else
#define KV_AT_WIDTH(n, body) {body(16)}
#endif

#define KV_EACH_SMALL(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(16)

static void KV_NAME(small_triple_product)(kv_intp batch, kv_intp n, const void *a_, kv_intp a_batch,
                                          const void *b_, kv_intp b_batch, const void *c_,
                                          kv_intp c_batch, void *y_, kv_intp y_batch)
{
    const KV_REAL *a = a_, *b = b_, *c = c_;
    KV_REAL *y = y_;
    switch (n) {
#define KV_TRIPLE(width)                                                \
    for (kv_intp i = 0; i < batch; i++) {                               \
        KV_AT(triple_product, width)                                    \
        (N, a + i * a_batch * KV_SCALARS, b + i * b_batch * KV_SCALARS, \
         c + i * c_batch * KV_SCALARS, y + i * y_batch * KV_SCALARS);   \
    }
#define KV_CASE(n)                \
    case n: {                     \
        enum { N = n };           \
        KV_AT_WIDTH(n, KV_TRIPLE) \
        break;                    \
    }
        KV_EACH_SMALL(KV_CASE)
#undef KV_CASE
#undef KV_TRIPLE
    }
}

static void KV_NAME(small_vjp)(kv_intp batch, kv_intp n, const void *g_, kv_intp g_batch,
                               const void *x_, kv_intp x_batch, const void *w_, kv_intp w_batch,
                               void *dx_, kv_intp dx_batch, void *dw_, kv_intp dw_batch, int flags)
{
    const KV_REAL *g = g_, *x = x_, *w = w_;
    KV_REAL *dx = dx_, *dw = dw_;
    const int conjugate = flags & KV_CONJUGATE;
    switch (n) {
#define KV_VJP(width)                                                   \
    for (kv_intp i = 0; i < batch; i++) {                               \
        KV_AT(vjp, width)                                               \
        (N, g + i * g_batch * KV_SCALARS, x + i * x_batch * KV_SCALARS, \
         w + i * w_batch * KV_SCALARS, dx + i * dx_batch * KV_SCALARS,  \
         dw + i * dw_batch * KV_SCALARS, conjugate);                    \
    }
#define KV_CASE(n)             \
    case n: {                  \
        enum { N = n };        \
        KV_AT_WIDTH(n, KV_VJP) \
        break;                 \
    }
        KV_EACH_SMALL(KV_CASE)
#undef KV_CASE
#undef KV_VJP
    }
}

#undef KV_AT_WIDTH
#undef KV_EACH_SMALL
