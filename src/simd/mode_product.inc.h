/* y[l,q,r] (+)= Σ_p f[q,p] x[l,p,r]
 *
 * r is contiguous in x and y; f has any strides, so a transposed factor costs nothing, and
 * KV_CONJUGATE reads conj(f).  L = 1 makes it a matrix product; a real f on complex x is the
 * real kernel with R doubled.  y must not overlap f or x, but it
 * may be x where Q = P <= KV_WHOLE_MODE without KV_ACCUMULATE.
 *
 * KV_STREAM writes y past the caches where its rows are a whole number of lines apart.  While it
 * computes, the kernel asks for the memory that `ahead` names, if not NULL.
 *
 * Blocks of r keep x[l,:,block] in L1 while tiles of q run over it.  Where r fits half a vector
 * or less, narrower vectors are used: many CPUs retire two of them in the time of a wide one.
 */

/* Rows of a factor of few columns that are packed. */
#define KV_WHOLE_ROWS 64

/* What the register file holds: accumulators, rows and vectors of the widest tile. */
#define KV_ACCUMULATORS (KV_REGISTERS == 32 ? 24 : 12)
#define KV_TILE_ROWS ((KV_REGISTERS == 32 ? 8 : 4) / KV_SCALARS)
#define KV_TILE_VECTORS(tq) \
    KV_MIN(KV_REGISTERS == 32 ? 6 : 4, KV_ACCUMULATORS / ((tq) * KV_SCALARS))
#define KV_PANEL_BYTES 16384 /* of x[l,:,block]: half of the smallest L1 in use */

/* The reals of a row of y before its first whole line. */
#define KV_HEAD(y) ((kv_intp)(-(uintptr_t)(y) % 64) / KV_REAL_BYTES)

/* The flags without KV_STREAM unless all rows of y, some multiple of `apart` reals from one
 * another, hold whole lines at the same places, and lines begin with an entry: complex ones may
 * lie at any address that suits a real. */
KV_INLINE int KV_NAME(streams)(int flags, kv_intp reals, const void *y, kv_intp apart)
{
    const int lines =
        KV_VECTOR_BYTES == 64 && reals >= 3 * KV_LANES && (uintptr_t)y % KV_ITEMSIZE == 0;
    return lines && apart * KV_REAL_BYTES % 64 == 0 ? flags : flags & ~KV_STREAM;
}

/* tq rows of y where r is one vector of a narrow width, or less. */
#define KV_NARROW(width, tq, n) \
    KV_AT(mode_tile, width)     \
    (tq, 1, (int)((n) % (width / KV_REAL_BYTES)), P, f, f_q, f_p, x, x_p, y, y_q, flags, ahead)

/* tq rows of y over `reals` reals of r: full tiles, then pairs, single and partial vectors. */
KV_INLINE void KV_NAME(mode_rows)(const int tq, kv_intp reals, kv_intp P, const KV_REAL *f,
                                  kv_intp f_q, kv_intp f_p, const KV_REAL *x, kv_intp x_p,
                                  KV_REAL *y, kv_intp y_q, kv_intp head, int flags, kv_ahead *ahead)
{
    const int tv = KV_TILE_VECTORS(tq);
    kv_intp r = 0;
#if KV_VECTOR_BYTES > 16
    if (reals * KV_REAL_BYTES <= 16) {
        KV_NARROW(16, tq, reals);
        return;
    }
#endif
#if KV_VECTOR_BYTES > 32
    if (reals * KV_REAL_BYTES <= 32) {
        KV_NARROW(32, tq, reals);
        return;
    }
#endif
    if (head) {
        V(mode_tile)(tq, 1, (int)head, P, f, f_q, f_p, x, x_p, y, y_q, flags, ahead);
        r = head;
    }
    for (; r + tv * KV_LANES <= reals; r += tv * KV_LANES) {
        V(mode_tile)(tq, tv, 0, P, f, f_q, f_p, x + r, x_p, y + r, y_q, flags, ahead);
    }
    if (tv > 2) {
        for (; r + 2 * KV_LANES <= reals; r += 2 * KV_LANES) {
            V(mode_tile)(tq, 2, 0, P, f, f_q, f_p, x + r, x_p, y + r, y_q, flags, ahead);
        }
    }
    if (r + KV_LANES <= reals) {
        V(mode_tile)(tq, 1, 0, P, f, f_q, f_p, x + r, x_p, y + r, y_q, flags, ahead);
        r += KV_LANES;
    }
    if (r < reals) {
        V(mode_tile)(tq, 1, (int)(reals - r), P, f, f_q, f_p, x + r, x_p, y + r, y_q, flags, ahead);
    }
}

