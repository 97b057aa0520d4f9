/* The state of a thread for interrupt.h, and the clock. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "interrupt.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <time.h>
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define KV_THREAD_LOCAL __declspec(thread)
#else
#define KV_THREAD_LOCAL _Thread_local
#endif

/* Milliseconds between two looks for signals, and the work between two looks at the clock. */
#define KV_PERIOD 80
#define KV_UNTIMED ((kv_intp)1 << 18)

typedef struct {
    int listens, interrupted;
    const volatile int *flag;
    kv_intp work;  /* since the clock was read */
    long long due; /* when signals are looked for */
} kv_watch;

static KV_THREAD_LOCAL kv_watch watch;
static unsigned long main_thread;

static long long milliseconds(void)
{
#if defined(_WIN32)
    return (long long)GetTickCount64();
#else
    struct timespec now;
#if defined(CLOCK_MONOTONIC_COARSE)
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
#else
    clock_gettime(CLOCK_MONOTONIC, &now);
#endif
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
#endif
}

/* Let handlers of signals run; whether one of them raised.  They may call kronvec themselves. */
static int handle_signals(void)
{
    const kv_watch before = watch;
    const PyGILState_STATE state = PyGILState_Ensure();
    const int raised = PyErr_Occurred() != NULL || PyErr_CheckSignals() != 0;
    PyGILState_Release(state);
    watch = before;
    return raised;
}

int kv_interrupted(kv_intp work)
{
    if (!watch.listens || watch.interrupted) {
        return watch.interrupted;
    }
    watch.work += work;
    if (watch.work < KV_UNTIMED) {
        return 0;
    }
    watch.work = 0;
    if (watch.flag != NULL && *watch.flag) {
        return watch.interrupted = 1;
    }
    const long long now = milliseconds();
    if (now >= watch.due) {
        watch.due = now + KV_PERIOD;
        if (PyThread_get_thread_ident() == main_thread) {
            watch.interrupted = handle_signals();
        }
    }
    return watch.interrupted;
}

void kv_listen(void)
{
    watch.listens = 1;
    watch.interrupted = 0;
}

int kv_listen_again(void)
{
    if (watch.interrupted) {
        const PyGILState_STATE state = PyGILState_Ensure();
        watch.interrupted = PyErr_Occurred() != NULL;
        PyGILState_Release(state);
    }
    watch.listens = !watch.interrupted;
    return watch.interrupted;
}

int kv_heard(void)
{
    watch.listens = 0;
    return watch.interrupted;
}

void kv_heed(const volatile int *flag) { watch.flag = flag; }

void kv_set_main_thread(unsigned long ident) { main_thread = ident; }
