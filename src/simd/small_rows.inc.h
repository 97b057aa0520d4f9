/* One row of a small matrix product, at one vector width: out = Σ_j f[j] rows[j].
 *
 * rows[j] holds row j of an (n, n) matrix in `nv` vectors of this width, nv <= n <= KV_SMALL;
 * the last one is partial where n does not fill it.  The n coefficients f[j] lie f_stride reals
 * apart in memory.  n and nv are compile-time constants.
 */
KV_INLINE void V(load_rows)(const int n, const int nv, const KV_REAL *from,
                            V(vec) rows[KV_SMALL][KV_SMALL])
{
    const int tail = n * KV_SCALARS % KV_LANES;
    KV_UNROLL for (int j = 0; j < n; j++) {
        KV_UNROLL for (int v = 0; v < nv; v++) {
            rows[j][v] = V(load_count)(from + j * n * KV_SCALARS + v * KV_LANES,
                                       v == nv - 1 ? tail : 0);
        }
    }
}

KV_INLINE void V(combine_rows)(const int n, const int nv, const KV_REAL *f, const int f_stride,
                               V(vec) rows[KV_SMALL][KV_SMALL], int conjugate, V(vec) out[KV_SMALL])
{
    KV_UNROLL for (int v = 0; v < nv; v++) {
        V(vec) re = V(mul)(V(splat)(f[0]), rows[0][v]);
#if KV_COMPLEX
        V(vec) im = V(mul)(V(splat)(f[1]), rows[0][v]);
#endif
        KV_UNROLL for (int j = 1; j < n; j++) {
            re = V(madd)(V(splat)(f[j * f_stride]), rows[j][v], re);
#if KV_COMPLEX
            im = V(madd)(V(splat)(f[j * f_stride + 1]), rows[j][v], im);
#endif
        }
#if KV_COMPLEX
        out[v] = V(combine)(re, im, conjugate);
#else
        (void)conjugate;
        out[v] = re;
#endif
    }
}

KV_INLINE void V(store_row)(const int n, const int nv, KV_REAL *to, V(vec) row[KV_SMALL])
{
    KV_UNROLL for (int v = 0; v < nv; v++) {
        V(store_count)(to + v * KV_LANES, v == nv - 1 ? n * KV_SCALARS % KV_LANES : 0, row[v]);
    }
}

/* y = a (b c) for one triple; U = b c stays in registers. */
KV_INLINE void V(triple_product)(const int n, const KV_REAL *a, const KV_REAL *b, const KV_REAL *c,
                                 KV_REAL *y)
{
    const int nv = (n * KV_SCALARS + KV_LANES - 1) / KV_LANES;
    const int row = n * KV_SCALARS;
    V(vec) rows[KV_SMALL][KV_SMALL], product[KV_SMALL][KV_SMALL], out[KV_SMALL];
    V(load_rows)(n, nv, c, rows);
    KV_UNROLL for (int i = 0; i < n; i++) {
        V(combine_rows)(n, nv, b + i * row, KV_SCALARS, rows, 0, product[i]);
    }
    KV_UNROLL for (int i = 0; i < n; i++) {
        V(combine_rows)(n, nv, a + i * row, KV_SCALARS, product, 0, out);
        V(store_row)(n, nv, y + i * row, out);
    }
}

/* dx = g wt, dw = x^H g for one sample, where wt is w^H (w^T without conjugate). */
KV_INLINE void V(vjp)(const int n, const KV_REAL *g, const KV_REAL *x, const KV_REAL *wt,
                      KV_REAL *dx, KV_REAL *dw, int conjugate)
{
    const int nv = (n * KV_SCALARS + KV_LANES - 1) / KV_LANES;
    const int row = n * KV_SCALARS;
    V(vec) rows[KV_SMALL][KV_SMALL], out[KV_SMALL];
    V(load_rows)(n, nv, wt, rows);
    KV_UNROLL for (int i = 0; i < n; i++) {
        V(combine_rows)(n, nv, g + i * row, KV_SCALARS, rows, 0, out);
        V(store_row)(n, nv, dx + i * row, out);
    }
    V(load_rows)(n, nv, g, rows);
    KV_UNROLL for (int k = 0; k < n; k++) {
        V(combine_rows)(n, nv, x + k * KV_SCALARS, row, rows, conjugate, out);
        V(store_row)(n, nv, dw + k * row, out);
    }
}
