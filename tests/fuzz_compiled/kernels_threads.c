/* Kernels on many threads at once, for the thread sanitizer: all read the same operands, and each
 * writes its share of one result, as `workers=` has them do; shares meet within lines of the cache.
 * Every kernel and slot on every instruction set; the result has the bits that one thread gives.
 */
#include "simd/table.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 8, ROUNDS = 3, N = 8, SHARES = 24, BYTES = 1 << 17 };

static kv_intp itemsize(int dtype) { return (kv_intp)4 << (dtype & 1) << (dtype >> 1); }

/* Reads the two operands, writes shares [begin, end) of a result (and of a second one). */
typedef void share_fn(int slot, const char *a, const char *b, char *y, char *z, kv_intp begin,
                      kv_intp end);

/* Each share is L = 1 of y[l,q,r] = Σ_p f[q,p] x[l,p,r], with r = 21 items. */
static void share_mode_product(int slot, const char *a, const char *b, char *y, char *z,
                               kv_intp begin, kv_intp end)
{
    const kv_intp item = itemsize(slot), size = N * 21;
    kv_ahead ahead = {b, 64, 2, 64, 0};
    (void)z;
    kv_active->mode_product[slot](end - begin, N, N, 21, a, N, 1, b + begin * size * item, size, 21,
                                  y + begin * size * item, size, 21, KV_STREAM, &ahead);
}

static void share_mode_pair(int slot, const char *a, const char *b, char *y, char *z, kv_intp begin,
                            kv_intp end)
{
    const kv_intp item = itemsize(slot), size = 9 * 17;
    (void)z;
    if (kv_pair_fits(3, 17, item)) {
        kv_active->mode_pair[slot](end - begin, 3, 17, a, a + 9 * item, b + begin * size * item,
                                   size, 51, 17, y + begin * size * item, size, 51, 17, KV_STREAM,
                                   NULL);
    }
}

static void share_outer(int slot, const char *a, const char *b, char *y, char *z, kv_intp begin,
                        kv_intp end)
{
    const kv_intp item = itemsize(slot);
    (void)z;
    kv_active->outer[slot](end - begin, 5, 3, 7, a + begin * 5 * item, 5, 1, b, 7,
                           y + begin * 105 * item, 35, KV_STREAM);
}

static void share_khatri_rao(int slot, const char *a, const char *b, char *y, char *z,
                             kv_intp begin, kv_intp end)
{
    const kv_intp item = itemsize(slot);
    (void)z;
    kv_active->khatri_rao[slot](end - begin, 3, 33, a + begin * 33 * item, 33, b, 33,
                                y + begin * 99 * item, 33, KV_STREAM);
}

static void share_small_triple_product(int slot, const char *a, const char *b, char *y, char *z,
                                       kv_intp begin, kv_intp end)
{
    const kv_intp item = itemsize(slot);
    (void)z;
    kv_active->small_triple_product[slot](end - begin, 3, a, 0, b + begin * 9 * item, 9, a, 0,
                                          y + begin * 9 * item, 9);
}

static void share_small_vjp(int slot, const char *a, const char *b, char *y, char *z, kv_intp begin,
                            kv_intp end)
{
    const kv_intp at = begin * 9 * itemsize(slot);
    kv_active->small_vjp[slot](end - begin, 3, a + at, 9, b + at, 9, a, 0, y + at, 9, z + at, 9,
                               KV_CONJUGATE);
}

static void share_row_sqnorm(int slot, const char *a, const char *b, char *y, char *z,
                             kv_intp begin, kv_intp end)
{
    (void)b;
    (void)z;
    kv_active->row_sqnorm[slot](end - begin, 37, a + begin * 37 * itemsize(slot), 37,
                                y + begin * itemsize(slot & 1), 1);
}

static void share_transpose(int slot, const char *a, const char *b, char *y, char *z, kv_intp begin,
                            kv_intp end)
{
    const kv_intp size = (kv_intp)(17 * 18) << slot;
    (void)b;
    (void)z;
    kv_active->transpose[slot](end - begin, 17, 18, a + begin * size, 17 * 18, 18, y + begin * size,
                               17 * 18, 17);
}

