/* One SIMD vector of KV_LANES reals: with shuffle.inc.h, the only file with builtins.
 *
 * Included once per dtype and width.  V(name) is name_<dtype>_<width>.  A complex number
 * occupies two neighbouring lanes (re, im); counts and pointers here count reals.
 * Without vector extensions the vector is a plain array and the same templates are loops.
 */
#define V(name) KV_PASTE3(name, KV_DTYPE, KV_WIDTH)

#undef KV_LANES
#if KV_WIDTH == 16 && KV_REAL_BYTES == 4
#define KV_LANES 4
#define KV_SWAPPED 1, 0, 3, 2
#define KV_SIGNS -1, 1, -1, 1
#elif KV_WIDTH == 16
#define KV_LANES 2
#define KV_SWAPPED 1, 0
#define KV_SIGNS -1, 1
#elif KV_WIDTH == 32 && KV_REAL_BYTES == 4
#define KV_LANES 8
#define KV_SWAPPED 1, 0, 3, 2, 5, 4, 7, 6
#define KV_SIGNS -1, 1, -1, 1, -1, 1, -1, 1
#elif KV_WIDTH == 32
#define KV_LANES 4
#define KV_SWAPPED 1, 0, 3, 2
#define KV_SIGNS -1, 1, -1, 1
#elif KV_WIDTH == 64 && KV_REAL_BYTES == 4
#define KV_LANES 16
#define KV_SWAPPED 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14
#define KV_SIGNS -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1
#elif KV_WIDTH == 64
#define KV_LANES 8
#define KV_SWAPPED 1, 0, 3, 2, 5, 4, 7, 6
#define KV_SIGNS -1, 1, -1, 1, -1, 1, -1, 1
#endif

#if KV_VECTOR_EXTENSIONS

typedef KV_REAL V(vec) __attribute__((vector_size(KV_WIDTH)));
/* The same in memory: at any address that suits a real, aliasing anything. */
typedef KV_REAL V(memory)
    __attribute__((vector_size(KV_WIDTH), aligned(KV_REAL_BYTES), may_alias));

KV_INLINE V(vec) V(load)(const KV_REAL *p) { return *(const V(memory) *)p; }
KV_INLINE void V(store)(KV_REAL *p, V(vec) a) { *(V(memory) *)p = a; }
KV_INLINE V(vec) V(add)(V(vec) a, V(vec) b) { return a + b; }
KV_INLINE V(vec) V(sub)(V(vec) a, V(vec) b) { return a - b; }
KV_INLINE V(vec) V(mul)(V(vec) a, V(vec) b) { return a * b; }
KV_INLINE V(vec) V(madd)(V(vec) a, V(vec) b, V(vec) c) { return a * b + c; }
KV_INLINE V(vec) V(zero)(void) { return (V(vec)){0}; }
KV_INLINE V(vec) V(splat)(KV_REAL a) { return a - (V(vec)){0}; }

/* (re, im) -> (im, re) in every pair of lanes. */
KV_INLINE V(vec) V(swap)(V(vec) a)
{
#if defined(__clang__) || __GNUC__ >= 12
    return __builtin_shufflevector(a, a, KV_SWAPPED);
#elif KV_REAL_BYTES == 4
    typedef int index __attribute__((vector_size(KV_WIDTH)));
    return __builtin_shuffle(a, (index){KV_SWAPPED});
#else
    typedef long long index __attribute__((vector_size(KV_WIDTH)));
    return __builtin_shuffle(a, (index){KV_SWAPPED});
#endif
}

/* The (-1, 1) of i * (re, im) = (-im, re). */
KV_INLINE V(vec) V(signs)(void) { return (V(vec)){KV_SIGNS}; }

#else /* plain loops */

typedef struct {
    KV_REAL lane[KV_LANES];
} V(vec);

#define KV_EACH_LANE(expression)         \
    V(vec) r;                            \
    for (int i = 0; i < KV_LANES; i++) { \
        r.lane[i] = (expression);        \
    }                                    \
    return r
KV_INLINE V(vec) V(load)(const KV_REAL *p) { KV_EACH_LANE(p[i]); }
KV_INLINE void V(store)(KV_REAL *p, V(vec) a)
{
    for (int i = 0; i < KV_LANES; i++) {
        p[i] = a.lane[i];
    }
}
KV_INLINE V(vec) V(add)(V(vec) a, V(vec) b) { KV_EACH_LANE(a.lane[i] + b.lane[i]); }
KV_INLINE V(vec) V(sub)(V(vec) a, V(vec) b) { KV_EACH_LANE(a.lane[i] - b.lane[i]); }
KV_INLINE V(vec) V(mul)(V(vec) a, V(vec) b) { KV_EACH_LANE(a.lane[i] * b.lane[i]); }
KV_INLINE V(vec) V(madd)(V(vec) a, V(vec) b, V(vec) c)
{
    KV_EACH_LANE(a.lane[i] * b.lane[i] + c.lane[i]);
}
KV_INLINE V(vec) V(zero)(void) { KV_EACH_LANE(0); }
KV_INLINE V(vec) V(splat)(KV_REAL a) { KV_EACH_LANE(a); }
KV_INLINE V(vec) V(swap)(V(vec) a) { KV_EACH_LANE(a.lane[i ^ 1]); }
KV_INLINE V(vec) V(signs)(void) { KV_EACH_LANE((KV_REAL)(i % 2 ? 1 : -1)); }
#undef KV_EACH_LANE

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

/* Re + i Im of two sums re = Σ Re(f) x and im = Σ Im(f) x over interleaved x, that is
 * Σ f x; Σ conj(f) x for conjugate. */
KV_INLINE V(vec) V(combine)(V(vec) re, V(vec) im, int conjugate)
{
    V(vec) i_im = V(mul)(V(signs)(), V(swap)(im));
    return conjugate ? V(sub)(re, i_im) : V(add)(re, i_im);
}

#undef KV_SWAPPED
#undef KV_SIGNS
#undef KV_MASK
#undef KV_MASKED_LOAD
#undef KV_MASKED_STORE
