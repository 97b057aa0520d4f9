/* Transpositions of items of any size, and of rectangles in their own memory; plain C.
 *
 * y[j,i] = x[i,j] where an item is a run of bytes.  In registers only the sizes of
 * transpose.inc.h move; here the compiler knows those sizes too, and others are copied as they are.
 */
#include "table.h"

#include "compiler.h"
#include "interrupt.h"

#define KV_BLOCK 32

void kv_transpose_runs(kv_intp m, kv_intp n, kv_intp run, const char *x, kv_intp x_row,
                       kv_intp x_column, char *y, kv_intp y_row, kv_intp y_column)
{
    for (kv_intp ib = 0; ib < m; ib += KV_BLOCK) {
        for (kv_intp jb = 0; jb < n; jb += KV_BLOCK) {
            if (kv_interrupted(KV_BLOCK * KV_BLOCK)) {
                return;
            }
            for (kv_intp j = jb; j < KV_MIN(jb + KV_BLOCK, n); j++) {
                if (run >= 64 && kv_interrupted(KV_BLOCK * (run / 64))) {
                    return;
                }
                for (kv_intp i = ib; i < KV_MIN(ib + KV_BLOCK, m); i++) {
                    memcpy(y + j * y_row + i * y_column, x + i * x_row + j * x_column, run);
                }
            }
        }
    }
}

/* a <-> b, which do not overlap. */
static void swap_runs(char *a, char *b, kv_intp run)
{
    char part[512];
    for (kv_intp done = 0; done < run; done += sizeof part) {
        const kv_intp bytes = KV_MIN((kv_intp)sizeof part, run - done);
        memcpy(part, a + done, bytes);
        memcpy(a + done, b + done, bytes);
        memcpy(b + done, part, bytes);
    }
}

void kv_transpose_square_runs(kv_intp n, kv_intp run, char *x)
{
    for (kv_intp ib = 0; ib < n; ib += KV_BLOCK) {
        for (kv_intp jb = ib; jb < n; jb += KV_BLOCK) {
            if (kv_interrupted(2 * KV_BLOCK * KV_BLOCK)) {
                return;
            }
            for (kv_intp i = ib; i < KV_MIN(ib + KV_BLOCK, n); i++) {
                if (run >= 64 && kv_interrupted(2 * KV_BLOCK * (run / 64))) {
                    return;
                }
                for (kv_intp j = jb > i ? jb : i + 1; j < KV_MIN(jb + KV_BLOCK, n); j++) {
                    swap_runs(x + (i * n + j) * run, x + (j * n + i) * run, run);
                }
            }
        }
    }
}

/* A rectangle in place (Catanzaro, Keller, Garland, PPoPP 2014): x as an (m, n) array, with
 * c = gcd(m, n), a = m / c and b = n / c, becomes its transpose by permuting
 *
 *   each column j:  x[i, j] <- x[(i + j/b) mod m, j]                    (nothing where c = 1)
 *   each row i:     x[i, ((i + j/b) mod m + j m) mod n] <- x[i, j]
 *   each column j:  x[i, j] <- x[(j + i n - i/a) mod m, j]
 *
 * and an (n, m) array becomes its transpose by the inverse permutations in reverse order.  The
 * roles are chosen so that m <= n: rows are long, and a few neighbouring columns, permuted at
 * once, fit in cache.
 */
static kv_intp gcd(kv_intp a, kv_intp b) { return b ? gcd(b, a % b) : a; }

/* How many columns are permuted at once: a line of them, more where m is small beside n. */
static kv_intp columns_at_once(kv_intp m, kv_intp n, kv_intp item)
{
    kv_intp columns = item < 64 ? 64 / item : 1;
    /* Where m is 0, columns < n alone ends it. */
    while (columns < n && columns * m * 2 <= n && columns * m * item <= 65536) {
        columns *= 2;
    }
    return KV_MIN(columns, n);
}

kv_intp kv_rectangle_scratch(kv_intp p, kv_intp q, kv_intp item)
{
    const kv_intp m = KV_MIN(p, q), n = p + q - m;
    const kv_intp columns = columns_at_once(m, n, item) * m;
    return (columns > n ? columns : n) * item;
}

