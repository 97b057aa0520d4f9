/* Two neighbouring axes of n entries each, in registers, at one vector width:
 *
 *   y[q1,q2,r] = Σ_{p1,p2} f1[q1,p1] f2[q2,p2] x[p1,p2,r]
 *
 * f1 and f2 are packed, n by n; n is a compile-time constant.  All of x is read before any of y
 * is written, so y may be x itself.
 */

/* rows[q * step] <- Σ_p f[q,p] rows[p * step] */
KV_INLINE void V(mode_of_rows)(const int n, const KV_REAL *f, V(vec) *rows, const int step)
{
    V(vec) sums[KV_PAIR];
    KV_UNROLL for (int q = 0; q < n; q++) {
        sums[q] = V(sum_rows)(n, f + q * n * KV_SCALARS, rows, step);
    }
    KV_UNROLL for (int q = 0; q < n; q++) {
        rows[q * step] = sums[q];
    }
}

/* One vector along r, which is contiguous; `count` reals of it if it is partial, else 0. */
KV_INLINE void V(mode_pair)(const int n, int count, const KV_REAL *f1, const KV_REAL *f2,
                            const KV_REAL *x, kv_intp x_1, kv_intp x_2, KV_REAL *y, kv_intp y_1,
                            kv_intp y_2, int flags, kv_ahead *ahead)
{
    V(vec) rows[KV_PAIR * KV_PAIR];
    kv_fetch(ahead, 2 * n * n * n * KV_SCALARS / KV_FETCH_EVERY + 1);
    KV_UNROLL for (int i = 0; i < n; i++) {
        KV_RELOAD(f2); /* n² splats beside the rows do not fit the register file */
        KV_RELOAD(x);  /* nor do n² addresses */
        KV_UNROLL for (int j = 0; j < n; j++) {
            rows[i * n + j] = V(load_count)(x + j * x_2, count);
        }
        x += x_1;
        V(mode_of_rows)(n, f2, rows + i * n, 1);
    }
    KV_UNROLL for (int j = 0; j < n; j++) {
        KV_RELOAD(f1);
        KV_RELOAD(y);
        V(mode_of_rows)(n, f1, rows + j, n);
        KV_UNROLL for (int i = 0; i < n; i++) {
            V(put)(y + i * y_1, count, rows[i * n + j], flags);
        }
        y += y_2;
    }
}

/* r = 1, x and y contiguous, a row of n entries one vector: with f2 transposed, row i of x times
 * f2ᵀ is Σ_p x[i,p] f2ᵀ[p,:]. */
KV_INLINE void V(matrix_of_rows)(const KV_REAL *f1, const KV_REAL *f2_transposed, const KV_REAL *x,
                                 KV_REAL *y, int flags)
{
    enum { N = KV_LANES / KV_SCALARS };
    V(vec) rows[N], columns[N];
    KV_UNROLL for (int p = 0; p < N; p++) {
        columns[p] = V(load)(f2_transposed + p * KV_LANES);
    }
    KV_UNROLL for (int i = 0; i < N; i++) {
        rows[i] = V(sum_rows)(N, x + i * KV_LANES, columns, 1);
    }
    KV_RELOAD(f1);
    KV_UNROLL for (int q = 0; q < N; q++) {
        V(put)(y + q * KV_LANES, 0, V(sum_rows)(N, f1 + q * KV_LANES, rows, 1), flags);
    }
}

/* r = 1 and all of x one vector, n a power of two: entry p of an axis is q ^ k of it, and there
 * weights[k][lane] = f[q, q ^ k]; those of f1 stand behind those of f2. */
KV_INLINE V(vec) V(matrix_in_lanes)(const int n, const V(vec) *weights, V(vec) x)
{
    KV_UNROLL for (int axis = 0; axis < 2; axis++) {
        V(vec) sum = V(mul)(weights[axis * n], x);
        KV_UNROLL for (int k = 1; k < n; k++) {
            V(vec) moved = V(lane_xor)(k * (axis ? n : 1), x);
            sum = V(madd)(weights[axis * n + k], moved, sum);
        }
        x = sum;
    }
    return x;
}
