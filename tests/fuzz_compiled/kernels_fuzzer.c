/* A coverage-guided fuzzer (libFuzzer) of the kernel table: every kernel and slot on operands of
 * any size, gaps, order of axes and alignment, each on every instruction set, against plain loops
 * over the equation.  Without libFuzzer, -DKV_FUZZ_MAIN runs random choices for a number of
 * seconds.
 */
#include "arrays.h"

#include <time.h>

static kv_intp itemsize(int dtype) { return (kv_intp)4 << (dtype & 1) << (dtype >> 1); }

/* Rows of some memory, which a kernel may ask for ahead of time. */
static kv_ahead some_rows(choices *c, const array *a)
{
    kv_ahead ahead = {(const char *)a->block, 64, choose(c, 4), 64 * choose(c, 4) + 8, 0};
    ahead.left = ahead.bytes;
    ahead.gap = choose(c, 200);
    return ahead;
}

static void fuzz_mode_product(choices *c, int dtype)
{
    const kv_intp item = itemsize(dtype);
    const kv_intp L = choose_size(c, 9), Q = choose_size(c, 130), P = choose_size(c, 130);
    const kv_intp R = choose_size(c, 200000 / ((L + 1) * (Q + 1) * (P + 1)) + 3);
    const int over = choose(c, 4) == 0 && P == Q && 2 <= P && P <= KV_WHOLE_MODE;
    const int flags = choose(c, 8) & (over ? ~KV_ACCUMULATE : ~0);
    const int zero_q = choose(c, 8) == 0, zero_p = choose(c, 8) == 0;
    array *f = operand(c, dtype, item, choose(c, 3) ? 0 : 1, 1, 1, Q, P);
    array *x = operand(c, dtype, item, 1, 1, L, P, R);
    array *y = over                    ? x
               : flags & KV_ACCUMULATE ? operand(c, dtype, item, 1, 1, L, Q, R)
                                       : result(c, dtype, item, 1, 1, L, Q, R);
    const kv_intp f_q = zero_q ? 0 : f->stride[2], f_p = zero_p ? 0 : f->stride[3];
    for (kv_intp l = 0; l < L; l++) {
        for (kv_intp q = 0; q < Q; q++) {
            for (kv_intp r = 0; r < R; r++) {
                number sum = {0, 0};
                if (flags & KV_ACCUMULATE) {
                    sum = get(y, dtype, 0, l, q, r);
                }
                for (kv_intp p = 0; p < P; p++) {
                    const number entry = get(f, dtype, 0, 0, zero_q ? 0 : q, zero_p ? 0 : p);
                    sum = add_product(sum, conjugate_if(flags & KV_CONJUGATE, entry),
                                      get(x, dtype, 0, l, p, r));
                }
                expect(y, dtype, sum, 0, l, q, r);
            }
        }
    }
    const kv_ahead asked = some_rows(c, x);
    const int asks = choose(c, 2);
    ON_EACH_ISA("mode_product", dtype, {
        kv_ahead ahead = asked;
        kv_active->mode_product[dtype](L, Q, P, R, f->data, f_q, f_p, x->data, x->stride[1],
                                       x->stride[2], y->data, y->stride[1], y->stride[2], flags,
                                       asks ? &ahead : NULL);
    })
}

static void fuzz_mode_pair(choices *c, int dtype)
{
    const kv_intp item = itemsize(dtype);
    const kv_intp L = choose_size(c, 7), n = 2 + choose(c, 7);
    const kv_intp R = choose(c, 4) ? choose_size(c, 200) : 1;
    const int over = choose(c, 4) == 0, inner = R == 1 ? 4 : 1;
    const int flags = choose(c, 8) & (over ? KV_STREAM : KV_STREAM | KV_ACCUMULATE);
    array *f1 = operand(c, dtype, item, 4, 1, 1, n, n);
    array *f2 = operand(c, dtype, item, 4, 1, 1, n, n);
    array *x = operand(c, dtype, item, inner, L, n, n, R);
    array *y = over                    ? x
               : flags & KV_ACCUMULATE ? operand(c, dtype, item, inner, L, n, n, R)
                                       : result(c, dtype, item, inner, L, n, n, R);
    for (kv_intp l = 0; l < L; l++) {
        for (kv_intp q = 0; q < n * n; q++) {
            for (kv_intp r = 0; r < R; r++) {
                number sum = {0, 0};
                if (flags & KV_ACCUMULATE) {
                    sum = get(y, dtype, l, q / n, q % n, r);
                }
                for (kv_intp p = 0; p < n * n; p++) {
                    const number both =
                        add_product((number){0, 0}, get(f1, dtype, 0, 0, q / n, p / n),
                                    get(f2, dtype, 0, 0, q % n, p % n));
                    sum = add_product(sum, both, get(x, dtype, l, p / n, p % n, r));
                }
                expect(y, dtype, sum, l, q / n, q % n, r);
            }
        }
    }
    const kv_ahead asked = some_rows(c, x);
    for (int isa = 0; kv_isa_name(isa) != NULL; isa++) {
        kv_use_isa(kv_isa_name(isa));
        if (kv_pair_fits(n, R, item)) {
            kv_ahead ahead = asked;
            restore_arrays();
            kv_active->mode_pair[dtype](L, n, R, f1->data, f2->data, x->data, x->stride[0],
                                        x->stride[1], x->stride[2], y->data, y->stride[0],
                                        y->stride[1], y->stride[2], flags, &ahead);
            check_arrays("mode_pair", dtype, kv_isa_name(isa));
        }
    }
}

