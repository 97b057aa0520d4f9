/* y[l,q,r] (+)= Σ_p f[q,p] x[l,p,r]
 *
 * r is contiguous in x and y; f has any strides, so a transposed factor costs nothing, and
 * KV_CONJUGATE reads conj(f).  L = 1 makes it a matrix product; a real f on complex x is the
 * real kernel with R doubled.  y must not overlap f or x, but it
 * may be x where Q = P <= KV_SMALL without KV_ACCUMULATE.
 *
 * A tile of y, tq rows by tv vectors along r, stays in registers while p runs; f enters as
 * broadcast memory operands.  Blocks of r keep x[l,:,block] in L1 while q runs.
 */

/* What the register file holds: accumulators, rows and vectors of the widest tile. */
#define KV_ACCUMULATORS (KV_REGISTERS == 32 ? 24 : 12)
#define KV_TILE_ROWS ((KV_REGISTERS == 32 ? 8 : 4) / KV_SCALARS)
#define KV_TILE_VECTORS(tq) KV_MIN(KV_REGISTERS == 32 ? 6 : 4, KV_ACCUMULATORS / ((tq) * KV_SCALARS))
#define KV_PANEL_BYTES 16384 /* of x[l,:,block]: half of the smallest L1 in use */

/* One tile; count is the number of reals in the last vector if that is partial, else 0. */
KV_INLINE void KV_NAME(mode_tile)(const int tq, const int tv, int count, kv_intp P,
                                  const KV_REAL *f, kv_intp f_q, kv_intp f_p, const KV_REAL *x,
                                  kv_intp x_p, KV_REAL *y, kv_intp y_q, int flags)
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
            if (flags & KV_ACCUMULATE) {
                sum = V(add)(sum, V(load_count)(to, n));
            }
            V(store_count)(to, n, sum);
        }
    }
}

/* tq rows of y over `reals` reals of r: full tiles, then pairs, single and partial vectors. */
KV_INLINE void KV_NAME(mode_rows)(const int tq, kv_intp reals, kv_intp P, const KV_REAL *f,
                                  kv_intp f_q, kv_intp f_p, const KV_REAL *x, kv_intp x_p,
                                  KV_REAL *y, kv_intp y_q, int flags)
{
    const int tv = KV_TILE_VECTORS(tq);
    kv_intp r = 0;
    for (; r + tv * KV_LANES <= reals; r += tv * KV_LANES) {
        KV_NAME(mode_tile)(tq, tv, 0, P, f, f_q, f_p, x + r, x_p, y + r, y_q, flags);
    }
    if (tv > 2) {
        for (; r + 2 * KV_LANES <= reals; r += 2 * KV_LANES) {
            KV_NAME(mode_tile)(tq, 2, 0, P, f, f_q, f_p, x + r, x_p, y + r, y_q, flags);
        }
    }
    if (r + KV_LANES <= reals) {
        KV_NAME(mode_tile)(tq, 1, 0, P, f, f_q, f_p, x + r, x_p, y + r, y_q, flags);
        r += KV_LANES;
    }
    if (r < reals) {
        KV_NAME(mode_tile)(tq, 1, (int)(reals - r), P, f, f_q, f_p, x + r, x_p, y + r, y_q, flags);
    }
}

/* All of q at once: Q = P = n, a constant.  Every r of a column of vectors is read before any
 * is written, so y may be x itself.  f is packed, n by n. */
KV_INLINE void KV_NAME(whole_columns)(const int n, const int tv, int count, const KV_REAL *f,
                                      const KV_REAL *x, kv_intp x_p, KV_REAL *y, kv_intp y_q)
{
    V(vec) row[KV_SMALL][2];
    KV_UNROLL for (int p = 0; p < n; p++) {
        KV_UNROLL for (int v = 0; v < tv; v++) {
            row[p][v] = V(load_count)(x + p * x_p + v * KV_LANES, v == tv - 1 ? count : 0);
        }
    }
    KV_UNROLL for (int q = 0; q < n; q++) {
        KV_UNROLL for (int v = 0; v < tv; v++) {
            const KV_REAL *entry = f + q * n * KV_SCALARS;
            V(vec) sum = V(mul)(V(splat)(entry[0]), row[0][v]);
#if KV_COMPLEX
            V(vec) im = V(mul)(V(splat)(entry[1]), row[0][v]);
#endif
            KV_UNROLL for (int p = 1; p < n; p++) {
                sum = V(madd)(V(splat)(entry[p * KV_SCALARS]), row[p][v], sum);
#if KV_COMPLEX
                im = V(madd)(V(splat)(entry[p * KV_SCALARS + 1]), row[p][v], im);
#endif
            }
#if KV_COMPLEX
            sum = V(combine)(sum, im, 0);
#endif
            V(store_count)(y + q * y_q + v * KV_LANES, v == tv - 1 ? count : 0, sum);
        }
    }
}

