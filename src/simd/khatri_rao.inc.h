/* y[i*p + k, j] = a[i,j] b[k,j]
 *
 * j is contiguous in all three.  Row i of a is spread out once: re[j] and, for complex entries,
 * im[j] with the signs of i * (re, im), so that a product is re b + im swap(b).  Where rows of b
 * and y follow one another without gaps, the p rows of an i are one run, over which the spread
 * row repeats: short rows fill vectors, too.  With KV_STREAM y is written past the cache.
 */

/* Reals of a row that are spread at a time, and of the buffer before streaming stores: a
 * multiple of every vector. */
#define KV_SPREAD_REALS 1024

/* y[r] = a[(phase + r) % period] b[r] for whole vectors and, at the end, a partial one. */
KV_INLINE kv_intp KV_NAME(periodic_product)(kv_intp reals, kv_intp period, kv_intp phase,
                                            const KV_REAL *re, const KV_REAL *im, const KV_REAL *b,
                                            KV_REAL *y)
{
    const kv_intp step = KV_LANES % period;
    for (kv_intp r = 0; r < reals; r += KV_LANES) {
        const int count = reals - r < KV_LANES ? (int)(reals - r) : 0;
        V(vec) row = V(load_count)(b + r, count);
#if KV_COMPLEX
        V(vec) product = V(madd)(V(load_count)(re + phase, count), row,
                                 V(mul)(V(load_count)(im + phase, count), V(swap)(row)));
#else
        V(vec) product = V(mul)(V(load_count)(re + phase, count), row);
        (void)im;
#endif
        V(store_count)(y + r, count, product);
        phase += step < period - phase ? step : step - period;
    }
    return phase;
}

static void KV_NAME(khatri_rao)(kv_intp m, kv_intp p, kv_intp n, const void *a_, kv_intp a_row,
                                const void *b_, kv_intp b_row, void *y_, kv_intp y_row, int flags)
{
    KV_REAL re[KV_SPREAD_REALS + KV_LANES], im[KV_COMPLEX ? KV_SPREAD_REALS + KV_LANES : 1];
    KV_REAL buffer[KV_SPREAD_REALS];
    const int streaming = KV_VECTOR_BYTES == 64 && flags & KV_STREAM;
    const kv_intp width = n * KV_SCALARS;
    /* Rows without gaps are one row of the run. */
    const int joined = width <= KV_SPREAD_REALS && b_row == n && y_row == n;
    const kv_intp rows = joined ? KV_MIN(p, 1) : p;
    for (kv_intp i = 0; i < m; i++) {
        const KV_REAL *a = (const KV_REAL *)a_ + i * a_row * KV_SCALARS;
        KV_REAL *y_i = (KV_REAL *)y_ + i * p * y_row * KV_SCALARS;
        for (kv_intp j = 0; j < width; j += KV_SPREAD_REALS) {
            const kv_intp period = KV_MIN(width - j, KV_SPREAD_REALS);
            const kv_intp run = joined ? p * width : period;
            for (kv_intp r = 0; r < period + KV_LANES; r++) {
                const kv_intp from = j + (r < period ? r : r % period);
                re[r] = a[from - from % KV_SCALARS];
#if KV_COMPLEX
                im[r] = from % 2 ? a[from] : -a[from + 1];
#endif
            }
            for (kv_intp k = 0; k < rows; k++) {
                const KV_REAL *b = (const KV_REAL *)b_ + k * b_row * KV_SCALARS + j;
                KV_REAL *y = y_i + k * y_row * KV_SCALARS + j;
                if (!streaming) {
                    KV_NAME(periodic_product)(run, period, 0, re, im, b, y);
                    continue;
                }
                kv_intp phase = 0;
                for (kv_intp r = 0; r < run; r += KV_SPREAD_REALS) {
                    const kv_intp reals = KV_MIN(run - r, KV_SPREAD_REALS);
                    phase = KV_NAME(periodic_product)(reals, period, phase, re, im, b + r, buffer);
                    V(stream)(y + r, buffer, reals);
                }
            }
        }
    }
    if (streaming) {
        KV_STREAM_FENCE;
    }
}

#undef KV_SPREAD_REALS
