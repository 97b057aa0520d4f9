/* Small matrix products on panels: one vector of columns of an (n, n) matrix, at one width.
 *
 * rows[j] holds row j of a panel, so out = f rows needs one splat of f and one multiply-add
 * per entry of f and vector, and the columns of a product depend on those of its right factor
 * alone: y[:,panel] = a (b c[:,panel]).  The panels of a row longer than a vector cover it
 * without a remainder, the last one by overlapping its neighbour; a row shorter than a vector
 * is one partial panel.  n is a compile-time constant.
 */

/* Elements in a vector. */
#define KV_ELEMENTS (KV_LANES / KV_SCALARS)
/* The reals of a panel's rows if those are partial, else 0. */
#define KV_PARTIAL(n) ((n) < KV_ELEMENTS ? (n) * KV_SCALARS : 0)
/* Run the statement for each panel; `at` is its first column. */
#define KV_EACH_PANEL(n, at)                                      \
    KV_ROLL for (int at = 0, end_ = 0; end_ < (n);                \
                 end_ = at + KV_ELEMENTS,                         \
                 at = KV_MIN(end_, (n) > KV_ELEMENTS ? (n) - KV_ELEMENTS : (n)))
/* Rows of a product whose sums are held in registers beside a whole panel. */
#define KV_SUMS ((KV_REGISTERS == 32 ? 8 : 4) / KV_SCALARS)

KV_INLINE void V(load_panel)(const int n, const KV_REAL *from, V(vec) rows[KV_SMALL])
{
    KV_UNROLL for (int j = 0; j < n; j++) {
        rows[j] = V(load_count)(from + j * n * KV_SCALARS, KV_PARTIAL(n));
    }
}

/* Whole vectors where the matrix goes on behind them: the next row overwrites the excess. */
KV_INLINE void V(store_panel)(const int n, KV_REAL *to, V(vec) rows[KV_SMALL])
{
    KV_UNROLL for (int i = 0; i < n; i++) {
        const int fits = !KV_PARTIAL(n) || i * n + KV_ELEMENTS <= n * n;
        V(store_first)(to + i * n * KV_SCALARS, fits ? KV_LANES : KV_PARTIAL(n), rows[i]);
    }
}

/* A panel of the transpose (for conjugate the adjoint) of the matrix: its rows from the
 * panel's first column on, transposed in square tiles of KV_ELEMENTS. */
KV_INLINE void V(load_adjoint_panel)(const int n, const KV_REAL *from, int conjugate,
                                     V(vec) rows[KV_SMALL])
{
    const int side = KV_MIN(n, KV_ELEMENTS);
    KV_UNROLL for (int first = 0; first < n; first += side) {
        const int at = KV_MIN(first, n - side);
        V(vec) tile[KV_ELEMENTS];
        KV_UNROLL for (int i = 0; i < KV_ELEMENTS; i++) {
            tile[i] = i < side ? V(load_count)(from + (i * n + at) * KV_SCALARS, KV_PARTIAL(n))
                               : V(zero)();
        }
        V(transpose)(tile);
        KV_UNROLL for (int i = 0; i < side; i++) {
            rows[at + i] = tile[i];
        }
    }
#if KV_COMPLEX
    if (conjugate) {
        KV_UNROLL for (int j = 0; j < n; j++) {
            rows[j] = V(conj)(rows[j]);
        }
    }
#else
    (void)conjugate;
#endif
}

/* out[i] = Σ_j f[i,j] rows[j], with conj(f) for conjugate; f_row and f_col count elements. */
KV_INLINE void V(multiply_panel)(const int n, const KV_REAL *f, const int f_row, const int f_col,
                                 int conjugate, V(vec) rows[KV_SMALL], V(vec) out[KV_SMALL])
{
    KV_UNROLL for (int first = 0; first < n; first += KV_SUMS) {
        const int sums = KV_MIN(KV_SUMS, n - first);
        V(vec) re[KV_SUMS];
#if KV_COMPLEX
        V(vec) im[KV_SUMS];
#endif
        KV_UNROLL for (int j = 0; j < n; j++) {
            KV_UNROLL for (int i = 0; i < sums; i++) {
                const KV_REAL *entry = f + ((first + i) * f_row + j * f_col) * KV_SCALARS;
                V(vec) f_re = V(splat)(entry[0]);
                re[i] = j ? V(madd)(f_re, rows[j], re[i]) : V(mul)(f_re, rows[j]);
#if KV_COMPLEX
                V(vec) f_im = V(splat)(entry[1]);
                im[i] = j ? V(madd)(f_im, rows[j], im[i]) : V(mul)(f_im, rows[j]);
#endif
            }
        }
        KV_UNROLL for (int i = 0; i < sums; i++) {
#if KV_COMPLEX
            out[first + i] = V(combine)(re[i], im[i], conjugate);
#else
            out[first + i] = re[i];
            (void)conjugate;
#endif
        }
    }
}

/* y = a (b c) for one triple. */
KV_INLINE void V(triple_product)(const int n, const KV_REAL *a, const KV_REAL *b, const KV_REAL *c,
                                 KV_REAL *y)
{
    KV_EACH_PANEL(n, at) {
        V(vec) rows[KV_SMALL], product[KV_SMALL];
        V(load_panel)(n, c + at * KV_SCALARS, rows);
        V(multiply_panel)(n, b, n, 1, 0, rows, product);
        V(multiply_panel)(n, a, n, 1, 0, product, rows);
        V(store_panel)(n, y + at * KV_SCALARS, rows);
    }
}

/* dx = g w^H, dw = x^H g for one sample (transposes without conjugate). */
KV_INLINE void V(vjp)(const int n, const KV_REAL *g, const KV_REAL *x, const KV_REAL *w,
                      KV_REAL *dx, KV_REAL *dw, int conjugate)
{
    KV_EACH_PANEL(n, at) {
        V(vec) rows[KV_SMALL], out[KV_SMALL];
        V(load_adjoint_panel)(n, w + at * n * KV_SCALARS, conjugate, rows);
        V(multiply_panel)(n, g, n, 1, 0, rows, out);
        V(store_panel)(n, dx + at * KV_SCALARS, out);
        V(load_panel)(n, g + at * KV_SCALARS, rows);
        V(multiply_panel)(n, x, 1, n, conjugate, rows, out);
        V(store_panel)(n, dw + at * KV_SCALARS, out);
    }
}

#undef KV_ELEMENTS
#undef KV_PARTIAL
#undef KV_EACH_PANEL
#undef KV_SUMS
