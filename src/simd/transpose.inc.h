/* y[b,j,i] = x[b,i,j], x (batch, m, n) and y (batch, n, m) with contiguous rows.
 *
 * Strips of one vector's items of rows of x are transposed in registers, a tile at a time: each
 * column of a strip is one vector of y.  y must not overlap x.  Three ways over a matrix:
 *
 *   direct    strips of x, straight into y: for what stays in cache;
 *   streamed  the same with stores past the caches, where the rows of y have lines that begin
 *             at the same i: lines are written whole and never read;
 *   staged    blocks of x into a buffer whose row stride is no power of two, then its rows into
 *             y: the lines of a block of y would share a few sets of the cache, or begin at
 *             different i.
 */

/* The rows of a strip, by width of the vector; the columns of a tile. */
#define KV_STRIP(width) ((width) / KV_ITEM_BYTES)
#define KV_TILE_COLUMNS (16 / KV_ITEM_BYTES)

/* A block that is transposed directly, one that is streamed, and a staged one, rows x bytes. */
#define KV_DIRECT_ROWS 128
#define KV_DIRECT_BYTES 256
#define KV_STREAM_BYTES 1024
#define KV_STAGED_BYTES 1024 /* of the rows of y */
#define KV_STAGED_COLUMNS (KV_ITEM_BYTES >= 8 ? 256 / KV_ITEM_BYTES : 32)

KV_INLINE void T(move_item)(unsigned char *to, const unsigned char *from)
{
    memcpy(to, from, KV_ITEM_BYTES);
}

/* m x n items one by one; strides count bytes here and below. */
KV_INLINE void T(transpose_items)(const kv_intp m, const kv_intp n, const unsigned char *x,
                                  kv_intp x_row, unsigned char *y, kv_intp y_row)
{
    for (kv_intp i = 0; i < m; i++) {
        for (kv_intp j = 0; j < n; j++) {
            T(move_item)(y + j * y_row + i * KV_ITEM_BYTES, x + i * x_row + j * KV_ITEM_BYTES);
        }
    }
}

#if KV_VECTOR_EXTENSIONS
/* One strip: its last tile may lie over the one before. */
#define KV_STRIP_COLUMNS(width)                                                       \
    KV_INLINE void T(strip_##width)(kv_intp n, const unsigned char *x, kv_intp x_row, \
                                    unsigned char *y, kv_intp y_row)                  \
    {                                                                                 \
        kv_intp j = 0;                                                                \
        for (; j + KV_TILE_COLUMNS <= n; j += KV_TILE_COLUMNS) {                      \
            transpose_tile_items_##width(KV_ITEM_BYTES, x + j * KV_ITEM_BYTES, x_row, \
                                         y + j * y_row, y_row);                       \
        }                                                                             \
        if (j < n) {                                                                  \
            j = n - KV_TILE_COLUMNS;                                                  \
            transpose_tile_items_##width(KV_ITEM_BYTES, x + j * KV_ITEM_BYTES, x_row, \
                                         y + j * y_row, y_row);                       \
        }                                                                             \
    }
KV_STRIP_COLUMNS(16)
#if KV_VECTOR_BYTES >= 32
KV_STRIP_COLUMNS(32)
#endif
#if KV_VECTOR_BYTES >= 64
KV_STRIP_COLUMNS(64)
#endif
#undef KV_STRIP_COLUMNS
#endif

