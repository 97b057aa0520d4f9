/* Operands for the kernel fuzzer: strided arrays in memory of just their extent.
 *
 * An array ends where its allocation ends, so that the address sanitizer sees a byte read or
 * written behind it.  What lies before it and between its rows is filled with a pattern.  The
 * oracle writes its results into `image`, a copy of the whole: after a kernel has run both must be
 * the same, byte for byte.  Entries are whole numbers from 1 to 4 with signs: sums of them are
 * exact in every order; only a zero may have either sign.
 */
#ifndef KV_FUZZ_ARRAYS_H
#define KV_FUZZ_ARRAYS_H

#include "simd/table.h"

#include <stdio.h>
#include <stdlib.h>

/* The bytes that decide; zeros when they are used up. */
typedef struct {
    const uint8_t *data;
    size_t left;
} choices;

static inline int choose(choices *c, int count)
{
    if (c->left == 0) {
        return 0;
    }
    c->left--;
    return *c->data++ % count;
}

/* A size from 0 to most, often beside the edge of a tile. */
static inline kv_intp choose_size(choices *c, kv_intp most)
{
    static const short edges[] = {31, 32, 33,  47,  48,  49,  63,  64,  65,  95,
                                  96, 97, 127, 128, 129, 191, 192, 255, 256, 513};
    const int wide = choose(c, 2), n = choose(c, 256);
    const kv_intp size = wide ? edges[n % (int)(sizeof edges / sizeof *edges)] : n % 24;
    return size < most ? size : most;
}

enum { MOST_AXES = 4, MOST_ARRAYS = 6 };

typedef struct {
    unsigned char *block, *start, *image, *data;
    size_t bytes;
    kv_intp item, real, shape[MOST_AXES], stride[MOST_AXES];
} array;

static array pool[MOST_ARRAYS];
static int pooled;
static uint32_t noise = 1;

static inline uint32_t random_bits(void)
{
    noise ^= noise << 13;
    noise ^= noise >> 17;
    noise ^= noise << 5;
    return noise;
}

static inline size_t place_of(const array *a, kv_intp i, kv_intp j, kv_intp k, kv_intp l)
{
    const kv_intp items = i * a->stride[0] + j * a->stride[1] + k * a->stride[2] + l * a->stride[3];
    return (size_t)(a->data - a->block) + (size_t)(items * a->item);
}

/* An entry of a kernel dtype. */
typedef struct {
    double re, im;
} number;

static inline number get(const array *a, int dtype, kv_intp i, kv_intp j, kv_intp k, kv_intp l)
{
    const unsigned char *at = a->start + place_of(a, i, j, k, l);
    double wide[2] = {0};
    float narrow[2] = {0};
    if (dtype & 1) {
        memcpy(wide, at, dtype >= KV_c64 ? 16 : 8);
        return (number){wide[0], wide[1]};
    }
    memcpy(narrow, at, dtype >= KV_c64 ? 8 : 4);
    return (number){narrow[0], narrow[1]};
}

static inline void write_number(unsigned char *at, int dtype, number x)
{
    const double wide[2] = {x.re, x.im};
    const float narrow[2] = {(float)x.re, (float)x.im};
    memcpy(at, dtype & 1 ? (const void *)wide : narrow, 4 << (dtype & 1) << (dtype >> 1));
}

static inline void expect(array *a, int dtype, number x, kv_intp i, kv_intp j, kv_intp k, kv_intp l)
{
    write_number(a->image + place_of(a, i, j, k, l), dtype, x);
}

static inline number add_product(number sum, number a, number b)
{
    return (number){sum.re + a.re * b.re - a.im * b.im, sum.im + a.re * b.im + a.im * b.re};
}

static inline number conjugate_if(int conjugate, number a)
{
    return (number){a.re, conjugate ? -a.im : a.im};
}

/* An array whose last `inner` axes are contiguous; the others lie in either order, with gaps
 * between.  dtype -1: items of any bytes. */
