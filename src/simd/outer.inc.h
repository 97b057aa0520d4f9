/* y[i*p + k, j*q + l] = a[i,j] b[k,l]
 *
 * a is (m, n) with any strides, b (p, q) and y (m*p, n*q) with contiguous rows.  A row of y is
 * n copies of row k of b, each scaled by one entry of a.  Where q is shorter than a vector,
 * row i of a is first spread out (each entry q times) and row k of b tiled, so that whole
 * vectors are multiplied.  With KV_STREAM pieces of a row of y are made in a buffer and leave
 * it past the cache: y need not be aligned, and its lines are not read first.
 */

/* How many columns of a are spread at a time, and the reals of a spread row. */
#define KV_SPREAD_REALS 1024
/* The buffer before streaming stores: a multiple of a spread row, well within L1. */
#define KV_BUFFER_REALS (KV_REAL_BYTES == 4 ? 2048 : 1024)

/* to = scale * from, `reals` reals; one entry of a as re and i im. */
KV_INLINE void KV_NAME(scaled_row)(kv_intp reals, const KV_REAL *scale, const KV_REAL *from,
                                   KV_REAL *to)
{
    V(vec) re = V(splat)(scale[0]);
#if KV_COMPLEX
    V(vec) im = V(mul)(V(signs)(), V(splat)(scale[1]));
#define KV_SCALE(b) V(madd)(re, b, V(mul)(im, V(swap)(b)))
#else
#define KV_SCALE(b) V(mul)(re, b)
#endif
    kv_intp r = 0;
    for (; r + KV_LANES <= reals; r += KV_LANES) {
        V(vec) b = V(load)(from + r);
        V(store)(to + r, KV_SCALE(b));
    }
    /* What is left is computed without empty lanes: inf * 0 there would raise a flag. */
    if (r < reals && reals > KV_LANES) {
        V(vec) b = V(load)(from + reals - KV_LANES);
        V(store)(to + reals - KV_LANES, KV_SCALE(b));
    } else if (r < reals) {
        KV_REAL lanes[KV_LANES];
        for (int i = 0; i < KV_LANES; i++) {
            lanes[i] = from[i % reals];
        }
        V(vec) b = V(load)(lanes);
        V(store_partial)(to, (int)reals, KV_SCALE(b));
    }
#undef KV_SCALE
}

/* Row k of b times n entries of a, `buffer` reals at a time past the cache. */
static void KV_NAME(stream_row)(kv_intp n, kv_intp width, const KV_REAL *a, kv_intp a_col,
                                const KV_REAL *b, KV_REAL *y, KV_REAL *buffer)
{
    const kv_intp piece = KV_MIN(width, KV_BUFFER_REALS);
    kv_intp filled = 0;
    for (kv_intp j = 0; j < n; j++) {
        for (kv_intp l = 0; l < width; l += piece) {
            const kv_intp reals = KV_MIN(piece, width - l);
            if (filled + reals > KV_BUFFER_REALS) {
                V(stream)(y, buffer, filled);
                y += filled;
                filled = 0;
            }
            KV_NAME(scaled_row)(reals, a + j * a_col, b + l, buffer + filled);
            filled += reals;
        }
    }
    V(stream)(y, buffer, filled);
}

/* An entry of a to `lanes` of a spread row; the next entry overwrites the excess. */
KV_INLINE void KV_NAME(spread_entry)(const int lanes, const KV_REAL *entry, KV_REAL *re,
                                     KV_REAL *im)
{
    KV_UNROLL for (int l = 0; l < lanes; l++) {
        re[l] = entry[0];
#if KV_COMPLEX
        im[l] = l % 2 ? entry[1] : -entry[1];
#endif
    }
    (void)im;
}

/* One vector of a spread row (re and im from r on) times one of a tiled row; 0 for a whole one. */
KV_INLINE void KV_NAME(spread_vector)(const KV_REAL *re, const KV_REAL *im, V(vec) row, int count,
                                      KV_REAL *to)
{
#if KV_COMPLEX
    V(vec) product =
        V(madd)(V(load_count)(re, count), row, V(mul)(V(load_count)(im, count), V(swap)(row)));
#else
    V(vec) product = V(mul)(V(load_count)(re, count), row);
    (void)im;
#endif
    V(store_count)(to, count, product);
}