KV_INLINE void permute_columns(kv_intp m, kv_intp n, const kv_intp item, int first, int inverse,
                               char *x, char *scratch)
{
    const kv_intp c = gcd(m, n), a = m / c, b = n / c, group = columns_at_once(m, n, item);
    for (kv_intp begin = 0; begin < n; begin += group) {
        const kv_intp width = KV_MIN(group, n - begin);
        if (kv_interrupted(m * width * (1 + item / 64))) {
            return;
        }
        char *block = x + begin * item;
        for (kv_intp i = 0; !inverse && i < m; i++) {
            memcpy(scratch + i * width * item, block + i * n * item, width * item);
        }
        kv_intp start = 0; /* i, or (i n - i/a) mod m */
        for (kv_intp i = 0; i < m; i++) {
            kv_intp shift = first ? begin / b : begin % m; /* j/b, or j mod m */
            kv_intp since = begin % b;                     /* j mod b */
            for (kv_intp j = 0; j < width; j++) {
                const kv_intp row = start + shift < m ? start + shift : start + shift - m;
                if (inverse) {
                    memcpy(scratch + (row * width + j) * item, block + (i * n + j) * item, item);
                } else {
                    memcpy(block + (i * n + j) * item, scratch + (row * width + j) * item, item);
                }
                if (!first) {
                    shift = shift + 1 < m ? shift + 1 : 0;
                } else if (++since == b) {
                    since = 0;
                    shift++;
                }
            }
            start += first ? 1 : n % m - ((i + 1) % a == 0);
            start = start < 0 ? start + m : start < m ? start : start - m;
        }
        for (kv_intp i = 0; inverse && i < m; i++) {
            memcpy(block + i * n * item, scratch + i * width * item, width * item);
        }
    }
}

KV_INLINE void permute_rows(kv_intp m, kv_intp n, const kv_intp item, int inverse, char *x,
                            char *scratch)
{
    const kv_intp b = n / gcd(m, n), step = m % n;
    for (kv_intp i = 0; i < m; i++) {
        if (kv_interrupted(n * (1 + item / 64))) {
            return;
        }
        char *row = x + i * n * item;
        kv_intp j = 0, rotated = i, multiple = 0; /* (i + j/b) mod m, j m mod n */
        while (j < n) {
            for (const kv_intp end = j + b; j < end; j++) {
                kv_intp to = rotated + multiple;
                to = to < n ? to : to - n;
                if (inverse) {
                    memcpy(scratch + j * item, row + to * item, item);
                } else {
                    memcpy(scratch + to * item, row + j * item, item);
                }
                multiple = multiple + step < n ? multiple + step : multiple + step - n;
            }
            rotated = rotated + 1 < m ? rotated + 1 : 0;
        }
        memcpy(row, scratch, n * item);
    }
}

KV_INLINE void transpose_rectangle(kv_intp p, kv_intp q, const kv_intp item, char *x, char *scratch)
{
    const int inverse = p > q;
    const kv_intp m = inverse ? q : p, n = inverse ? p : q;
    for (int step = 0; step < 3; step++) {
        if (step == 1) {
            permute_rows(m, n, item, inverse, x, scratch);
        } else if ((step == 2) != inverse) {
            permute_columns(m, n, item, 0, inverse, x, scratch);
        } else if (gcd(m, n) > 1) {
            permute_columns(m, n, item, 1, inverse, x, scratch);
        }
    }
}

void kv_transpose_rectangle(kv_intp p, kv_intp q, kv_intp item, char *x, char *scratch)
{
    if (p <= 1 || q <= 1 || item == 0) {
        return;
    }
    switch (item) {
    case 1: transpose_rectangle(p, q, 1, x, scratch); break;
    case 2: transpose_rectangle(p, q, 2, x, scratch); break;
    case 4: transpose_rectangle(p, q, 4, x, scratch); break;
    case 8: transpose_rectangle(p, q, 8, x, scratch); break;
    case 16: transpose_rectangle(p, q, 16, x, scratch); break;
    default: transpose_rectangle(p, q, item, x, scratch);
    }
}