static void KV_NAME(mode_product_whole)(kv_intp L, kv_intp n, kv_intp reals, const KV_REAL *f,
                                        kv_intp f_q, kv_intp f_p, const KV_REAL *x, kv_intp x_l,
                                        kv_intp x_p, KV_REAL *y, kv_intp y_l, kv_intp y_q,
                                        int flags)
{
    KV_REAL packed[KV_SMALL * KV_SMALL * KV_SCALARS];
    for (kv_intp i = 0; i < n * n; i++) {
        const KV_REAL *entry = f + i / n * f_q + i % n * f_p;
        packed[i * KV_SCALARS] = entry[0];
#if KV_COMPLEX
        packed[i * KV_SCALARS + 1] = flags & KV_CONJUGATE ? -entry[1] : entry[1];
#else
        (void)flags;
#endif
    }
    switch (n) {
#define KV_CASE(N)                                                                                  case N:                                                                                             for (kv_intp l = 0; l < L; l++) {                                                                   const KV_REAL *from = x + l * x_l;                                                              KV_REAL *to = y + l * y_l;                                                                      kv_intp r = 0;                                                                                  if (N <= 4) {                                                                                       for (; r + 2 * KV_LANES <= reals; r += 2 * KV_LANES) {                                              KV_NAME(whole_columns)(N, 2, 0, packed, from + r, x_p, to + r, y_q);                        }                                                                                           }                                                                                               for (; r + KV_LANES <= reals; r += KV_LANES) {                                                      KV_NAME(whole_columns)(N, 1, 0, packed, from + r, x_p, to + r, y_q);                        }                                                                                               if (r < reals) {                                                                                    KV_NAME(whole_columns)                                                                          (N, 1, (int)(reals - r), packed, from + r, x_p, to + r, y_q);                               }                                                                                           }                                                                                               break;
        KV_CASE(2) KV_CASE(3) KV_CASE(4) KV_CASE(5) KV_CASE(6) KV_CASE(7) KV_CASE(8)
#undef KV_CASE
    }
}

static void KV_NAME(mode_product)(kv_intp L, kv_intp Q, kv_intp P, kv_intp R, const void *f_,
                                  kv_intp f_q, kv_intp f_p, const void *x_, kv_intp x_l,
                                  kv_intp x_p, void *y_, kv_intp y_l, kv_intp y_q, int flags)
{
    const KV_REAL *f = f_;
    const kv_intp reals = R * KV_SCALARS;
    f_q *= KV_SCALARS;
    f_p *= KV_SCALARS;
    x_l *= KV_SCALARS;
    x_p *= KV_SCALARS;
    y_l *= KV_SCALARS;
    y_q *= KV_SCALARS;

    if (Q == P && Q >= 2 && Q <= KV_SMALL && !(flags & KV_ACCUMULATE)) {
        KV_NAME(mode_product_whole)(L, Q, reals, f, f_q, f_p, x_, x_l, x_p, y_, y_l, y_q, flags);
        return;
    }

    /* The rows of q in tiles as equal as can be: 10 = 5 + 5, not 8 + 2. */
    const kv_intp q_tiles = (Q + KV_TILE_ROWS - 1) / KV_TILE_ROWS;
    const kv_intp q_step = q_tiles ? (Q + q_tiles - 1) / q_tiles : 0;
    /* A block of r holds whole tiles of 1, 2, 3, 4 and 6 vectors. */
    const kv_intp unit = 12 * KV_LANES;
    const kv_intp fitting = KV_PANEL_BYTES / (KV_REAL_BYTES * (P + 1)) / unit * unit;
    const kv_intp block = fitting > unit ? fitting : unit;

    for (kv_intp l = 0; l < L; l++) {
        const KV_REAL *x = (const KV_REAL *)x_ + l * x_l;
        KV_REAL *y = (KV_REAL *)y_ + l * y_l;
        for (kv_intp r = 0; r < reals; r += block) {
            const kv_intp n = KV_MIN(block, reals - r);
            for (kv_intp q = 0; q < Q; q += q_step) {
                const KV_REAL *f_tile = f + q * f_q;
                KV_REAL *y_tile = y + q * y_q + r;
#define KV_ROWS(tq) \
    KV_NAME(mode_rows)(tq, n, P, f_tile, f_q, f_p, x + r, x_p, y_tile, y_q, flags)
                switch (KV_MIN(q_step, Q - q)) {
                case 1: KV_ROWS(1); break;
#if KV_TILE_ROWS >= 2
                case 2: KV_ROWS(2); break;
#endif
#if KV_TILE_ROWS >= 4
                case 3: KV_ROWS(3); break;
                case 4: KV_ROWS(4); break;
#endif
#if KV_TILE_ROWS >= 8
                case 5: KV_ROWS(5); break;
                case 6: KV_ROWS(6); break;
                case 7: KV_ROWS(7); break;
                case 8: KV_ROWS(8); break;
#endif
                }
#undef KV_ROWS
            }
        }
    }
}

#undef KV_ACCUMULATORS
#undef KV_TILE_ROWS
#undef KV_TILE_VECTORS
#undef KV_PANEL_BYTES