/* y rows of one i, for q * KV_SCALARS < KV_LANES: `columns` entries of a at a time. */
KV_INLINE void KV_NAME(spread_rows)(kv_intp columns, kv_intp p, kv_intp q, const KV_REAL *a,
                                    kv_intp a_col, const KV_REAL *b, kv_intp b_row, KV_REAL *y,
                                    kv_intp y_row, KV_REAL *buffer)
{
    KV_REAL re[KV_SPREAD_REALS + KV_LANES], *im = re;
#if KV_COMPLEX
    KV_REAL signed_im[KV_SPREAD_REALS + KV_LANES]; /* with the signs of i * (re, im) */
    im = signed_im;
#endif
    const kv_intp width = q * KV_SCALARS;
    const kv_intp reals = columns * width, phase_step = KV_LANES % width;
    for (kv_intp j = 0; j < columns; j++) {
        if (width <= KV_LANES / 2) {
            KV_NAME(spread_entry)(KV_LANES / 2, a + j * a_col, re + j * width, im + j * width);
        } else {
            KV_NAME(spread_entry)(KV_LANES, a + j * a_col, re + j * width, im + j * width);
        }
    }
    /* Vector number v of a tiled row of b starts at lane (v * KV_LANES) % width of the row:
     * `phases` different vectors, then the same ones again. */
    for (kv_intp k = 0; k < p; k++) {
        KV_REAL tiled[2 * KV_LANES];
        for (kv_intp l = 0; l < width + KV_LANES - 1; l++) {
            tiled[l] = b[k * b_row + l % width];
        }
        KV_REAL *to = buffer ? buffer : y + k * y_row;
        kv_intp phase = 0, r = 0;
        if (phase_step == 0) {
            const V(vec) row = V(load)(tiled);
            for (; r + KV_LANES <= reals; r += KV_LANES) {
                KV_NAME(spread_vector)(re + r, im + r, row, 0, to + r);
            }
        }
        for (; r + KV_LANES <= reals; r += KV_LANES) {
            KV_NAME(spread_vector)(re + r, im + r, V(load)(tiled + phase), 0, to + r);
            phase += phase_step < width - phase ? phase_step : phase_step - width;
        }
        if (r < reals) { /* lanes past the end are 0 * 0: no flag is raised that no entry raises */
            const int count = (int)(reals - r);
            KV_NAME(spread_vector)(re + r, im + r, V(load_partial)(tiled + phase, count), count,
                                   to + r);
        }
        if (buffer) {
            V(stream)(y + k * y_row, buffer, reals);
        }
    }
}

static void KV_NAME(outer)(kv_intp m, kv_intp n, kv_intp p, kv_intp q, const void *a_,
                           kv_intp a_row, kv_intp a_col, const void *b_, kv_intp b_row, void *y_,
                           kv_intp y_row, int flags)
{
    KV_REAL buffer[KV_BUFFER_REALS];
    /* Where a vector is a whole cache line; pieces of lines gained nothing. */
    const int streaming = KV_VECTOR_BYTES == 64 && flags & KV_STREAM;
    const kv_intp width = q * KV_SCALARS;
    a_row *= KV_SCALARS;
    a_col *= KV_SCALARS;
    b_row *= KV_SCALARS;
    y_row *= KV_SCALARS;
    for (kv_intp i = 0; i < m; i++) {
        const KV_REAL *a = (const KV_REAL *)a_ + i * a_row;
        const KV_REAL *b = b_;
        KV_REAL *y = (KV_REAL *)y_ + i * p * y_row;
        if (width == 0) {
            continue;
        }
        if (width < KV_LANES && n > 1) {
            const kv_intp step = KV_SPREAD_REALS / width;
            for (kv_intp j = 0; j < n; j += step) {
                KV_NAME(spread_rows)(KV_MIN(step, n - j), p, q, a + j * a_col, a_col, b, b_row,
                                     y + j * width, y_row, streaming ? buffer : NULL);
            }
            continue;
        }
        for (kv_intp k = 0; k < p; k++) {
            if (streaming) {
                KV_NAME(stream_row)(n, width, a, a_col, b + k * b_row, y + k * y_row, buffer);
                continue;
            }
            for (kv_intp j = 0; j < n; j++) {
                KV_NAME(scaled_row)(width, a + j * a_col, b + k * b_row, y + k * y_row + j * width);
            }
        }
    }
    if (streaming) {
        KV_STREAM_FENCE;
    }
}

#undef KV_SPREAD_REALS
#undef KV_BUFFER_REALS
