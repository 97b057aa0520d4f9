/* Which instruction set serves which kernel: the only file that knows CPU features.
 *
 * Every table starts as the baseline's and is overridden by what the CPU has, lowest
 * instruction set first, so a kernel that an instruction set does not define is served
 * by the next lower one.
 */
#include "table.h"

#include <string.h>
#if defined(__unix__)
#include <unistd.h>
#endif

#if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))
#define KV_X86 1
#else
#define KV_X86 0
#endif

void kv_fill_baseline(kv_table *table);
#if KV_X86
void kv_fill_avx2(kv_table *table);
void kv_fill_avx512(kv_table *table);

static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

static int always(void) { return 1; }

/* The instruction sets, lowest first: name, test, what it adds to the table. */
static const struct {
    const char *name;
    int (*present)(void);
    void (*fill)(kv_table *);
} isas[] = {
    {"baseline", always, kv_fill_baseline},
#if KV_X86
    {"avx2", has_avx2, kv_fill_avx2},
    {"avx512", has_avx512, kv_fill_avx512},
#endif
};
enum { N_ISAS = sizeof isas / sizeof *isas };

static kv_table tables[N_ISAS];
static int n_present;
static int active;
const kv_table *kv_active;

const char *kv_isa_name(int index)
{
    return index >= 0 && index < n_present ? isas[index].name : NULL;
}

int kv_pair_fits(kv_intp n, kv_intp R, kv_intp itemsize)
{
    const kv_intp vector = kv_active->vector_bytes;
    if (R > 1) {
        return 2 <= n && n <= (kv_active->registers == 32 ? KV_PAIR : 3) && R * itemsize >= vector;
    }
    return R == 1 && kv_matrix_fits(n, itemsize, vector);
}

const char *kv_use_isa(const char *name)
{
    const char *before = isas[active].name;
    for (int i = 0; i < n_present; i++) {
        if (strcmp(isas[i].name, name) == 0) {
            active = i;
            kv_active = &tables[i];
            return before;
        }
    }
    return NULL;
}

int kv_initialize(const char *name)
{
#if KV_X86
    __builtin_cpu_init();
#endif
    n_present = 0;
    for (int i = 0; i < N_ISAS && isas[i].present(); i++, n_present++) {
        if (i > 0) {
            tables[i] = tables[i - 1];
        }
        isas[i].fill(&tables[i]);
    }
    active = n_present - 1;
    kv_active = &tables[active];
    return name != NULL && kv_use_isa(name) == NULL ? -1 : 0;
}

size_t kv_last_cache_bytes(void)
{
    long bytes = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
    bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    return bytes > 0 ? (size_t)bytes : (size_t)32 << 20;
}

int kv_describe(int index, kv_entry *entry)
{
#define KV_SLOT(name) #name,
    static const char *const dtypes[] = {KV_DTYPES(KV_SLOT)};
    static const char *const items[] = {KV_ITEMS(KV_SLOT)};
#undef KV_SLOT
#define KV_ENTRIES(name, count, slots)             \
    if (index < count) {                           \
        entry->kernel = #name;                     \
        entry->slot = slots[index];                \
        entry->isa = kv_active->name##_isa[index]; \
        return 1;                                  \
    }                                              \
    index -= count;
#define KV_ARITHMETIC(name, arguments) KV_ENTRIES(name, KV_NDTYPES, dtypes)
#define KV_MOVEMENT(name, arguments) KV_ENTRIES(name, KV_NITEMS, items)
#include "kernels.def"
#undef KV_ARITHMETIC
#undef KV_MOVEMENT
#undef KV_ENTRIES
    return 0;
}
