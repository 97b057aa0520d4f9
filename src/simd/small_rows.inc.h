/* Small matrix products on panels: one or two vectors of columns of an (n, n) matrix, at one
 * width.
 *
 * rows[j][v] holds row j of a panel.  The columns of a product depend on those of its right
 * factor alone, y[:,panel] = a (b c[:,panel]), so that a panel passes through registers from c
 * to y.  Vectors and panels cover a row without a remainder: the last starts early enough to
 * end with the row.  Only a row shorter than a vector is partial.  n is a compile-time constant,
 * nv = KV_PANEL_VECTORS(n).
 */

/* Elements in a vector. */
#define KV_ELEMENTS (KV_LANES / KV_SCALARS)
/* Two vectors share each splat; but with 32 registers, better one that stays in them. */
#define KV_PANEL_VECTORS(n) \
    ((n) > KV_ELEMENTS && (KV_REGISTERS < 32 || 4 * (n) <= KV_REGISTERS) ? 2 : 1)
#define KV_PANEL_COLUMNS(n) KV_MIN(n, KV_PANEL_VECTORS(n) * KV_ELEMENTS)
/* The first column of vector v of a panel, and of the panel after the one at `at`. */
#define KV_COLUMN(n, v) ((v) ? KV_PANEL_COLUMNS(n) - KV_ELEMENTS : 0)
#define KV_NEXT(n, at)                 \
    ((at) + KV_PANEL_COLUMNS(n) == (n) \
         ? (n)                         \
         : KV_MIN((at) + KV_PANEL_COLUMNS(n), (n) - KV_PANEL_COLUMNS(n)))
/* The reals of a row if those are less than a vector, else 0. */
#define KV_PARTIAL(n) ((n) < KV_ELEMENTS ? (n) * KV_SCALARS : 0)
/* Whether a panel leaves half of the registers to sums. */
#define KV_IN_REGISTERS(n) ((n) * KV_PANEL_VECTORS(n) <= KV_REGISTERS / 2)
/* Rows of a product that are summed at the same time. */
#define KV_SUMS(nv) ((KV_REGISTERS == 32 ? 16 / (nv) : 4) / KV_SCALARS)
#define KV_MAX_SUMS KV_SUMS(1)
/* Run the statement for the vectors of a panel: `nv`, 1 or 2. */
#define KV_VECTORS(v, nv)                 \
    KV_UNROLL for (int v = 0; v < 2; v++) \
        if (v < (nv))

KV_INLINE void V(load_panel)(const int n, const KV_REAL *from, V(vec) rows[KV_SMALL][2])
{
    KV_UNROLL for (int j = 0; j < n; j++) {
        KV_VECTORS(v, KV_PANEL_VECTORS(n))
        {
            rows[j][v] =
                V(load_count)(from + (j * n + KV_COLUMN(n, v)) * KV_SCALARS, KV_PARTIAL(n));
        }
    }
}

/* Whole vectors where the matrix goes on behind them: the next row overwrites the excess. */
KV_INLINE void V(store_panel)(const int n, KV_REAL *to, V(vec) rows[KV_SMALL][2])
{
    KV_UNROLL for (int i = 0; i < n; i++) {
        const int fits = !KV_PARTIAL(n) || i * n + KV_ELEMENTS <= n * n;
        KV_VECTORS(v, KV_PANEL_VECTORS(n))
        {
            V(store_first)(to + (i * n + KV_COLUMN(n, v)) * KV_SCALARS,
                           fits ? KV_LANES : KV_PARTIAL(n), rows[i][v]);
        }
    }
}

/* A panel of the transpose (for conjugate the adjoint) of the matrix whose row `at` is `from`,
 * by square tiles of KV_ELEMENTS. */
KV_INLINE void V(load_adjoint_panel)(const int n, const KV_REAL *from, int conjugate,
                                     V(vec) rows[KV_SMALL][2])
{
    const int side = KV_MIN(n, KV_ELEMENTS);
    KV_VECTORS(v, KV_PANEL_VECTORS(n))
    {
        KV_UNROLL for (int column = 0; column < n; column += side) {
            const int first = KV_MIN(column, n - side);
            V(vec) tile[KV_ELEMENTS];
            KV_UNROLL for (int i = 0; i < KV_ELEMENTS; i++) {
                const KV_REAL *row = from + ((KV_COLUMN(n, v) + i) * n + first) * KV_SCALARS;
                tile[i] = i < side ? V(load_count)(row, KV_PARTIAL(n)) : V(zero)();
            }
            V(transpose)(tile);
            KV_UNROLL for (int i = 0; i < side; i++) {
#if KV_COMPLEX
                tile[i] = conjugate ? V(conj)(tile[i]) : tile[i];
#else
                (void)conjugate;
#endif
                rows[first + i][v] = tile[i];
            }
        }
    }
}

/* re + i im += f[:] row, or = for `start`: one entry of f for each of `sums` rows, f_row reals
 * apart. */