static void fuzz_outer(choices *c, int dtype)
{
    const kv_intp item = itemsize(dtype);
    const kv_intp m = choose_size(c, 9), n = choose_size(c, 600), p = choose_size(c, 9);
    const kv_intp q = choose_size(c, 60000 / ((m + 1) * (n + 1) * (p + 1)) + 3);
    const int flags = choose(c, 2) ? KV_STREAM : 0;
    array *a = operand(c, dtype, item, choose(c, 3) ? 0 : 1, 1, 1, m, n);
    array *b = operand(c, dtype, item, 1, 1, 1, p, q);
    array *y = result(c, dtype, item, 1, 1, 1, m * p, n * q);
    for (kv_intp row = 0; row < m * p; row++) {
        for (kv_intp column = 0; column < n * q; column++) {
            expect(y, dtype,
                   add_product((number){0, 0}, get(a, dtype, 0, 0, row / p, column / q),
                               get(b, dtype, 0, 0, row % p, column % q)),
                   0, 0, row, column);
        }
    }
    ON_EACH_ISA("outer", dtype,
                kv_active->outer[dtype](m, n, p, q, a->data, a->stride[2], a->stride[3], b->data,
                                        b->stride[2], y->data, y->stride[2], flags))
}

static void fuzz_khatri_rao(choices *c, int dtype)
{
    const kv_intp item = itemsize(dtype);
    const kv_intp m = choose_size(c, 9), p = choose_size(c, 300);
    const kv_intp n = choose_size(c, 60000 / ((m + 1) * (p + 1)) + 3) * (1 + choose(c, 3));
    const int flags = choose(c, 2) ? KV_STREAM : 0;
    array *a = operand(c, dtype, item, 1, 1, 1, m, n);
    array *b = operand(c, dtype, item, 1, 1, 1, p, n);
    array *y = result(c, dtype, item, 1, 1, 1, m * p, n);
    for (kv_intp row = 0; row < m * p; row++) {
        for (kv_intp j = 0; j < n; j++) {
            expect(y, dtype,
                   add_product((number){0, 0}, get(a, dtype, 0, 0, row / p, j),
                               get(b, dtype, 0, 0, row % p, j)),
                   0, 0, row, j);
        }
    }
    ON_EACH_ISA("khatri_rao", dtype,
                kv_active->khatri_rao[dtype](m, p, n, a->data, a->stride[2], b->data, b->stride[2],
                                             y->data, y->stride[2], flags))
}

/* y = a b, of batch i; with the adjoint (or transpose) of one of them. */
enum { PLAIN, FIRST, SECOND };
static number entry_of_product(array *a, array *b, int dtype, int turned, int conjugate, kv_intp n,
                               kv_intp i, kv_intp row, kv_intp column)
{
    number sum = {0, 0};
    for (kv_intp k = 0; k < n; k++) {
        const number left = turned == FIRST ? conjugate_if(conjugate, get(a, dtype, 0, i, k, row))
                                            : get(a, dtype, 0, i, row, k);
        const number right = turned == SECOND
                                 ? conjugate_if(conjugate, get(b, dtype, 0, i, column, k))
                                 : get(b, dtype, 0, i, k, column);
        sum = add_product(sum, left, right);
    }
    return sum;
}

