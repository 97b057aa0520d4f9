/* One SIMD vector of items that only move: with vec.inc.h, the only file with builtins.
 *
 * Included once per width.  A vector consists of lanes of 16 bytes, and items (1, 2, 4 or 8
 * bytes each) are exchanged within lanes, which takes one instruction on every instruction set;
 * what must cross lanes is placed by loading each lane from where it is in memory, or moves as
 * a whole lane.
 * W(name) is name_items_<width>.  Addresses need no alignment unless said.
 */
#define W(name) KV_PASTE3(name, items, KV_WIDTH)

#if KV_VECTOR_EXTENSIONS

typedef unsigned char W(vec) __attribute__((vector_size(KV_WIDTH)));
typedef unsigned char W(memory) __attribute__((vector_size(KV_WIDTH), aligned(1), may_alias));

KV_INLINE W(vec) W(load)(const unsigned char *p) { return *(const W(memory) *)p; }
KV_INLINE void W(store)(unsigned char *p, W(vec) a) { *(W(memory) *)p = a; }

/* Lane l is the 16 bytes at p + l * step. */
KV_INLINE W(vec) W(gather)(const unsigned char *p, kv_intp step)
{
#if KV_WIDTH == 16
    (void)step;
    return *(const W(memory) *)p;
#else
#define KV_LANE(l) _mm_loadu_si128((const __m128i *)(p + (l) * step))
#define KV_LANES_OF_TWO(l) \
    _mm256_inserti128_si256(_mm256_castsi128_si256(KV_LANE(l)), KV_LANE(l + 1), 1)
#if KV_WIDTH == 32
    return (W(vec))KV_LANES_OF_TWO(0);
#else
    __m512i a = _mm512_castsi256_si512(KV_LANES_OF_TWO(0));
    a = _mm512_inserti32x4(a, KV_LANE(2), 2);
    return (W(vec))_mm512_inserti32x4(a, KV_LANE(3), 3);
#endif
#undef KV_LANE
#undef KV_LANES_OF_TWO
#endif
}

/* zip_low: a0 b0 a1 b1 ... of the first halves of each lane; zip_high: of the second ones. */
#if defined(__SSE2__)
#if KV_WIDTH == 16
#define KV_ZIP(half, bits, a, b) (W(vec)) _mm_unpack##half##_epi##bits((__m128i)a, (__m128i)b)
#elif KV_WIDTH == 32
#define KV_ZIP(half, bits, a, b) (W(vec)) _mm256_unpack##half##_epi##bits((__m256i)a, (__m256i)b)
#else
#define KV_ZIP(half, bits, a, b) (W(vec)) _mm512_unpack##half##_epi##bits((__m512i)a, (__m512i)b)
#endif
#else /* one lane: bytes l of a and 16 + l of b */
#if defined(__clang__) || __GNUC__ >= 12
#define KV_ZIP(half, bits, a, b) __builtin_shufflevector(a, b, KV_##half##bits)
#else
#define KV_ZIP(half, bits, a, b) __builtin_shuffle(a, b, (W(vec)){KV_##half##bits})
#endif
#define KV_lo8 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define KV_hi8 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define KV_lo16 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23
#define KV_hi16 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31
#define KV_lo32 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23
#define KV_hi32 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31
#define KV_lo64 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define KV_hi64 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#endif

/* itemsize is a compile-time constant. */
KV_INLINE W(vec) W(zip_low)(kv_intp itemsize, W(vec) a, W(vec) b)
{
    return itemsize == 1   ? KV_ZIP(lo, 8, a, b)
           : itemsize == 2 ? KV_ZIP(lo, 16, a, b)
           : itemsize == 4 ? KV_ZIP(lo, 32, a, b)
                           : KV_ZIP(lo, 64, a, b);
}