/* All Q rows of y over `reals` reals of r, P = n. */
KV_INLINE void KV_NAME(whole_rows)(const int n, const int tq, kv_intp Q, kv_intp reals,
                                   const KV_REAL *f, const KV_REAL *x, kv_intp x_p, KV_REAL *y,
                                   kv_intp y_q, kv_intp head, int flags, kv_ahead *ahead)
{
    kv_intp r = 0;
#define KV_WHOLE(width, tv)                                                                      \
    KV_AT(mode_whole, width)(n, tq, tv, (int)(reals % (width / KV_REAL_BYTES)), Q, f, x, x_p, y, \
                             y_q, flags, ahead)
#if KV_VECTOR_BYTES > 16
    if (reals * KV_REAL_BYTES <= 16) {
        KV_WHOLE(16, 1);
        return;
    }
#endif
#if KV_VECTOR_BYTES > 32
    if (reals * KV_REAL_BYTES <= 32) {
        KV_WHOLE(32, 1);
        return;
    }
#endif
#undef KV_WHOLE
    if (head) {
        V(mode_whole)(n, tq, 1, (int)head, Q, f, x, x_p, y, y_q, flags, ahead);
        r = head;
    }
    if (n <= 4) {
        for (; r + 2 * KV_LANES <= reals; r += 2 * KV_LANES) {
            V(mode_whole)(n, tq, 2, 0, Q, f, x + r, x_p, y + r, y_q, flags, ahead);
        }
    }
    for (; r + KV_LANES <= reals; r += KV_LANES) {
        V(mode_whole)(n, tq, 1, 0, Q, f, x + r, x_p, y + r, y_q, flags, ahead);
    }
    if (r < reals) {
        V(mode_whole)(n, tq, 1, (int)(reals - r), Q, f, x + r, x_p, y + r, y_q, flags, ahead);
    }
}

static void KV_NAME(mode_product_whole)(kv_intp L, kv_intp Q, kv_intp P, kv_intp reals,
                                        const KV_REAL *f, kv_intp f_q, kv_intp f_p,
                                        const KV_REAL *x, kv_intp x_l, kv_intp x_p, KV_REAL *y,
                                        kv_intp y_l, kv_intp y_q, kv_intp head, int flags,
                                        kv_ahead *ahead)
{
    KV_REAL packed[KV_WHOLE_ROWS * KV_WHOLE_MODE * KV_SCALARS];
    KV_REAL *entry = packed;
    for (kv_intp q = 0; q < Q; q++) {
        for (kv_intp p = 0; p < P; p++, entry += KV_SCALARS) {
            entry[0] = f[q * f_q + p * f_p];
#if KV_COMPLEX
            entry[1] = f[q * f_q + p * f_p + 1];
            entry[1] = flags & KV_CONJUGATE ? -entry[1] : entry[1];
#endif
        }
    }
    switch (P) {
#define KV_LOOP(N, tq, Q)                                                                  \
    for (kv_intp l = 0; l < L; l++) {                                                      \
        KV_NAME(whole_rows)                                                                \
        (N, tq, Q, reals, packed, x + l * x_l, x_p, y + l * y_l, y_q, head, flags, ahead); \
    }
#define KV_CASE(N)           \
    case N:                  \
        if (Q == N) {        \
            KV_LOOP(N, N, N) \
        } else {             \
            KV_LOOP(N, 4, Q) \
        }                    \
        break;
        KV_CASE(2) KV_CASE(3) KV_CASE(4) KV_CASE(5) KV_CASE(6) KV_CASE(7) KV_CASE(8)
#undef KV_CASE
#undef KV_LOOP
    }
}

