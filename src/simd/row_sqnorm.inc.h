/* y[i] = Σ_j |x[i,j]|²;  j contiguous, y real.
 *
 * A complex row is a real row of twice the length.  Four running sums, added pairwise, keep
 * the error near that of NumPy's pairwise summation for rows of moderate length.
 */
static void KV_NAME(row_sqnorm)(kv_intp rows, kv_intp n, const void *x_, kv_intp x_row, void *y_,
                                kv_intp y_row)
{
    const kv_intp reals = n * KV_SCALARS;
    for (kv_intp i = 0; i < rows; i++) {
        const KV_REAL *x = (const KV_REAL *)x_ + i * x_row * KV_SCALARS;
        V(vec) sum[4] = {V(zero)(), V(zero)(), V(zero)(), V(zero)()};
        kv_intp j = 0;
        for (; j + 4 * KV_LANES <= reals; j += 4 * KV_LANES) {
            KV_UNROLL for (int v = 0; v < 4; v++) {
                V(vec) part = V(load)(x + j + v * KV_LANES);
                sum[v] = V(madd)(part, part, sum[v]);
            }
        }
        for (; j + KV_LANES <= reals; j += KV_LANES) {
            V(vec) part = V(load)(x + j);
            sum[0] = V(madd)(part, part, sum[0]);
        }
        if (j < reals) {
            V(vec) part = V(load_partial)(x + j, (int)(reals - j));
            sum[1] = V(madd)(part, part, sum[1]);
        }
        KV_REAL lanes[KV_LANES];
        V(store)(lanes, V(add)(V(add)(sum[0], sum[1]), V(add)(sum[2], sum[3])));
        for (int step = KV_LANES / 2; step; step /= 2) {
            for (int lane = 0; lane < step; lane++) {
                lanes[lane] += lanes[lane + step];
            }
        }
        ((KV_REAL *)y_)[i * y_row] = lanes[0];
    }
}
