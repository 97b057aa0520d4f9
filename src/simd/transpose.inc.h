/* y[j,i] = x[i,j], x (m, n) with contiguous rows x_row items apart, y (n, m) likewise.
 *
 * Only item sizes matter, so one kernel serves every dtype of that size.  Square tiles of a
 * few cache lines are copied at a time: both sides of a tile stay in L1 while its lines are
 * only partly used.  y must not overlap x.
 */
#define T(name) KV_PASTE(name##_, KV_ITEM)

/* Items along a side of a tile (one cache line), and of a block of tiles. */
#define KV_TILE (KV_ITEM_BYTES >= 8 ? 8 : 16)
#define KV_BLOCK (8 * KV_TILE)

KV_INLINE void T(transpose_tile)(const kv_intp m, const kv_intp n, const unsigned char *x,
                                 kv_intp x_row, unsigned char *y, kv_intp y_row)
{
    for (kv_intp j = 0; j < n; j++) {
        for (kv_intp i = 0; i < m; i++) {
            memcpy(y + (j * y_row + i) * KV_ITEM_BYTES, x + (i * x_row + j) * KV_ITEM_BYTES,
                   KV_ITEM_BYTES);
        }
    }
}

static void T(transpose)(kv_intp m, kv_intp n, const void *x_, kv_intp x_row, void *y_,
                         kv_intp y_row)
{
    const unsigned char *x = x_;
    unsigned char *y = y_;
    for (kv_intp jb = 0; jb < n; jb += KV_BLOCK) {
        const kv_intp j_end = KV_MIN(jb + KV_BLOCK, n);
        for (kv_intp ib = 0; ib < m; ib += KV_BLOCK) {
            const kv_intp i_end = KV_MIN(ib + KV_BLOCK, m);
            for (kv_intp j = jb; j < j_end; j += KV_TILE) {
                for (kv_intp i = ib; i < i_end; i += KV_TILE) {
                    const unsigned char *from = x + (i * x_row + j) * KV_ITEM_BYTES;
                    unsigned char *to = y + (j * y_row + i) * KV_ITEM_BYTES;
                    if (i + KV_TILE <= i_end && j + KV_TILE <= j_end) {
                        T(transpose_tile)(KV_TILE, KV_TILE, from, x_row, to, y_row);
                    } else {
                        T(transpose_tile)(KV_MIN(KV_TILE, i_end - i), KV_MIN(KV_TILE, j_end - j),
                                          from, x_row, to, y_row);
                    }
                }
            }
        }
    }
}

#undef T
#undef KV_TILE
#undef KV_BLOCK
#undef KV_ITEM
#undef KV_ITEM_BYTES