/* Any Q and P: tiles of q run over blocks of r that keep x[l,:,block] in L1. */
static void KV_NAME(mode_product_tiles)(kv_intp L, kv_intp Q, kv_intp P, kv_intp reals,
                                        const KV_REAL *f, kv_intp f_q, kv_intp f_p,
                                        const KV_REAL *x_, kv_intp x_l, kv_intp x_p, KV_REAL *y_,
                                        kv_intp y_l, kv_intp y_q, kv_intp head, int flags,
                                        kv_ahead *ahead)
{
    /* The rows of q in tiles as equal as can be: 10 = 5 + 5, not 8 + 2. */
    const kv_intp q_tiles = (Q + KV_TILE_ROWS - 1) / KV_TILE_ROWS;
    const kv_intp q_step = q_tiles ? (Q + q_tiles - 1) / q_tiles : 0;
    /* A block of r holds whole tiles of 1, 2, 3, 4 and 6 vectors. */
    const kv_intp unit = 12 * KV_LANES;
    const kv_intp fitting = KV_PANEL_BYTES / (KV_REAL_BYTES * (P + 1)) / unit * unit;
    const kv_intp block = fitting > unit ? fitting : unit;

    for (kv_intp l = 0; l < L; l++) {
        const KV_REAL *x = x_ + l * x_l;
        KV_REAL *y = y_ + l * y_l;
        for (kv_intp r = 0, n; r < reals; r += n) {
            const kv_intp first = r ? 0 : head;
            n = KV_MIN(first + block, reals - r);
            for (kv_intp q = 0; q < Q; q += q_step) {
                const KV_REAL *f_tile = f + q * f_q;
                KV_REAL *y_tile = y + q * y_q + r;
#define KV_ROWS(tq)    \
    KV_NAME(mode_rows) \
    (tq, n, P, f_tile, f_q, f_p, x + r, x_p, y_tile, y_q, first, flags, ahead)
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

static void KV_NAME(mode_product)(kv_intp L, kv_intp Q, kv_intp P, kv_intp R, const void *f,
                                  kv_intp f_q, kv_intp f_p, const void *x, kv_intp x_l, kv_intp x_p,
                                  void *y, kv_intp y_l, kv_intp y_q, int flags, kv_ahead *ahead)
{
    kv_ahead nothing = {0}, *asked = ahead ? ahead : &nothing;
    const kv_intp reals = R * KV_SCALARS;
    f_q *= KV_SCALARS;
    f_p *= KV_SCALARS;
    x_l *= KV_SCALARS;
    x_p *= KV_SCALARS;
    y_l *= KV_SCALARS;
    y_q *= KV_SCALARS;

    if (reals == 0) {
        return;
    }
    flags = KV_NAME(streams)(flags, reals, y, L > 1 ? y_l | y_q : y_q);
    const kv_intp head = flags & KV_STREAM ? KV_HEAD(y) : 0;
    if (P >= 2 && P <= KV_WHOLE_MODE && Q <= KV_WHOLE_ROWS) {
        KV_NAME(mode_product_whole)
        (L, Q, P, reals, f, f_q, f_p, x, x_l, x_p, y, y_l, y_q, head, flags, asked);
    } else {
        KV_NAME(mode_product_tiles)
        (L, Q, P, reals, f, f_q, f_p, x, x_l, x_p, y, y_l, y_q, head, flags, asked);
    }
    if (flags & KV_STREAM) {
        KV_STREAM_FENCE;
    }
}

#undef KV_NARROW
#undef KV_WHOLE_ROWS
#undef KV_ACCUMULATORS
#undef KV_TILE_ROWS
#undef KV_TILE_VECTORS
#undef KV_PANEL_BYTES