KV_INLINE void V(add_row)(const int sums, const int nv, const int start, const KV_REAL *f,
                          const int f_row, const V(vec) *row, V(vec) re[KV_MAX_SUMS][2],
                          V(vec) im[KV_MAX_SUMS][2])
{
    KV_UNROLL for (int i = 0; i < sums; i++) {
        V(vec) f_re = V(splat)(f[i * f_row]);
        KV_VECTORS(v, nv)
        {
            re[i][v] = start ? V(mul)(f_re, row[v]) : V(madd)(f_re, row[v], re[i][v]);
        }
#if KV_COMPLEX
        V(vec) f_im = V(splat)(f[i * f_row + 1]);
        KV_VECTORS(v, nv)
        {
            im[i][v] = start ? V(mul)(f_im, row[v]) : V(madd)(f_im, row[v], im[i][v]);
        }
#else
        (void)im;
#endif
    }
}

/* out[i] = Σ_j f[i,j] rows[j] for i < sums, with conj(f) for conjugate; f_row and f_col count
 * reals.  Panels larger than half the register file stay in memory, and j is a loop. */
KV_INLINE void V(multiply_rows)(const int n, const int sums, const KV_REAL *f, const int f_row,
                                const int f_col, int conjugate, V(vec) rows[KV_SMALL][2],
                                V(vec) out[][2])
{
    const int nv = KV_PANEL_VECTORS(n);
    V(vec) re[KV_MAX_SUMS][2], im[KV_MAX_SUMS][2];
    V(add_row)(sums, nv, 1, f, f_row, rows[0], re, im);
    if (KV_IN_REGISTERS(n)) {
        KV_UNROLL for (int j = 1; j < n; j++) {
            V(add_row)(sums, nv, 0, f + j * f_col, f_row, rows[j], re, im);
        }
    } else {
        KV_ROLL for (int j = 1; j < n; j++)
        {
            V(add_row)(sums, nv, 0, f + j * f_col, f_row, rows[j], re, im);
        }
    }
    KV_UNROLL for (int i = 0; i < sums; i++) {
        KV_VECTORS(v, nv)
        {
#if KV_COMPLEX
            out[i][v] = V(combine)(re[i][v], im[i][v], conjugate);
#else
            out[i][v] = re[i][v];
            (void)conjugate;
#endif
        }
    }
}

KV_INLINE void V(multiply_panel)(const int n, const KV_REAL *f, const int f_row, const int f_col,
                                 int conjugate, V(vec) rows[KV_SMALL][2], V(vec) out[KV_SMALL][2])
{
    const int sums = KV_SUMS(KV_PANEL_VECTORS(n)), whole = n / sums * sums;
    if (KV_IN_REGISTERS(n)) {
        KV_UNROLL for (int i = 0; i < whole; i += sums) {
            V(multiply_rows)(n, sums, f + i * f_row, f_row, f_col, conjugate, rows, out + i);
        }
    } else {
        KV_ROLL for (int i = 0; i < whole; i += sums)
        {
            V(multiply_rows)(n, sums, f + i * f_row, f_row, f_col, conjugate, rows, out + i);
        }
    }
    if (whole < n) {
        V(multiply_rows)(n, n - whole, f + whole * f_row, f_row, f_col, conjugate, rows,
                         out + whole);
    }
}

/* y = a (b c) for one triple. */
KV_INLINE void V(triple_product)(const int n, const KV_REAL *a, const KV_REAL *b, const KV_REAL *c,
                                 KV_REAL *y)
{
    KV_ROLL for (int at = 0; at < n; at = KV_NEXT(n, at))
    {
        V(vec) rows[KV_SMALL][2], product[KV_SMALL][2];
        V(load_panel)(n, c + at * KV_SCALARS, rows);
        V(multiply_panel)(n, b, n * KV_SCALARS, KV_SCALARS, 0, rows, product);
        V(multiply_panel)(n, a, n * KV_SCALARS, KV_SCALARS, 0, product, rows);
        V(store_panel)(n, y + at * KV_SCALARS, rows);
    }
}

/* dx = g w^H, dw = x^H g for one sample (transposes without conjugate). */
KV_INLINE void V(vjp)(const int n, const KV_REAL *g, const KV_REAL *x, const KV_REAL *w,
                      KV_REAL *dx, KV_REAL *dw, int conjugate)
{
    KV_ROLL for (int at = 0; at < n; at = KV_NEXT(n, at))
    {
        V(vec) rows[KV_SMALL][2], out[KV_SMALL][2];
        V(load_adjoint_panel)(n, w + at * n * KV_SCALARS, conjugate, rows);
        V(multiply_panel)(n, g, n * KV_SCALARS, KV_SCALARS, 0, rows, out);
        V(store_panel)(n, dx + at * KV_SCALARS, out);
        V(load_panel)(n, g + at * KV_SCALARS, rows);
        V(multiply_panel)(n, x, KV_SCALARS, n * KV_SCALARS, conjugate, rows, out);
        V(store_panel)(n, dw + at * KV_SCALARS, out);
    }
}

#undef KV_ELEMENTS
#undef KV_PANEL_VECTORS
#undef KV_PANEL_COLUMNS
#undef KV_COLUMN
#undef KV_NEXT
#undef KV_PARTIAL
#undef KV_IN_REGISTERS
#undef KV_SUMS
#undef KV_MAX_SUMS
#undef KV_VECTORS