/* In place: a share is squares of its own. */
static void share_transpose_square(int slot, const char *a, const char *b, char *y, char *z,
                                   kv_intp begin, kv_intp end)
{
    const kv_intp size = (kv_intp)(17 * 17) << slot;
    (void)b;
    (void)z;
    memcpy(y + begin * size, a + begin * size, (size_t)((end - begin) * size));
    kv_active->transpose_square[slot](end - begin, 17, y + begin * size, 17 * 17, 17);
}

/* Every kernel of kernels.def: one without a function above does not compile. */
static const struct {
    const char *name;
    share_fn *run;
    int slots, arithmetic;
} kernels[] = {
#define KV_ARITHMETIC(name, arguments) {#name, share_##name, KV_NDTYPES, 1},
#define KV_MOVEMENT(name, arguments) {#name, share_##name, KV_NITEMS, 0},
#include "simd/kernels.def"
#undef KV_ARITHMETIC
#undef KV_MOVEMENT
};

static char a[BYTES], b[BYTES], y[BYTES], z[BYTES], expected_y[BYTES], expected_z[BYTES];

typedef struct {
    pthread_t thread;
    share_fn *run;
    int slot;
    kv_intp begin, end;
} worker;

static void *work(void *argument)
{
    const worker *w = argument;
    for (kv_intp share = w->begin; share < w->end; share++) {
        w->run(w->slot, a, b, y, z, share, share + 1);
    }
    return NULL;
}

static void fill(int arithmetic, int slot)
{
    for (size_t i = 0; i < BYTES; i++) {
        a[i] = (char)(i * 37 % 251);
        b[i] = (char)(i * 59 % 241);
    }
    for (size_t i = 0; arithmetic && i < BYTES / 8; i++) {
        if (slot & 1) {
            ((double *)(void *)a)[i] = 1 + (double)(i * 7 % 5);
            ((double *)(void *)b)[i] = 2 - (double)(i * 11 % 7);
        } else {
            for (size_t k = 2 * i; k < 2 * i + 2; k++) {
                ((float *)(void *)a)[k] = 1 + (float)(k * 7 % 5);
                ((float *)(void *)b)[k] = 2 - (float)(k * 11 % 7);
            }
        }
    }
}

/* Whether all threads together give the bits that one gives. */
static int agrees(share_fn *run, int slot)
{
    worker workers[THREADS];
    memset(y, 0, BYTES);
    memset(z, 0, BYTES);
    for (int t = 0; t < THREADS; t++) {
        workers[t] = (worker){.run = run, .slot = slot, .begin = t * SHARES / THREADS};
        workers[t].end = (t + 1) * SHARES / THREADS;
        if (pthread_create(&workers[t].thread, NULL, work, &workers[t]) != 0) {
            abort();
        }
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(workers[t].thread, NULL);
    }
    return memcmp(y, expected_y, BYTES) == 0 && memcmp(z, expected_z, BYTES) == 0;
}

int main(void)
{
    long calls = 0;
    kv_initialize(NULL);
    for (int isa = 0; kv_isa_name(isa) != NULL; isa++) {
        kv_use_isa(kv_isa_name(isa));
        for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
            for (int slot = 0; slot < kernels[k].slots; slot++) {
                fill(kernels[k].arithmetic, slot);
                memset(y, 0, BYTES);
                memset(z, 0, BYTES);
                kernels[k].run(slot, a, b, y, z, 0, SHARES);
                memcpy(expected_y, y, BYTES);
                memcpy(expected_z, z, BYTES);
                for (int round = 0; round < ROUNDS; round++, calls += SHARES) {
                    if (!agrees(kernels[k].run, slot)) {
                        printf("%s, slot %d, %s: threads change bits\n", kernels[k].name, slot,
                               kv_isa_name(isa));
                        return 1;
                    }
                }
            }
        }
    }
    printf("%ld calls on %d threads, the bits of one\n", calls, THREADS);
    return 0;
}
