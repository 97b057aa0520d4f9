/* One SIMD vector of KV_LANES reals: with shuffle.inc.h, the only file with builtins.
 *
 * Included once per dtype and width.  V(name) is name_<dtype>_<width>.  A complex number
 * occupies two neighbouring lanes (re, im); counts and pointers here count reals.
 * Without vector extensions the vector is a plain array and the same templates are loops.
 */
#define V(name) KV_PASTE3(name, KV_DTYPE, KV_WIDTH)

#undef KV_LANES
#undef KV_STREAM_FENCE
#define KV_LANES (KV_WIDTH / KV_REAL_BYTES)

/* E(lane, s) for every lane. */
#if KV_LANES == 2
#define KV_EACH_LANE(E, s) E(0, s), E(1, s)
#elif KV_LANES == 4
#define KV_EACH_LANE(E, s) E(0, s), E(1, s), E(2, s), E(3, s)
#elif KV_LANES == 8
#define KV_EACH_LANE(E, s) E(0, s), E(1, s), E(2, s), E(3, s), E(4, s), E(5, s), E(6, s), E(7, s)
#else
#define KV_EACH_LANE(E, s)                                                                    \
    E(0, s), E(1, s), E(2, s), E(3, s), E(4, s), E(5, s), E(6, s), E(7, s), E(8, s), E(9, s), \
        E(10, s), E(11, s), E(12, s), E(13, s), E(14, s), E(15, s)
#endif

/* Which lane goes to lane i; those of a second vector count on from KV_LANES. */
#define KV_SWAPPED(i, s) ((i) ^ (s))
#define KV_LOW(i, s) (((i) & (s) ? KV_LANES + (i) - (s) : (i)) % (2 * KV_LANES))
#define KV_HIGH(i, s) (((i) & (s) ? KV_LANES + (i) : (i) + (s)) % (2 * KV_LANES))
/* The (-1, 1) of i * (re, im) = (-im, re). */
#define KV_SIGN(i, s) ((i) & (s) ? 1 : -1)

#if KV_VECTOR_EXTENSIONS

typedef KV_REAL V(vec) __attribute__((vector_size(KV_WIDTH)));
/* The same in memory: at any address that suits a real, aliasing anything. */
typedef KV_REAL V(memory) __attribute__((vector_size(KV_WIDTH), aligned(KV_REAL_BYTES), may_alias));

KV_INLINE V(vec) V(load)(const KV_REAL *p) { return *(const V(memory) *)p; }
KV_INLINE void V(store)(KV_REAL *p, V(vec) a) { *(V(memory) *)p = a; }
KV_INLINE V(vec) V(add)(V(vec) a, V(vec) b) { return a + b; }
KV_INLINE V(vec) V(sub)(V(vec) a, V(vec) b) { return a - b; }
KV_INLINE V(vec) V(mul)(V(vec) a, V(vec) b) { return a * b; }
KV_INLINE V(vec) V(madd)(V(vec) a, V(vec) b, V(vec) c) { return a * b + c; }
KV_INLINE V(vec) V(zero)(void) { return (V(vec)){0}; }
KV_INLINE V(vec) V(splat)(KV_REAL a) { return a - (V(vec)){0}; }

KV_INLINE V(vec) V(signs)(void) { return (V(vec)){KV_EACH_LANE(KV_SIGN, 1)}; }

#if defined(__clang__) || __GNUC__ >= 12
#define KV_SHUFFLE(a, b, E, s) __builtin_shufflevector(a, b, KV_EACH_LANE(E, s))
#else
#if KV_REAL_BYTES == 4
typedef int V(index) __attribute__((vector_size(KV_WIDTH)));
#else
typedef long long V(index) __attribute__((vector_size(KV_WIDTH)));
#endif
#define KV_SHUFFLE(a, b, E, s) __builtin_shuffle(a, b, (V(index)){KV_EACH_LANE(E, s)})
#endif

/* (re, im) -> (im, re) in every pair of lanes. */
KV_INLINE V(vec) V(swap)(V(vec) a) { return KV_SHUFFLE(a, a, KV_SWAPPED, 1); }

