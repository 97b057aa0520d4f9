/* Register tiles of the mode product y[q,r] (+)= Σ_p f[q,p] x[p,r], at one vector width.
 *
 * r is contiguous.  A tile is tq rows of q by tv vectors along r; `count` is the number of reals
 * in its last vector if that is partial, else 0.  tq, tv and n are compile-time constants;
 * strides count reals.  While it computes, a tile asks for memory `ahead`.
 */

/* Any P: the tile stays in registers while p runs, f enters as broadcast memory operands. */
KV_INLINE void V(mode_tile)(const int tq, const int tv, int count, kv_intp P, const KV_REAL *f,
                            kv_intp f_q, kv_intp f_p, const KV_REAL *x, kv_intp x_p, KV_REAL *y,
                            kv_intp y_q, int flags, kv_ahead *ahead)
{
    V(vec) re[8][6];
#if KV_COMPLEX
    V(vec) im[8][6];
#endif
    KV_UNROLL for (int q = 0; q < tq; q++) {
        KV_UNROLL for (int v = 0; v < tv; v++) {
            re[q][v] = V(zero)();
#if KV_COMPLEX
            im[q][v] = V(zero)();
#endif
        }
    }
    for (kv_intp p = 0; p < P; p++) {
        V(vec) row[6];
        if (tq * tv * KV_SCALARS * 2 > KV_FETCH_EVERY || p % 2) {
            kv_fetch(ahead, 1);
        }
        KV_UNROLL for (int v = 0; v < tv; v++) {
            row[v] = V(load_count)(x + v * KV_LANES, v == tv - 1 ? count : 0);
        }
        KV_UNROLL for (int q = 0; q < tq; q++) {
            V(vec) f_re = V(splat)(f[q * f_q]);
#if KV_COMPLEX
            V(vec) f_im = V(splat)(f[q * f_q + 1]);
#endif
            KV_UNROLL for (int v = 0; v < tv; v++) {
                re[q][v] = V(madd)(f_re, row[v], re[q][v]);
#if KV_COMPLEX
                im[q][v] = V(madd)(f_im, row[v], im[q][v]);
#endif
            }
        }
        x += x_p;
        f += f_p;
    }
    KV_UNROLL for (int q = 0; q < tq; q++) {
        KV_UNROLL for (int v = 0; v < tv; v++) {
            KV_REAL *to = y + q * y_q + v * KV_LANES;
            int n = v == tv - 1 ? count : 0;
            V(vec) sum = re[q][v];
#if KV_COMPLEX
            sum = V(combine)(sum, im[q][v], flags & KV_CONJUGATE);
#endif
            V(put)(to, n, sum, flags);
        }
    }
}

/* Σ_p f[p] rows[p * step] */
KV_INLINE V(vec) V(sum_rows)(const int n, const KV_REAL *f, const V(vec) *rows, const int step)
{
    V(vec) sum = V(mul)(V(splat)(f[0]), rows[0]);
#if KV_COMPLEX
    V(vec) im = V(mul)(V(splat)(f[1]), rows[0]);
#endif
    KV_UNROLL for (int p = 1; p < n; p++) {
        sum = V(madd)(V(splat)(f[p * KV_SCALARS]), rows[p * step], sum);
#if KV_COMPLEX
        im = V(madd)(V(splat)(f[p * KV_SCALARS + 1]), rows[p * step], im);
#endif
    }
#if KV_COMPLEX
    sum = V(combine)(sum, im, 0);
#endif
    return sum;
}

/* P = n, a constant: a column of vectors of x, all of it, is held in registers while q runs,
 * `tq` rows at a time.  All of it is read before any of y is written: for Q = P y may be x
 * itself.  f is packed, Q by n. */
KV_INLINE void V(mode_whole)(const int n, const int tq, const int tv, int count, kv_intp Q,
                             const KV_REAL *f, const KV_REAL *x, kv_intp x_p, KV_REAL *y,
                             kv_intp y_q, int flags, kv_ahead *ahead)
{
    V(vec) row[KV_WHOLE_MODE][2];
    kv_intp q = 0;
    kv_fetch(ahead, (int)Q * n * tv * KV_SCALARS / KV_FETCH_EVERY + 1);
    KV_UNROLL for (int p = 0; p < n; p++) {
        KV_UNROLL for (int v = 0; v < tv; v++) {
            row[p][v] = V(load_count)(x + p * x_p + v * KV_LANES, v == tv - 1 ? count : 0);
        }
    }
#define KV_ROW(i)                                                                        \
    KV_UNROLL for (int v = 0; v < tv; v++) {                                             \
        V(vec) sum = V(sum_rows)(n, f + (q + (i)) * n * KV_SCALARS, &row[0][v], 2);      \
        V(put)(y + (q + (i)) * y_q + v * KV_LANES, v == tv - 1 ? count : 0, sum, flags); \
    }
    for (; q + tq <= Q; q += tq) {
        if (n > 4) {
            KV_RELOAD(f); /* n² splats do not fit the register file */
        }
        KV_UNROLL for (int i = 0; i < tq; i++) {
            KV_ROW(i)
        }
    }
    for (; q < Q; q++) {
        KV_ROW(0)
    }
#undef KV_ROW
}