static inline array *make(choices *c, int dtype, kv_intp item, int inner, kv_intp s0, kv_intp s1,
                          kv_intp s2, kv_intp s3)
{
    array *a = &pool[pooled++];
    const kv_intp shape[MOST_AXES] = {s0, s1, s2, s3};
    const int outer = MOST_AXES - inner, flip = choose(c, 2), gaps = choose(c, 2);
    const kv_intp align = dtype < 0 ? 1 : dtype & 1 ? 8 : 4;
    kv_intp extent = 1, span = 1;
    for (int axis = MOST_AXES - 1; axis >= outer; axis--) {
        a->stride[axis] = extent;
        extent *= shape[axis];
    }
    for (int step = 0; step < outer; step++) {
        const int axis = flip ? step : outer - 1 - step;
        extent += gaps ? choose(c, 18) : 0;
        a->stride[axis] = extent;
        extent *= shape[axis] > 0 ? shape[axis] : 1;
    }
    for (int axis = 0; axis < MOST_AXES; axis++) {
        a->shape[axis] = shape[axis];
        span = shape[axis] == 0 || span == 0 ? 0 : span + (shape[axis] - 1) * a->stride[axis];
    }
    const size_t offset = (size_t)(choose(c, 64) / align * align);
    a->item = item;
    a->real = dtype < 0 ? 0 : align; /* bytes of a number, 0 where there are only bytes */
    a->bytes = offset + (size_t)(span * item);
    a->block = malloc(a->bytes);
    a->start = malloc(a->bytes);
    a->image = malloc(a->bytes);
    if (a->block == NULL || a->start == NULL || a->image == NULL) {
        abort();
    }
    a->data = a->block + offset;
    memset(a->start, 0xA5, a->bytes);
    return a;
}

static inline void fill(array *a, int dtype)
{
    for (kv_intp i = 0; i < a->shape[0]; i++) {
        for (kv_intp j = 0; j < a->shape[1]; j++) {
            for (kv_intp k = 0; k < a->shape[2]; k++) {
                for (kv_intp l = 0; l < a->shape[3]; l++) {
                    unsigned char *at = a->start + place_of(a, i, j, k, l);
                    if (dtype < 0) {
                        for (kv_intp byte = 0; byte < a->item; byte++) {
                            at[byte] = (unsigned char)random_bits();
                        }
                        continue;
                    }
                    const uint32_t bits = random_bits();
                    const double re = 1 + (bits >> 8 & 3), im = 1 + (bits >> 10 & 3);
                    write_number(at, dtype, (number){bits & 1 ? re : -re, bits & 2 ? im : -im});
                }
            }
        }
    }
}

/* An operand, or what a kernel adds to: entries in it; and a result, all pattern. */
static inline array *operand(choices *c, int dtype, kv_intp item, int inner, kv_intp s0, kv_intp s1,
                             kv_intp s2, kv_intp s3)
{
    array *a = make(c, dtype, item, inner, s0, s1, s2, s3);
    fill(a, dtype);
    memcpy(a->image, a->start, a->bytes);
    return a;
}

static inline array *result(choices *c, int dtype, kv_intp item, int inner, kv_intp s0, kv_intp s1,
                            kv_intp s2, kv_intp s3)
{
    array *a = make(c, dtype, item, inner, s0, s1, s2, s3);
    memcpy(a->image, a->start, a->bytes);
    return a;
}

static inline void restore_arrays(void)
{
    for (int i = 0; i < pooled; i++) {
        memcpy(pool[i].block, pool[i].start, pool[i].bytes);
    }
}

/* Whether the byte belongs to a 0 for a -0 or the other way round: sums in another order. */
static inline int is_signed_zero(const array *a, size_t byte)
{
    const size_t real = (size_t)a->real, first = real ? byte / real * real : 0;
    for (size_t i = 0; i < real; i++) {
        const int both = a->block[first + i] | a->image[first + i];
        if (both & (i == real - 1 ? 0x7F : 0xFF)) {
            return 0;
        }
    }
    return real > 0;
}

static inline void check_arrays(const char *kernel, int slot, const char *isa)
{
    for (int i = 0; i < pooled; i++) {
        if (memcmp(pool[i].block, pool[i].image, pool[i].bytes) == 0) {
            continue;
        }
        for (size_t byte = 0; byte < pool[i].bytes; byte++) {
            if (pool[i].block[byte] != pool[i].image[byte] && !is_signed_zero(&pool[i], byte)) {
                fprintf(stderr, "%s, slot %d, %s: byte %zd of array %d differs\n", kernel, slot,
                        isa, (ptrdiff_t)byte - (pool[i].data - pool[i].block), i);
                for (int n = 0; n < pooled; n++) {
                    fprintf(stderr, "  array %d: shape %td %td %td %td, strides %td %td %td %td\n",
                            n, pool[n].shape[0], pool[n].shape[1], pool[n].shape[2],
                            pool[n].shape[3], pool[n].stride[0], pool[n].stride[1],
                            pool[n].stride[2], pool[n].stride[3]);
                }
                abort();
            }
        }
    }
}

static inline void free_arrays(void)
{
    for (; pooled > 0; pooled--) {
        free(pool[pooled - 1].block);
        free(pool[pooled - 1].start);
        free(pool[pooled - 1].image);
    }
}

/* Run the call on every instruction set. */
#define ON_EACH_ISA(kernel, slot, call)                  \
    for (int isa = 0; kv_isa_name(isa) != NULL; isa++) { \
        kv_use_isa(kv_isa_name(isa));                    \
        restore_arrays();                                \
        call;                                            \
        check_arrays(kernel, slot, kv_isa_name(isa));    \
    }

#endif