/* Exchange every second run of `step` lanes of a with the run before it of b. */
KV_INLINE void V(exchange)(const int step, V(vec) *a, V(vec) *b)
{
    V(vec) low = *a, high = *b;
#define KV_EXCHANGE(s)                          \
    if (step == s) {                            \
        *a = KV_SHUFFLE(low, high, KV_LOW, s);  \
        *b = KV_SHUFFLE(low, high, KV_HIGH, s); \
    }
    KV_EXCHANGE(1)
    KV_EXCHANGE(2)
    KV_EXCHANGE(4)
    KV_EXCHANGE(8)
#undef KV_EXCHANGE
}

/* Lane i ^ s to lane i; s is a compile-time constant. */
KV_INLINE V(vec) V(lane_xor)(const int s, V(vec) a)
{
#define KV_XOR(S)                               \
    if (s == (S)) {                             \
        return KV_SHUFFLE(a, a, KV_SWAPPED, S); \
    }
    KV_XOR(1)
    KV_XOR(2)
    KV_XOR(3)
#if KV_LANES == 16
    KV_XOR(4)
    KV_XOR(8)
    KV_XOR(12)
#endif
#undef KV_XOR
    return a;
}
#undef KV_SHUFFLE

#else /* plain loops */

typedef struct {
    KV_REAL lane[KV_LANES];
} V(vec);

#define KV_LANEWISE(expression)          \
    V(vec) r;                            \
    for (int i = 0; i < KV_LANES; i++) { \
        r.lane[i] = (expression);        \
    }                                    \
    return r
KV_INLINE V(vec) V(load)(const KV_REAL *p) { KV_LANEWISE(p[i]); }
KV_INLINE void V(store)(KV_REAL *p, V(vec) a)
{
    for (int i = 0; i < KV_LANES; i++) {
        p[i] = a.lane[i];
    }
}
KV_INLINE V(vec) V(add)(V(vec) a, V(vec) b) { KV_LANEWISE(a.lane[i] + b.lane[i]); }
KV_INLINE V(vec) V(sub)(V(vec) a, V(vec) b) { KV_LANEWISE(a.lane[i] - b.lane[i]); }
KV_INLINE V(vec) V(mul)(V(vec) a, V(vec) b) { KV_LANEWISE(a.lane[i] * b.lane[i]); }
KV_INLINE V(vec) V(madd)(V(vec) a, V(vec) b, V(vec) c)
{
    KV_LANEWISE(a.lane[i] * b.lane[i] + c.lane[i]);
}
KV_INLINE V(vec) V(zero)(void) { KV_LANEWISE(0); }
KV_INLINE V(vec) V(splat)(KV_REAL a) { KV_LANEWISE(a); }
KV_INLINE V(vec) V(swap)(V(vec) a) { KV_LANEWISE(a.lane[i ^ 1]); }
KV_INLINE V(vec) V(lane_xor)(const int s, V(vec) a) { KV_LANEWISE(a.lane[i ^ s]); }
KV_INLINE V(vec) V(signs)(void) { KV_LANEWISE((KV_REAL)(i % 2 ? 1 : -1)); }
#undef KV_LANEWISE
KV_INLINE void V(exchange)(const int step, V(vec) *a, V(vec) *b)
{
    V(vec) low = *a, high = *b;
    for (int i = 0; i < KV_LANES; i++) {
        a->lane[i] = i & step ? high.lane[i - step] : low.lane[i];
        b->lane[i] = i & step ? high.lane[i] : low.lane[i + step];
    }
}

#endif

/* The first `count` lanes, 0 < count < KV_LANES; the others read as zero, and no byte past
 * the last one is touched. */
