/* malloc and its kin of glibc, of which a test can make one call fail.
 *
 * Preloaded.  watch(begin, end, depth): allocations count whose caller, up to that many calls up,
 * lies at these addresses.  arm(n, 0) makes the n-th of this thread from here on fail, arm(n, 1)
 * that and every later one; disarm() says how many there were; live() how many blocks nobody has
 * freed.
 */
#include <errno.h>
#include <execinfo.h>
#include <stddef.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static __thread long seen, target;
static __thread int armed, lasting;
static long blocks;

enum { MOST_RANGES = 64, DEEPEST = 5 };
static struct {
    char *begin, *end;
    int depth;
} ranges[MOST_RANGES];
static int n_ranges;

void watch(void *begin, void *end, int depth)
{
    void *frames[DEEPEST];
    backtrace(frames, DEEPEST); /* which allocates when it is called first */
    if (n_ranges < MOST_RANGES) {
        ranges[n_ranges].begin = begin, ranges[n_ranges].end = end;
        ranges[n_ranges++].depth = depth;
    }
}

/* frames[0] is in here, [1] in malloc or its like, [2] its caller. */
static __attribute__((noinline)) int watched(void)
{
    void *frames[DEEPEST + 2];
    const int n = backtrace(frames, DEEPEST + 2);
    for (int r = 0; r < n_ranges; r++) {
        for (int i = 2; i < n && i < 2 + ranges[r].depth; i++) {
            if ((char *)frames[i] >= ranges[r].begin && (char *)frames[i] < ranges[r].end) {
                return 1;
            }
        }
    }
    return 0;
}

void arm(long n, int from_then_on)
{
    seen = 0, target = n, lasting = from_then_on, armed = 1;
}

long disarm(void)
{
    armed = 0;
    return seen;
}

long live(void)
{
    return __atomic_load_n(&blocks, __ATOMIC_RELAXED);
}

static int take(void)
{
    seen++;
    return seen == target || (lasting && seen > target);
}

static inline __attribute__((always_inline)) int fails(void)
{
    if (!armed) {
        return 0;
    }
    armed = 0; /* what backtrace itself allocates */
    const int counts = watched();
    armed = 1;
    return counts && take();
}

static void *counted(void *block)
{
    if (block) {
        __atomic_add_fetch(&blocks, 1, __ATOMIC_RELAXED);
    } else {
        errno = ENOMEM;
    }
    return block;
}

void *malloc(size_t size)
{
    return counted(fails() ? NULL : __libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return counted(fails() ? NULL : __libc_calloc(count, size));
}

void *realloc(void *block, size_t size)
{
    if (!block) {
        return counted(fails() ? NULL : __libc_malloc(size));
    }
    if (fails()) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size)
{
    return counted(fails() ? NULL : __libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return counted(fails() ? NULL : __libc_memalign(alignment, size));
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    void *made = counted(fails() ? NULL : __libc_memalign(alignment, size));
    if (made) {
        *block = made;
    }
    return made ? 0 : ENOMEM;
}

void free(void *block)
{
    if (block) {
        __atomic_sub_fetch(&blocks, 1, __ATOMIC_RELAXED);
        __libc_free(block);
    }
}

/* The same for the data of NumPy's arrays: a handler for PyDataMem_SetHandler. */

static void *handler_malloc(void *context, size_t size)
{
    (void)context;
    return counted(armed && take() ? NULL : __libc_malloc(size ? size : 1));
}

static void *handler_calloc(void *context, size_t count, size_t size)
{
    (void)context;
    return counted(armed && take() ? NULL : __libc_calloc(count ? count : 1, size ? size : 1));
}

static void *handler_realloc(void *context, void *block, size_t size)
{
    (void)context;
    return armed && take() ? NULL : __libc_realloc(block, size ? size : 1);
}

static void handler_free(void *context, void *block, size_t size)
{
    (void)context, (void)size;
    free(block);
}

struct {
    char name[127];
    unsigned char version;
    void *context;
    void *(*malloc)(void *, size_t);
    void *(*calloc)(void *, size_t, size_t);
    void *(*realloc)(void *, void *, size_t);
    void (*free)(void *, void *, size_t);
} array_handler = {"failing", 1, NULL, handler_malloc, handler_calloc, handler_realloc,
                   handler_free};
