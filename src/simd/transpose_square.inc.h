/* x[b,i,j] <-> x[b,j,i] in place, x (batch, n, n) with contiguous rows.
 *
 * Blocks above the diagonal change places with those below: both are transposed into buffers,
 * whose row stride is no power of two, and their rows copied out.
 */
#define KV_SIDE (512 / KV_ITEM_BYTES < 64 ? 512 / KV_ITEM_BYTES : 64)

static void T(transpose_square)(kv_intp batch, kv_intp n, void *x_, kv_intp x_batch, kv_intp x_row)
{
    enum { STRIDE = KV_SIDE * KV_ITEM_BYTES + 64 };
    unsigned char from_upper[KV_SIDE * STRIDE], from_lower[KV_SIDE * STRIDE];
    x_row *= KV_ITEM_BYTES;
    for (kv_intp b = 0; b < batch; b++) {
        unsigned char *x = (unsigned char *)x_ + b * x_batch * KV_ITEM_BYTES;
        for (kv_intp i = 0; i < n; i += KV_SIDE) {
            const kv_intp rows = KV_MIN(KV_SIDE, n - i);
            for (kv_intp j = i; j < n; j += KV_SIDE) {
                const kv_intp columns = KV_MIN(KV_SIDE, n - j);
                unsigned char *upper = x + i * x_row + j * KV_ITEM_BYTES;
                unsigned char *lower = x + j * x_row + i * KV_ITEM_BYTES;
                T(transpose_block)(rows, columns, upper, x_row, from_upper, STRIDE);
                if (i != j) {
                    T(transpose_block)(columns, rows, lower, x_row, from_lower, STRIDE);
                    for (kv_intp r = 0; r < rows; r++) {
                        memcpy(upper + r * x_row, from_lower + r * STRIDE, columns * KV_ITEM_BYTES);
                    }
                }
                for (kv_intp r = 0; r < columns; r++) {
                    memcpy(lower + r * x_row, from_upper + r * STRIDE, rows * KV_ITEM_BYTES);
                }
            }
        }
    }
}

#undef KV_SIDE