#if KV_VECTOR_EXTENSIONS && defined(__AVX512VL__) && KV_REAL_BYTES == 4
#define KV_MASK(count) ((unsigned short)((1u << (count)) - 1))
#if KV_WIDTH == 64
#define KV_MASKED_LOAD(p, n) ((V(vec))_mm512_maskz_loadu_ps(KV_MASK(n), p))
#define KV_MASKED_STORE(p, n, a) _mm512_mask_storeu_ps(p, KV_MASK(n), (__m512)a)
#elif KV_WIDTH == 32
#define KV_MASKED_LOAD(p, n) ((V(vec))_mm256_maskz_loadu_ps((unsigned char)KV_MASK(n), p))
#define KV_MASKED_STORE(p, n, a) _mm256_mask_storeu_ps(p, (unsigned char)KV_MASK(n), (__m256)a)
#else
#define KV_MASKED_LOAD(p, n) ((V(vec))_mm_maskz_loadu_ps((unsigned char)KV_MASK(n), p))
#define KV_MASKED_STORE(p, n, a) _mm_mask_storeu_ps(p, (unsigned char)KV_MASK(n), (__m128)a)
#endif
#elif KV_VECTOR_EXTENSIONS && defined(__AVX512VL__)
#define KV_MASK(count) ((unsigned char)((1u << (count)) - 1))
#if KV_WIDTH == 64
#define KV_MASKED_LOAD(p, n) ((V(vec))_mm512_maskz_loadu_pd(KV_MASK(n), p))
#define KV_MASKED_STORE(p, n, a) _mm512_mask_storeu_pd(p, KV_MASK(n), (__m512d)a)
#elif KV_WIDTH == 32
#define KV_MASKED_LOAD(p, n) ((V(vec))_mm256_maskz_loadu_pd(KV_MASK(n), p))
#define KV_MASKED_STORE(p, n, a) _mm256_mask_storeu_pd(p, KV_MASK(n), (__m256d)a)
#else
#define KV_MASKED_LOAD(p, n) ((V(vec))_mm_maskz_loadu_pd(KV_MASK(n), p))
#define KV_MASKED_STORE(p, n, a) _mm_mask_storeu_pd(p, KV_MASK(n), (__m128d)a)
#endif
#elif KV_VECTOR_EXTENSIONS && defined(__AVX2__) && KV_WIDTH == 32
/* A window into 8 set and 8 clear lanes; the mask's lanes are 4 bytes whatever the dtype. */
#define KV_MASK(n) \
    _mm256_loadu_si256((const __m256i *)(kv_mask_window + 8 - (n) * (KV_REAL_BYTES / 4)))
#if KV_REAL_BYTES == 4
#define KV_MASKED_LOAD(p, n) ((V(vec))_mm256_maskload_ps(p, KV_MASK(n)))
#define KV_MASKED_STORE(p, n, a) _mm256_maskstore_ps(p, KV_MASK(n), (__m256)a)
#else
#define KV_MASKED_LOAD(p, n) ((V(vec))_mm256_maskload_pd(p, KV_MASK(n)))
#define KV_MASKED_STORE(p, n, a) _mm256_maskstore_pd(p, KV_MASK(n), (__m256d)a)
#endif
#endif

KV_INLINE V(vec) V(load_partial)(const KV_REAL *p, int count)
{
#ifdef KV_MASKED_LOAD
    return KV_MASKED_LOAD(p, count);
#else
    KV_REAL lanes[KV_LANES] = {0};
    for (int i = 0; i < count; i++) {
        lanes[i] = p[i];
    }
    return V(load)(lanes);
#endif
}

KV_INLINE void V(store_partial)(KV_REAL *p, int count, V(vec) a)
{
#ifdef KV_MASKED_STORE
    KV_MASKED_STORE(p, count, a);
#else
    KV_REAL lanes[KV_LANES];
    V(store)(lanes, a);
    for (int i = 0; i < count; i++) {
        p[i] = lanes[i];
    }
#endif
}

/* The first `count` lanes, a compile-time constant; here it may be KV_LANES. */
KV_INLINE void V(store_first)(KV_REAL *p, const int count, V(vec) a)
{
    if (count == KV_LANES) {
        V(store)(p, a);
    } else {
#if KV_VECTOR_EXTENSIONS && defined(__AVX512VL__)
        V(store_partial)(p, count, a);
#else
        memcpy(p, &a, (size_t)count * KV_REAL_BYTES); /* whole vectors and halves of them */
#endif
    }
}

/* count == 0 stands for a whole vector. */
KV_INLINE V(vec) V(load_count)(const KV_REAL *p, int count)
{
    return count ? V(load_partial)(p, count) : V(load)(p);
}