/* A block that stays in cache: the widest strips that fit, the last one over the one before. */
static void T(transpose_block)(kv_intp m, kv_intp n, const unsigned char *x, kv_intp x_row,
                               unsigned char *y, kv_intp y_row)
{
#if KV_VECTOR_EXTENSIONS
    if (m >= KV_STRIP(16) && n >= KV_TILE_COLUMNS) {
        kv_intp i = 0;
#define KV_STRIPS(width)                                                         \
    for (; i + KV_STRIP(width) <= m; i += KV_STRIP(width)) {                     \
        T(strip_##width)(n, x + i * x_row, x_row, y + i * KV_ITEM_BYTES, y_row); \
    }
#if KV_VECTOR_BYTES >= 64
        KV_STRIPS(64)
#endif
#if KV_VECTOR_BYTES >= 32
        KV_STRIPS(32)
#endif
        KV_STRIPS(16)
#undef KV_STRIPS
        if (i < m) {
            i = m - KV_STRIP(16);
            T(strip_16)(n, x + i * x_row, x_row, y + i * KV_ITEM_BYTES, y_row);
        }
        return;
    }
#endif
    if (n == 3) { /* the sizes that are common and narrower than a tile */
        T(transpose_items)(m, 3, x, x_row, y, y_row);
    } else if (m == 3) {
        T(transpose_items)(3, n, x, x_row, y, y_row);
    } else {
        T(transpose_items)(m, n, x, x_row, y, y_row);
    }
}

static void T(transpose_direct)(kv_intp m, kv_intp n, const unsigned char *x, kv_intp x_row,
                                unsigned char *y, kv_intp y_row)
{
    const kv_intp columns = KV_DIRECT_BYTES / KV_ITEM_BYTES;
    for (kv_intp j = 0; j < n; j += columns) {
        for (kv_intp i = 0; i < m; i += KV_DIRECT_ROWS) {
            T(transpose_block)(KV_MIN(KV_DIRECT_ROWS, m - i), KV_MIN(columns, n - j),
                               x + i * x_row + j * KV_ITEM_BYTES, x_row,
                               y + j * y_row + i * KV_ITEM_BYTES, y_row);
        }
    }
}

#if KV_VECTOR_EXTENSIONS
/* Whole lines of y: i from a multiple of the line on, a number of lines; columns in tiles. */
static void T(transpose_lines)(kv_intp m, kv_intp n, const unsigned char *x, kv_intp x_row,
                               unsigned char *y, kv_intp y_row)
{
    const kv_intp columns = KV_STREAM_BYTES / KV_ITEM_BYTES, line = 64 / KV_ITEM_BYTES;
    for (kv_intp i = 0; i < m; i += 2 * line) {
        for (kv_intp jb = 0; jb < n; jb += columns) {
            const kv_intp i_end = KV_MIN(i + 2 * line, m), j_end = KV_MIN(jb + columns, n);
            for (kv_intp k = i; k < i_end; k += line) {
                for (kv_intp j = jb; j < j_end; j += KV_TILE_COLUMNS) {
                    KV_WIDEST(stream_tile)(KV_ITEM_BYTES, x + k * x_row + j * KV_ITEM_BYTES, x_row,
                                           y + j * y_row + k * KV_ITEM_BYTES, y_row);
                }
            }
        }
    }
    KV_WIDEST(stream_fence)();
}

static void T(transpose_streamed)(kv_intp m, kv_intp n, const unsigned char *x, kv_intp x_row,
                                  unsigned char *y, kv_intp y_row)
{
    const kv_intp line = 64 / KV_ITEM_BYTES;
    const kv_intp first = (kv_intp)(-(uintptr_t)y % 64) / KV_ITEM_BYTES;
    const kv_intp lines = first + (m - first) / line * line;
    const kv_intp tiles = n / KV_TILE_COLUMNS * KV_TILE_COLUMNS;
    T(transpose_direct)(first, n, x, x_row, y, y_row);
    T(transpose_lines)(lines - first, tiles, x + first * x_row, x_row, y + first * KV_ITEM_BYTES,
                       y_row);
    T(transpose_direct)(lines - first, n - tiles, x + first * x_row + tiles * KV_ITEM_BYTES, x_row,
                        y + tiles * y_row + first * KV_ITEM_BYTES, y_row);
    T(transpose_direct)(m - lines, n, x + lines * x_row, x_row, y + lines * KV_ITEM_BYTES, y_row);
}

static void T(transpose_staged)(kv_intp m, kv_intp n, const unsigned char *x, kv_intp x_row,
                                unsigned char *y, kv_intp y_row, int stream)
{
    enum { JOINED_BYTES = 8192 };
    unsigned char buffer[KV_STAGED_COLUMNS * (KV_STAGED_BYTES + 64)];
    /* Where the rows of y follow each other and are short, they are moved as one. */
    const int joined = m <= KV_STAGED_BYTES / KV_ITEM_BYTES / 4 && y_row == m * KV_ITEM_BYTES;
    /* A block of few columns is longer: the buffer is not read while its stores are on the way. */
    const kv_intp spare = (kv_intp)sizeof buffer / KV_MIN(n, KV_STAGED_COLUMNS) - 64;
    const kv_intp row_bytes = KV_MIN(spare, 8192) / 64 * 64;
    const kv_intp rows = joined ? m : row_bytes / KV_ITEM_BYTES;
    const kv_intp columns = joined ? JOINED_BYTES / (m * KV_ITEM_BYTES) : KV_STAGED_COLUMNS;
    const kv_intp stride = joined ? m * KV_ITEM_BYTES : row_bytes + 64;
    for (kv_intp j = 0; j < n; j += columns) {
        const kv_intp width = KV_MIN(columns, n - j);
        for (kv_intp i = 0; i < m; i += rows) {
            const kv_intp height = KV_MIN(rows, m - i);
            const kv_intp runs = joined ? 1 : width;
            const kv_intp run = (joined ? width : 1) * height * KV_ITEM_BYTES;
            T(transpose_block)(height, width, x + i * x_row + j * KV_ITEM_BYTES, x_row, buffer,
                               stride);
            for (kv_intp r = 0; r < runs; r++) {
                unsigned char *to = y + (j + r) * y_row + i * KV_ITEM_BYTES;
                if (stream) {
                    KV_WIDEST(stream_run)(to, buffer + r * stride, run);
                } else {
                    memcpy(to, buffer + r * stride, run);
                }
            }
        }
    }
    if (stream) {
        KV_WIDEST(stream_fence)();
    }
}
#endif

/* Rows at this stride fall into few sets of a cache. */
#define KV_CONFLICTS(stride) ((stride) % 1024 == 0)

static void T(transpose)(kv_intp batch, kv_intp m, kv_intp n, const void *x_, kv_intp x_batch,
                         kv_intp x_row, void *y_, kv_intp y_batch, kv_intp y_row)
{
    x_row *= KV_ITEM_BYTES;
    y_row *= KV_ITEM_BYTES;
    for (kv_intp b = 0; b < batch; b++) {
        const unsigned char *x = (const unsigned char *)x_ + b * x_batch * KV_ITEM_BYTES;
        unsigned char *y = (unsigned char *)y_ + b * y_batch * KV_ITEM_BYTES;
#if KV_VECTOR_EXTENSIONS
        const kv_intp bytes = m * n * KV_ITEM_BYTES;
        if (bytes >= KV_STREAM_ABOVE) {
            const int lines_agree = y_row % 64 == 0 && (uintptr_t)y % KV_ITEM_BYTES == 0;
            if (lines_agree && m * KV_ITEM_BYTES >= 256 && n >= KV_TILE_COLUMNS) {
                T(transpose_streamed)(m, n, x, x_row, y, y_row);
            } else {
                T(transpose_staged)(m, n, x, x_row, y, y_row, 1);
            }
            continue;
        }
        if (bytes > 16384 && (KV_CONFLICTS(x_row) || KV_CONFLICTS(y_row))) {
            T(transpose_staged)(m, n, x, x_row, y, y_row, 0);
            continue;
        }
#endif
        if (m <= KV_DIRECT_ROWS && n * KV_ITEM_BYTES <= KV_DIRECT_BYTES) {
            T(transpose_block)(m, n, x, x_row, y, y_row);
        } else {
            T(transpose_direct)(m, n, x, x_row, y, y_row);
        }
    }
}

#undef KV_STRIP
#undef KV_TILE_COLUMNS
#undef KV_DIRECT_ROWS
#undef KV_DIRECT_BYTES
#undef KV_STREAM_BYTES
#undef KV_STAGED_BYTES
#undef KV_STAGED_COLUMNS
#undef KV_CONFLICTS
