/* y[b,j,i] = x[b,i,j], x (batch, m, n) and y (batch, n, m) with contiguous rows.
 *
 * Tiles of a few columns of x are transposed in registers: each column is one vector of y.  y must
 * not overlap x.  Three ways over a matrix:
 *
 *   lined     squares of whole lines of x and y, where the rows of y are lines apart; with stores
 *             past the caches for large results, whose lines are then never read;
 *   direct    strips of x, straight into y: for what stays in cache at any stride;
 *   staged    blocks of x into a buffer whose row stride is no power of two, then its rows into
 *             y: the lines of a block of y would share a few sets of the cache, or begin at
 *             different i.
 */

/* The rows of a strip, by width of the vector; the columns of a tile. */
#define KV_STRIP(width) ((width) / KV_ITEM_BYTES)
#define KV_TILE_COLUMNS (16 / KV_ITEM_BYTES)

/* A block that is transposed directly, and a staged one, rows x bytes. */
#define KV_DIRECT_ROWS 128
#define KV_DIRECT_BYTES 256
/* The items of a line; squares of it in a block each way; results from this size on are asked
 * for before they are written. */
#define KV_LINE (64 / KV_ITEM_BYTES)
#define KV_BLOCK (KV_ITEM_BYTES < 4 ? 1 : 8)
#define KV_ASK_ABOVE 4000000
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
/* A square of a line each way.  The square a block further in the rows of x is asked for, and for
 * `ask` where it goes. */
KV_INLINE void T(transpose_lines)(const unsigned char *x, kv_intp x_row, unsigned char *y,
                                  kv_intp y_row, const int ask, const int stream)
{
    const kv_intp tile = KV_LINE_COLUMNS(KV_ITEM_BYTES, KV_VECTOR_BYTES);
    KV_RELOAD(x_row);
    KV_RELOAD(y_row);
    for (kv_intp r = 0; r < KV_LINE; r++) {
        KV_PREFETCH(x + r * x_row + KV_BLOCK * 64);
        if (ask) {
            KV_PREFETCH(y + (r + KV_BLOCK * KV_LINE) * y_row);
        }
    }
    for (kv_intp c = 0; c < KV_LINE; c += tile) {
        KV_WIDEST(line_tile)(KV_ITEM_BYTES, x + c * KV_ITEM_BYTES, x_row, y + c * y_row, y_row, 0,
                             stream);
    }
}

/* Whole lines of x and y: each line of x is read at once and each of y written at once, since few
 * lines a row apart fit into a set of the cache.  Neighbours on a diagonal of a block of squares
 * are in different sets, for x and for y. */
KV_INLINE void T(transpose_squares)(kv_intp down, kv_intp across, const unsigned char *x,
                                    kv_intp x_row, unsigned char *y, kv_intp y_row, const int ask,
                                    const int stream)
{
    for (kv_intp i = 0; i < down; i += KV_BLOCK) {
        const kv_intp rows = KV_MIN(KV_BLOCK, down - i);
        for (kv_intp j = 0; j < across; j += KV_BLOCK) {
            const kv_intp columns = KV_MIN(KV_BLOCK, across - j);
            for (kv_intp d = 0; d < columns; d++) {
                kv_intp column = j + d;
                for (kv_intp row = i; row < i + rows; row++) {
                    T(transpose_lines)(x + row * KV_LINE * x_row + column * 64, x_row,
                                       y + column * KV_LINE * y_row + row * 64, y_row, ask, stream);
                    column = column + 1 < j + columns ? column + 1 : j;
                }
            }
        }
    }
}

/* What lies around rows `top` to `bottom` of x: both ends of the rows of y at a time, since the
 * end of one often shares a line with the beginning of the next. */
static void T(transpose_around)(kv_intp m, kv_intp top, kv_intp bottom, kv_intp n,
                                const unsigned char *x, kv_intp x_row, unsigned char *y,
                                kv_intp y_row)
{
    for (kv_intp j = 0; j < n; j += KV_LINE) {
        const kv_intp columns = KV_MIN(KV_LINE, n - j);
        const unsigned char *from = x + j * KV_ITEM_BYTES;
        unsigned char *to = y + j * y_row;
        T(transpose_block)(top, columns, from, x_row, to, y_row);
        T(transpose_block)(m - bottom, columns, from + bottom * x_row, x_row,
                           to + bottom * KV_ITEM_BYTES, y_row);
    }
}