KV_INLINE W(vec) W(zip_high)(kv_intp itemsize, W(vec) a, W(vec) b)
{
    return itemsize == 1   ? KV_ZIP(hi, 8, a, b)
           : itemsize == 2 ? KV_ZIP(hi, 16, a, b)
           : itemsize == 4 ? KV_ZIP(hi, 32, a, b)
                           : KV_ZIP(hi, 64, a, b);
}

/* Each lane of `lane` vectors, as a square of items, is transposed: zip the first half of the
 * vectors with the second, log2(lane) times. */
KV_INLINE void W(transpose_items)(const kv_intp itemsize, W(vec) * to)
{
    const kv_intp lane = 16 / itemsize;
    W(vec) from[16];
    KV_UNROLL for (kv_intp stage = 1; stage < lane; stage *= 2) {
        KV_UNROLL for (kv_intp r = 0; r < lane; r++) {
            from[r] = to[r];
        }
        KV_UNROLL for (kv_intp r = 0; r < lane / 2; r++) {
            to[2 * r] = W(zip_low)(itemsize, from[r], from[r + lane / 2]);
            to[2 * r + 1] = W(zip_high)(itemsize, from[r], from[r + lane / 2]);
        }
    }
}

/* to[c] = x[r, c] over rows r, for one lane's items of columns c and one vector's of rows; x_row
 * counts bytes.  Row l * lane + r of x is lane l of vector r. */
KV_INLINE void W(load_columns)(const kv_intp itemsize, const unsigned char *x, kv_intp x_row,
                               W(vec) * to)
{
    const kv_intp lane = 16 / itemsize;
    KV_UNROLL for (kv_intp r = 0; r < lane; r++) {
        to[r] = W(gather)(x + r * x_row, lane * x_row);
    }
    W(transpose_items)(itemsize, to);
}

/* y[c, r] = x[r, c]: one lane's items of rows of y, one vector each. */
KV_INLINE void W(transpose_tile)(const kv_intp itemsize, const unsigned char *x, kv_intp x_row,
                                 unsigned char *y, kv_intp y_row)
{
    W(vec) columns[16];
    W(load_columns)(itemsize, x, x_row, columns);
    KV_UNROLL for (kv_intp c = 0; c < 16 / itemsize; c++) {
        W(store)(y + c * y_row, columns[c]);
    }
}

/* Store past the caches; p is aligned to the width.  End with stream_fence. */
KV_INLINE void W(stream)(unsigned char *p, W(vec) a)
{
#if defined(__SSE2__) && KV_WIDTH == 16
    _mm_stream_si128((__m128i *)p, (__m128i)a);
#elif defined(__SSE2__) && KV_WIDTH == 32
    _mm256_stream_si256((__m256i *)p, (__m256i)a);
#elif defined(__SSE2__)
    _mm512_stream_si512((__m512i *)p, (__m512i)a);
#elif defined(__clang__)
    __builtin_nontemporal_store(a, (W(vec) *)p);
#else
    W(store)(p, a);
#endif
}