static kv_intp choose_small(choices *c)
{
    const kv_intp n = 1 + choose(c, 9);
    return n == 9 ? KV_SMALL : n;
}

static void fuzz_small_triple_product(choices *c, int dtype)
{
    const kv_intp item = itemsize(dtype), n = choose_small(c), batch = choose_size(c, 9);
    array *a = operand(c, dtype, item, 2, 1, batch, n, n);
    array *b = operand(c, dtype, item, 2, 1, batch, n, n);
    array *d = operand(c, dtype, item, 2, 1, batch, n, n);
    array *y = result(c, dtype, item, 2, 1, batch, n, n);
    if (choose(c, 4) == 0) {
        b->stride[1] = 0; /* one for all */
    }
    for (kv_intp i = 0; i < batch; i++) {
        for (kv_intp row = 0; row < n; row++) {
            for (kv_intp column = 0; column < n; column++) {
                number sum = {0, 0};
                for (kv_intp k = 0; k < n; k++) {
                    sum = add_product(sum, entry_of_product(a, b, dtype, PLAIN, 0, n, i, row, k),
                                      get(d, dtype, 0, i, k, column));
                }
                expect(y, dtype, sum, 0, i, row, column);
            }
        }
    }
    ON_EACH_ISA("small_triple_product", dtype,
                kv_active->small_triple_product[dtype](batch, n, a->data, a->stride[1], b->data,
                                                       b->stride[1], d->data, d->stride[1], y->data,
                                                       y->stride[1]))
}

static void fuzz_small_vjp(choices *c, int dtype)
{
    const kv_intp item = itemsize(dtype), n = choose_small(c), batch = choose_size(c, 9);
    const int flags = choose(c, 2) ? KV_CONJUGATE : 0;
    array *g = operand(c, dtype, item, 2, 1, batch, n, n);
    array *x = operand(c, dtype, item, 2, 1, batch, n, n);
    array *w = operand(c, dtype, item, 2, 1, batch, n, n);
    array *dx = result(c, dtype, item, 2, 1, batch, n, n);
    array *dw = result(c, dtype, item, 2, 1, batch, n, n);
    if (choose(c, 4) == 0) {
        w->stride[1] = 0;
    }
    for (kv_intp i = 0; i < batch; i++) {
        for (kv_intp row = 0; row < n; row++) {
            for (kv_intp k = 0; k < n; k++) {
                expect(dx, dtype, entry_of_product(g, w, dtype, SECOND, flags, n, i, row, k), 0, i,
                       row, k);
                expect(dw, dtype, entry_of_product(x, g, dtype, FIRST, flags, n, i, row, k), 0, i,
                       row, k);
            }
        }
    }
    ON_EACH_ISA("small_vjp", dtype,
                kv_active->small_vjp[dtype](batch, n, g->data, g->stride[1], x->data, x->stride[1],
                                            w->data, w->stride[1], dx->data, dx->stride[1],
                                            dw->data, dw->stride[1], flags))
}

static void fuzz_row_sqnorm(choices *c, int dtype)
{
    const int real = dtype & 1;
    const kv_intp rows = choose_size(c, 9), n = choose_size(c, 513);
    array *x = operand(c, dtype, itemsize(dtype), 1, 1, 1, rows, n);
    array *y = result(c, real, itemsize(real), 0, 1, 1, 1, rows);
    for (kv_intp i = 0; i < rows; i++) {
        double sum = 0;
        for (kv_intp j = 0; j < n; j++) {
            const number entry = get(x, dtype, 0, 0, i, j);
            sum += entry.re * entry.re + entry.im * entry.im;
        }
        expect(y, real, (number){sum, 0}, 0, 0, 0, i);
    }
    ON_EACH_ISA("row_sqnorm", dtype,
                kv_active->row_sqnorm[dtype](rows, n, x->data, x->stride[2], y->data, y->stride[3]))
}

/* y[b, j, i] = x[b, i, j] in the image. */
static void expect_transpose(const array *x, array *y)
{
    for (kv_intp b = 0; b < x->shape[1]; b++) {
        for (kv_intp i = 0; i < x->shape[2]; i++) {
            for (kv_intp j = 0; j < x->shape[3]; j++) {
                memcpy(y->image + place_of(y, 0, b, j, i), x->start + place_of(x, 0, b, i, j),
                       (size_t)x->item);
            }
        }
    }
}