/* m and n at least a line, and rows of y a number of lines apart. */
KV_INLINE void T(transpose_lined)(kv_intp m, kv_intp n, const unsigned char *x, kv_intp x_row,
                                  unsigned char *y, kv_intp y_row, const int ask, const int stream)
{
    const kv_intp top = (kv_intp)(-(uintptr_t)y % 64) / KV_ITEM_BYTES;
    const kv_intp left = x_row % 64 ? 0 : (kv_intp)(-(uintptr_t)x % 64) / KV_ITEM_BYTES;
    const kv_intp down = (m - top) / KV_LINE, across = (n - left) / KV_LINE;
    const kv_intp bottom = top + down * KV_LINE, right = left + across * KV_LINE;
    const unsigned char *from = x + top * x_row;
    unsigned char *to = y + top * KV_ITEM_BYTES;
    T(transpose_around)(m, top, bottom, n, x, x_row, y, y_row);
    for (kv_intp i = top; i < bottom; i += KV_LINE) {
        const unsigned char *rows = x + i * x_row;
        unsigned char *columns = y + i * KV_ITEM_BYTES;
        T(transpose_block)(KV_LINE, left, rows, x_row, columns, y_row);
        T(transpose_block)(KV_LINE, n - right, rows + right * KV_ITEM_BYTES, x_row,
                           columns + right * y_row, y_row);
    }
    T(transpose_squares)(down, across, from + left * KV_ITEM_BYTES, x_row, to + left * y_row, y_row,
                         ask, stream);
    if (stream) {
        KV_WIDEST(stream_fence)();
    }
}

static void T(transpose_cached)(kv_intp m, kv_intp n, const unsigned char *x, kv_intp x_row,
                                unsigned char *y, kv_intp y_row)
{
    if (m * n * KV_ITEM_BYTES < KV_ASK_ABOVE) {
        T(transpose_lined)(m, n, x, x_row, y, y_row, 0, 0);
    } else {
        T(transpose_lined)(m, n, x, x_row, y, y_row, 1, 0);
    }
}

static void T(transpose_streamed)(kv_intp m, kv_intp n, const unsigned char *x, kv_intp x_row,
                                  unsigned char *y, kv_intp y_row)
{
    T(transpose_lined)(m, n, x, x_row, y, y_row, 0, 1);
}

/* Less than a line of columns, past the caches: lines of y by a lane of items of x at a time. */
static void T(transpose_narrow)(kv_intp m, kv_intp n, const unsigned char *x, kv_intp x_row,
                                unsigned char *y, kv_intp y_row)
{
    const kv_intp top = (kv_intp)(-(uintptr_t)y % 64) / KV_ITEM_BYTES;
    const kv_intp bottom = top + (m - top) / KV_LINE * KV_LINE;
    const kv_intp tiles = n / KV_TILE_COLUMNS * KV_TILE_COLUMNS;
    T(transpose_around)(m, top, bottom, n, x, x_row, y, y_row);
    for (kv_intp i = top; i < bottom; i += KV_LINE) {
        const unsigned char *from = x + i * x_row;
        unsigned char *to = y + i * KV_ITEM_BYTES;
        for (kv_intp j = 0; j < tiles; j += KV_TILE_COLUMNS) {
            KV_WIDEST(line_tile)(KV_ITEM_BYTES, from + j * KV_ITEM_BYTES, x_row, to + j * y_row,
                                 y_row, 1, 1);
        }
        T(transpose_items)(KV_LINE, n - tiles, from + tiles * KV_ITEM_BYTES, x_row,
                           to + tiles * y_row, y_row);
    }
    KV_WIDEST(stream_fence)();
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
        const int large = bytes > 16384, stream = bytes >= KV_STREAM_ABOVE;
        const int lines = m >= KV_LINE && n >= KV_LINE;
        if (lines && large && !stream && x_row % 64 == 0 && y_row % 64 == 0) {
            T(transpose_cached)(m, n, x, x_row, y, y_row);
            continue;
        }
        if (lines && stream && y_row % 64 == 0 && (uintptr_t)y % KV_ITEM_BYTES == 0) {
            T(transpose_streamed)(m, n, x, x_row, y, y_row);
            continue;
        }
        if (stream && y_row % 64 == 0 && (uintptr_t)y % KV_ITEM_BYTES == 0 && m >= 4 * KV_LINE &&
            n >= KV_TILE_COLUMNS && n < KV_LINE) {
            T(transpose_narrow)(m, n, x, x_row, y, y_row);
            continue;
        }
        if (stream) {
            T(transpose_staged)(m, n, x, x_row, y, y_row, 1);
            continue;
        }
        if (large && (KV_CONFLICTS(x_row) || KV_CONFLICTS(y_row))) {
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
#undef KV_LINE
#undef KV_BLOCK
#undef KV_ASK_ABOVE
#undef KV_STAGED_BYTES
#undef KV_STAGED_COLUMNS
#undef KV_CONFLICTS
