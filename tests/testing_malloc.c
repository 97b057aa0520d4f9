/* malloc and its kin of glibc for tests: a call may fail, blocks may lie between guard pages.
 *
 * Preloaded.  watch(begin, end, depth): allocations count whose caller, up to that many calls up,
 * lies at these addresses.  arm(n, 0) makes the n-th of this thread from here on fail, arm(n, 1)
 * that and every later one; disarm() says how many there were; live() how many blocks nobody has
 * freed.
 *
 * guard_blocks(1): from here on new blocks end where nobody may read or write, guard_blocks(2):
 * they begin after such a page; guard_blocks(0) ends this, guarded_blocks() says how many there
 * were.  They are full of 0xff, which are NaNs;
 * once freed, nobody may touch them, and their addresses do not come back.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

void arm(long n, int from_then_on) { seen = 0, target = n, lasting = from_then_on, armed = 1; }

long disarm(void)
{
    armed = 0;
    return seen;
}

long live(void) { return __atomic_load_n(&blocks, __ATOMIC_RELAXED); }

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

enum { ENDS = 1, BEGINS, MOST_GUARDED = 1 << 22 };
/* Python's objects ask for whole 8 bytes; items of arrays for nothing here. */
enum { FOR_ANY = 8, FOR_ITEMS = 1 };
static pthread_mutex_t guard_lock = PTHREAD_MUTEX_INITIALIZER;
static int guarding;
static char *arena; /* addresses, none with memory behind */
static size_t arena_size, taken, page;
static struct {
    char *block;
    size_t size;
} guarded[MOST_GUARDED]; /* in the order of their addresses; of size 0 once freed */
static int n_guarded;

long guarded_blocks(void) { return n_guarded; }

void guard_blocks(int side) { __atomic_store_n(&guarding, side, __ATOMIC_RELAXED); }

static void fatal(const char *what)
{
    perror(what);
    abort();
}

static size_t whole_pages(size_t size) { return (size + page - 1) / page * page; }

static void make_arena(void)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    page = sysconf(_SC_PAGESIZE);
    for (arena_size = (size_t)1 << 38; arena_size >= (size_t)1 << 33; arena_size /= 2) {
        void *addresses = mmap(NULL, arena_size, PROT_NONE, flags, -1, 0);
        if (addresses != MAP_FAILED) {
            arena = addresses;
            return;
        }
    }
    fatal("no addresses for guarded blocks");
}

/* A block begins at whole `alignment` bytes: fewer than these may lie behind it. */
static void *guarded_block(size_t size, size_t alignment)
{
    const size_t bytes = size ? size : 1;
    pthread_mutex_lock(&guard_lock);
    if (!arena) {
        make_arena();
    }
    const size_t pages = whole_pages(bytes);
    if (pages > arena_size - taken - page || n_guarded == MOST_GUARDED) {
        pthread_mutex_unlock(&guard_lock);
        return NULL;
    }
    char *begin = arena + taken + page;
    char *block = guarding == BEGINS ? begin : begin + (pages - bytes) / alignment * alignment;
    guarded[n_guarded].block = block, guarded[n_guarded++].size = bytes;
    taken += page + pages;
    pthread_mutex_unlock(&guard_lock);
    if (mprotect(begin, pages, PROT_READ | PROT_WRITE)) {
        return NULL;
    }
    return memset(block, 0xff, bytes);
}

static int is_guarded(const void *block)
{
    return arena && (char *)block >= arena && (char *)block < arena + arena_size;
}

/* The size that was asked for. */
static size_t size_of(void *block, int freed)
{
    pthread_mutex_lock(&guard_lock);
    int low = 0, high = n_guarded;
    while (low + 1 < high) {
        const int middle = low + (high - low) / 2;
        *(guarded[middle].block <= (char *)block ? &low : &high) = middle;
    }
    const size_t size = guarded[low].size;
    if (guarded[low].block != block || !size) {
        fatal("not a block, or freed twice");
    }
    if (freed) {
        guarded[low].size = 0;
    }
    pthread_mutex_unlock(&guard_lock);
    return size;
}

static void free_guarded(void *block)
{
    const size_t pages = whole_pages(size_of(block, 1));
    char *begin = (char *)((size_t)block / page * page);
    if (madvise(begin, pages, MADV_DONTNEED) || mprotect(begin, pages, PROT_NONE)) {
        fatal("free");
    }
}

static void release(void *block) { is_guarded(block) ? free_guarded(block) : __libc_free(block); }

static void *new_block(size_t size, size_t alignment)
{
    return guarding ? guarded_block(size, alignment) : __libc_malloc(size);
}

static void *new_zeros(size_t count, size_t size, size_t alignment)
{
    if (!guarding) {
        return __libc_calloc(count, size);
    }
    if (__builtin_mul_overflow(count, size, &size)) {
        return NULL;
    }
    void *block = guarded_block(size, alignment);
    return block ? memset(block, 0, size) : NULL;
}

static void *moved(void *block, size_t size, size_t alignment)
{
    if (!guarding && !is_guarded(block)) {
        return __libc_realloc(block, size);
    }
    const size_t before = is_guarded(block) ? size_of(block, 0) : malloc_usable_size(block);
    void *made = new_block(size, alignment);
    if (made) {
        memcpy(made, block, before < size ? before : size);
        release(block);
    }
    return made;
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

void *malloc(size_t size) { return counted(fails() ? NULL : new_block(size, FOR_ANY)); }

void *calloc(size_t count, size_t size)
{
    return counted(fails() ? NULL : new_zeros(count, size, FOR_ANY));
}

void *realloc(void *block, size_t size)
{
    if (!block) {
        return counted(fails() ? NULL : new_block(size, FOR_ANY));
    }
    if (fails()) {
        errno = ENOMEM;
        return NULL;
    }
    return moved(block, size, FOR_ANY);
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
        release(block);
    }
}

/* The same for the data of NumPy's arrays: a handler for PyDataMem_SetHandler. */

static void *handler_malloc(void *context, size_t size)
{
    (void)context;
    return counted(armed && take() ? NULL : new_block(size ? size : 1, FOR_ITEMS));
}

static void *handler_calloc(void *context, size_t count, size_t size)
{
    (void)context;
    return counted(armed && take() ? NULL
                                   : new_zeros(count ? count : 1, size ? size : 1, FOR_ITEMS));
}

static void *handler_realloc(void *context, void *block, size_t size)
{
    (void)context;
    return armed && take() ? NULL : moved(block, size ? size : 1, FOR_ITEMS);
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
} array_handler = {"testing",       1,           NULL, handler_malloc, handler_calloc,
                   handler_realloc, handler_free};