static void fuzz_transpose(choices *c, int slot)
{
    const kv_intp item = (kv_intp)1 << slot;
    const int large = choose(c, 64) == 63; /* beyond KV_STREAM_ABOVE */
    const kv_intp batch = large ? 1 : choose_size(c, 4), n = choose_size(c, 300) + large;
    const kv_intp m = large ? KV_STREAM_ABOVE / (item * (n + 1)) + n : choose_size(c, 700);
    array *x = operand(c, -1, item, 1, 1, batch, m, n);
    array *y = result(c, -1, item, 1, 1, batch, n, m);
    expect_transpose(x, y);
    ON_EACH_ISA("transpose", slot,
                kv_active->transpose[slot](batch, m, n, x->data, x->stride[1], x->stride[2],
                                           y->data, y->stride[1], y->stride[2]))
}

static void fuzz_transpose_square(choices *c, int slot)
{
    const kv_intp item = (kv_intp)1 << slot, batch = choose_size(c, 4), n = choose_size(c, 260);
    array *x = operand(c, -1, item, 1, 1, batch, n, n);
    expect_transpose(x, x);
    ON_EACH_ISA("transpose_square", slot,
                kv_active->transpose_square[slot](batch, n, x->data, x->stride[1], x->stride[2]))
}

/* Runs of any length, which no table holds: out of place, and contiguous ones in place. */
static void fuzz_runs(choices *c, int way)
{
    const kv_intp run = choose(c, 2) ? 1 << choose(c, 5) : 1 + choose_size(c, 700);
    const kv_intp most = 40000 / run + 2;
    const kv_intp m = choose_size(c, most < 300 ? most : 300);
    const kv_intp n = way == 1 ? m : choose_size(c, most / (m + 1) + 2);
    array *x = operand(c, -1, run, way ? 4 : 0, 1, 1, m, n);
    if (way == 0) {
        array *y = result(c, -1, run, 0, 1, 1, n, m);
        expect_transpose(x, y);
        restore_arrays();
        kv_transpose_runs(m, n, run, (const char *)x->data, x->stride[2] * run, x->stride[3] * run,
                          (char *)y->data, y->stride[2] * run, y->stride[3] * run);
    } else {
        array y = *x;
        y.stride[2] = m;
        expect_transpose(x, &y);
        restore_arrays();
        if (way == 1) {
            kv_transpose_square_runs(n, run, (char *)x->data);
        } else {
            char *scratch = malloc((size_t)kv_rectangle_scratch(m, n, run));
            kv_transpose_rectangle(m, n, run, (char *)x->data, scratch);
            free(scratch);
        }
    }
    check_arrays("runs", way, "plain C");
}

/* Every kernel of kernels.def: one without a function above does not compile. */
static const struct {
    void (*run)(choices *, int slot);
    int slots;
} cases[] = {
#define KV_ARITHMETIC(name, arguments) {fuzz_##name, KV_NDTYPES},
#define KV_MOVEMENT(name, arguments) {fuzz_##name, KV_NITEMS},
#include "simd/kernels.def"
#undef KV_ARITHMETIC
#undef KV_MOVEMENT
    {fuzz_runs, 3},
};

/* With no rows, the search for the size of the scratch once went on for ever. */
static void check_scratch_of_nothing(void)
{
    for (kv_intp q = 0; q < 5; q++) {
        if (kv_rectangle_scratch(0, q, 8) < 0 || kv_rectangle_scratch(q, 0, 8) < 0) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    choices c = {data, size};
    if (kv_active == NULL) {
        kv_initialize(NULL);
        check_scratch_of_nothing();
    }
    noise = 1 + (uint32_t)choose(&c, 256);
    const int which = choose(&c, (int)(sizeof cases / sizeof *cases));
    cases[which].run(&c, choose(&c, cases[which].slots));
    free_arrays();
    return 0;
}

#ifdef KV_FUZZ_MAIN
int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? atof(argv[1]) : 10;
    const time_t end = time(NULL) + (time_t)seconds;
    uint32_t state = 2463534242u;
    long runs = 0;
    for (; time(NULL) < end; runs++) {
        uint8_t bytes[48];
        for (size_t i = 0; i < sizeof bytes; i++) {
            state = state * 1664525u + 1013904223u;
            bytes[i] = (uint8_t)(state >> 24);
        }
        LLVMFuzzerTestOneInput(bytes, sizeof bytes);
    }
    printf("%ld runs\n", runs);
    return 0;
}
#endif
