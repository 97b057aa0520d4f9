/* y[l,q1,q2,r] (+)= Σ_{p1,p2} f1[q1,p1] f2[q2,p2] x[l,p1,p2,r]
 *
 * Two neighbouring axes of n entries each in one sweep.  r is contiguous; f1 and f2 are
 * C-contiguous (n, n).  kv_pair_fits says which n and R there are: at least a vector along r, or
 * for R = 1 (x and y C-contiguous then) matrices as kv_matrix_fits says.  y may be x, unless
 * KV_ACCUMULATE adds to it.  KV_STREAM writes y past the caches where its rows are a whole number
 * of lines apart; `ahead` as for mode_product.
 */

KV_INLINE void KV_NAME(pair_rows)(const int n, kv_intp reals, const KV_REAL *f1, const KV_REAL *f2,
                                  const KV_REAL *x, kv_intp x_1, kv_intp x_2, KV_REAL *y,
                                  kv_intp y_1, kv_intp y_2, kv_intp head, int flags,
                                  kv_ahead *ahead)
{
    kv_intp r = head;
#define KV_COLUMN(at, count) \
    V(mode_pair)(n, count, f1, f2, x + (at), x_1, x_2, y + (at), y_1, y_2, flags, ahead)
    if (head) {
        KV_COLUMN(0, (int)head);
    }
    for (; r + KV_LANES <= reals; r += KV_LANES) {
        KV_COLUMN(r, 0);
    }
    if (r < reals) {
        KV_COLUMN(r, (int)(reals - r));
    }
#undef KV_COLUMN
}

/* R = 1 */
static void KV_NAME(pair_matrices)(kv_intp L, kv_intp n, const KV_REAL *f1, const KV_REAL *f2,
                                   const KV_REAL *x, KV_REAL *y, int flags, kv_ahead *ahead)
{
    const kv_intp size = n * n * KV_SCALARS;
#if !KV_COMPLEX
    if (n == 4 && size == KV_LANES) {
        V(vec) weights[8];
        KV_REAL *weight = (KV_REAL *)weights;
        for (int i = 0; i < 8 * 16; i++) {
            const int k = i / 16 % 4, lane = i % 16, q = i < 4 * 16 ? lane % 4 : lane / 4;
            weight[i] = (i < 4 * 16 ? f2 : f1)[q * 4 + (q ^ k)];
        }
        for (kv_intp l = 0; l < L; l++, x += size, y += size) {
            kv_fetch(ahead, 1);
            V(put)(y, 0, V(matrix_in_lanes)(4, weights, V(load)(x)), flags);
        }
        return;
    }
#endif
    KV_REAL transposed[KV_LANES * KV_LANES];
    for (kv_intp i = 0; i < size; i++) {
        const kv_intp row = i / KV_SCALARS / n, column = i / KV_SCALARS % n;
        transposed[(column * n + row) * KV_SCALARS + i % KV_SCALARS] = f2[i];
    }
#define KV_MATRICES(width)                                         \
    for (kv_intp l = 0; l < L; l++, x += size, y += size) {        \
        kv_fetch(ahead, width / KV_ITEMSIZE * width / 64);         \
        KV_AT(matrix_of_rows, width)(f1, transposed, x, y, flags); \
    }
#if KV_VECTOR_BYTES == 64
    if (n * KV_ITEMSIZE == 32) {
        KV_MATRICES(32)
        return;
    }
#endif
    KV_MATRICES(KV_VECTOR_BYTES)
#undef KV_MATRICES
}

static void KV_NAME(mode_pair)(kv_intp L, kv_intp n, kv_intp R, const void *f1, const void *f2,
                               const void *x_, kv_intp x_l, kv_intp x_1, kv_intp x_2, void *y_,
                               kv_intp y_l, kv_intp y_1, kv_intp y_2, int flags, kv_ahead *ahead)
{
    kv_ahead nothing = {0};
    const KV_REAL *x = x_;
    KV_REAL *y = y_;
    const kv_intp reals = R * KV_SCALARS;
    ahead = ahead ? ahead : &nothing;
    if (R == 1 && kv_matrix_fits(n, KV_ITEMSIZE, KV_VECTOR_BYTES)) {
        KV_NAME(pair_matrices)(L, n, f1, f2, x, y, flags & KV_ACCUMULATE, ahead);
        return;
    }
    y_l *= KV_SCALARS;
    y_1 *= KV_SCALARS;
    y_2 *= KV_SCALARS;
    flags = KV_NAME(streams)(flags, reals, y, L > 1 ? y_l | y_1 | y_2 : y_1 | y_2);
    const kv_intp head = flags & KV_STREAM ? KV_HEAD(y) : 0;
    switch (n) {
#define KV_CASE(N)                                                                           \
    case N:                                                                                  \
        for (kv_intp l = 0; l < L; l++) {                                                    \
            KV_NAME(pair_rows)                                                               \
            (N, reals, f1, f2, x + l * x_l * KV_SCALARS, x_1 * KV_SCALARS, x_2 * KV_SCALARS, \
             y + l * y_l, y_1, y_2, head, flags, ahead);                                     \
        }                                                                                    \
        break;
        KV_CASE(2)
        KV_CASE(3)
#if KV_REGISTERS == 32
        KV_CASE(4) KV_CASE(5)
#endif
#undef KV_CASE
    }
    if (flags & KV_STREAM) {
        KV_STREAM_FENCE;
    }
}
