/* Ending long work early: at Ctrl-C, or when another thread raises the flag that this one heeds.
 *
 * Work that Python waits for listens: kv_listen() begins it, kv_heard() ends it.  In between
 * kv_interrupted() is asked after every piece, with the multiply-adds or items of it.  Work for
 * compiled code, which has no use for a Python exception, does not listen: the answer is always 0.
 */
#ifndef KV_INTERRUPT_H
#define KV_INTERRUPT_H

#include "table.h"

/* Of one piece: a few milliseconds, so that asking costs nothing beside it. */
#define KV_PIECE ((kv_intp)1 << 24)

/* Whether work is to end.  The clock is read after some pieces' work and the GIL taken, by the main
 * thread alone, when the clock says so; what a signal handler raised is left set. */
int kv_interrupted(kv_intp work);

/* The work of a call begins. */
void kv_listen(void);
/* The same for work that may be one of several pieces of a call: 1 where a piece before was
 * interrupted and its exception is still set. */
int kv_listen_again(void);
/* It ends; whether it was interrupted. */
int kv_heard(void);

/* From now on this thread's work ends when *flag is not 0; NULL: no longer. */
void kv_heed(const volatile int *flag);

/* The one that signals reach. */
void kv_set_main_thread(unsigned long ident);

#endif