KV_INLINE void V(store_count)(KV_REAL *p, int count, V(vec) a)
{
    if (count) {
        V(store_partial)(p, count, a);
    } else {
        V(store)(p, a);
    }
}

/* Store past the cache; KV_STREAM_FENCE orders such stores before what follows. */
#if KV_VECTOR_EXTENSIONS && defined(__SSE2__)
#define KV_STREAM_FENCE _mm_sfence()
#if KV_WIDTH == 64 && KV_REAL_BYTES == 4
#define KV_STREAM_STORE(p, a) _mm512_stream_ps(p, (__m512)(a))
#elif KV_WIDTH == 64
#define KV_STREAM_STORE(p, a) _mm512_stream_pd(p, (__m512d)(a))
#elif KV_WIDTH == 32 && KV_REAL_BYTES == 4
#define KV_STREAM_STORE(p, a) _mm256_stream_ps(p, (__m256)(a))
#elif KV_WIDTH == 32
#define KV_STREAM_STORE(p, a) _mm256_stream_pd(p, (__m256d)(a))
#elif KV_REAL_BYTES == 4
#define KV_STREAM_STORE(p, a) _mm_stream_ps(p, (__m128)(a))
#else
#define KV_STREAM_STORE(p, a) _mm_stream_pd(p, (__m128d)(a))
#endif
#else
#define KV_STREAM_FENCE (void)0
#define KV_STREAM_STORE(p, a) V(store)(p, a)
#endif

/* store_count by KV_ACCUMULATE, which adds, and KV_STREAM, which writes whole vectors past the
 * cache: p is aligned then. */
KV_INLINE void V(put)(KV_REAL *p, int count, V(vec) a, int flags)
{
    if (flags & KV_ACCUMULATE) {
        a = V(add)(a, V(load_count)(p, count));
    }
    if (count) {
        V(store_partial)(p, count, a);
    } else if (flags & KV_STREAM) {
        KV_STREAM_STORE(p, a);
    } else {
        V(store)(p, a);
    }
}

/* Re + i Im of two sums re = Σ Re(f) x and im = Σ Im(f) x over interleaved x, that is
 * Σ f x; Σ conj(f) x for conjugate. */
KV_INLINE V(vec) V(combine)(V(vec) re, V(vec) im, int conjugate)
{
    V(vec) i_im = V(mul)(V(signs)(), V(swap)(im));
    return conjugate ? V(sub)(re, i_im) : V(add)(re, i_im);
}

/* to = from, past the cache. */
KV_INLINE void V(stream)(KV_REAL *to, const KV_REAL *from, ptrdiff_t reals)
{
    ptrdiff_t r = 0;
    for (; r < reals && (size_t)(to + r) % 64; r++) {
        to[r] = from[r];
    }
    for (; r + 64 / KV_REAL_BYTES <= reals; r += 64 / KV_REAL_BYTES) { /* a whole line */
        KV_UNROLL for (int v = 0; v < 64 / KV_WIDTH; v++) {
            KV_STREAM_STORE(to + r + v * KV_LANES, V(load)(from + r + v * KV_LANES));
        }
    }
    for (; r < reals; r++) {
        to[r] = from[r];
    }
}
#undef KV_STREAM_STORE

/* conj(a) */
KV_INLINE V(vec) V(conj)(V(vec) a) { return V(mul)(V(sub)(V(zero)(), V(signs)()), a); }

/* Transpose the square of elements that the rows tile[:] are: exchange blocks of 1, 2, 4, ... */
KV_INLINE void V(transpose)(V(vec) tile[KV_LANES / KV_SCALARS])
{
    const int side = KV_LANES / KV_SCALARS;
    KV_UNROLL for (int level = 0; level < 4; level++) {
        const int step = 1 << level;
        KV_UNROLL for (int i = 0; i < side; i++) {
            if (step < side && !(i & step)) {
                V(exchange)(step * KV_SCALARS, &tile[i], &tile[i + step]);
            }
        }
    }
}

#undef KV_EACH_LANE
#undef KV_SWAPPED
#undef KV_LOW
#undef KV_HIGH
#undef KV_SIGN
#undef KV_MASK
#undef KV_MASKED_LOAD
#undef KV_MASKED_STORE