KV_INLINE void W(stream_fence)(void)
{
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

/* Lane l of v[g] <-> lane g of v[l]: the lanes of 64 / 16, 32 / 16 or one vectors, `apart` from
 * each other, as a matrix that is transposed. */
KV_INLINE void W(transpose_lanes)(W(vec) * v, const kv_intp apart)
{
#if KV_WIDTH == 64
#define KV_PICK(a, b, lanes) (W(vec)) _mm512_shuffle_i64x2((__m512i)(a), (__m512i)(b), lanes)
    W(vec) a = KV_PICK(v[0], v[apart], 0x44), b = KV_PICK(v[0], v[apart], 0xEE);
    W(vec) c = KV_PICK(v[2 * apart], v[3 * apart], 0x44);
    W(vec) d = KV_PICK(v[2 * apart], v[3 * apart], 0xEE);
    v[0] = KV_PICK(a, c, 0x88);
    v[apart] = KV_PICK(a, c, 0xDD);
    v[2 * apart] = KV_PICK(b, d, 0x88);
    v[3 * apart] = KV_PICK(b, d, 0xDD);
#elif KV_WIDTH == 32
#define KV_PICK(a, b, lanes) (W(vec)) _mm256_permute2x128_si256((__m256i)(a), (__m256i)(b), lanes)
    W(vec) a = v[0], b = v[apart];
    v[0] = KV_PICK(a, b, 0x20);
    v[apart] = KV_PICK(a, b, 0x31);
#else
    (void)v;
    (void)apart;
#endif
#undef KV_PICK
}

/* to[c] = x[r, c] over rows r, as load_columns, but for a square of one vector's items each way:
 * x is read in whole vectors. */
KV_INLINE void W(load_square)(const kv_intp itemsize, const unsigned char *x, kv_intp x_row,
                              W(vec) * to)
{
    const kv_intp lane = 16 / itemsize;
    KV_UNROLL for (kv_intp r = 0; r < KV_WIDTH / itemsize; r++) {
        to[r] = W(load)(x + r * x_row);
    }
    KV_UNROLL for (kv_intp r = 0; r < KV_WIDTH / itemsize; r += lane) {
        W(transpose_items)(itemsize, to + r);
    }
    KV_UNROLL for (kv_intp c = 0; c < lane; c++) {
        W(transpose_lanes)(to + c, lane);
    }
}

/* The columns that a tile has: short items would make a square of more vectors than there are
 * registers. */
#define KV_LINE_COLUMNS(itemsize, width) ((itemsize) < 4 ? 16 / (itemsize) : (width) / (itemsize))

/* y[c, r] = x[r, c]: one line of 64 bytes of each of KV_LINE_COLUMNS rows of y, for narrow of one
 * lane's items; past the caches, for lines that are aligned, if stream. */
KV_INLINE void W(line_tile)(const kv_intp itemsize, const unsigned char *x, kv_intp x_row,
                            unsigned char *y, kv_intp y_row, const int narrow, const int stream)
{
    enum { VECTORS = 64 / KV_WIDTH };
    W(vec) columns[VECTORS][16];
    KV_UNROLL for (kv_intp v = 0; v < VECTORS; v++) {
        const unsigned char *rows = x + v * (KV_WIDTH / itemsize) * x_row;
        if (itemsize < 4 || narrow) {
            W(load_columns)(itemsize, rows, x_row, columns[v]);
        } else {
            W(load_square)(itemsize, rows, x_row, columns[v]);
        }
    }
    const kv_intp count = narrow ? 16 / itemsize : KV_LINE_COLUMNS(itemsize, KV_WIDTH);
    KV_UNROLL for (kv_intp c = 0; c < count; c++) {
        KV_UNROLL for (kv_intp v = 0; v < VECTORS; v++) {
            if (stream) {
                W(stream)(y + c * y_row + v * KV_WIDTH, columns[v][c]);
            } else {
                W(store)(y + c * y_row + v * KV_WIDTH, columns[v][c]);
            }
        }
    }
}

/* Copy a run of bytes past the caches, as far as it covers whole lines. */
KV_INLINE void W(stream_run)(unsigned char *to, const unsigned char *from, kv_intp bytes)
{
    const kv_intp head = (kv_intp)(-(uintptr_t)to % 64);
    kv_intp k = KV_MIN(head, bytes);
    memcpy(to, from, k);
    for (; k + 64 <= bytes; k += 64) {
        KV_UNROLL for (kv_intp v = 0; v < 64; v += KV_WIDTH) {
            W(stream)(to + k + v, *(const W(memory) *)(from + k + v));
        }
    }
    memcpy(to + k, from + k, bytes - k);
}

#undef KV_ZIP
#undef KV_lo8
#undef KV_hi8
#undef KV_lo16
#undef KV_hi16
#undef KV_lo32
#undef KV_hi32
#undef KV_lo64
#undef KV_hi64
#endif
#undef W
