/* Asking for memory while computing: a stream from memory then costs no time of its own. */
#ifndef KV_AHEAD_H
#define KV_AHEAD_H

#include "table.h"

#include "compiler.h"

/* Vector multiply-adds for each line asked for: about the pace at which memory delivers. */
#define KV_FETCH_EVERY 16

KV_INLINE void kv_fetch(kv_ahead *ahead, int lines)
{
    for (int i = 0; i < lines && ahead->rows > 0; i++) {
        KV_PREFETCH(ahead->at);
        ahead->at += 64;
        ahead->left -= 64;
        if (ahead->left <= 0) {
            ahead->at += ahead->left + ahead->gap;
            ahead->left = ahead->bytes;
            ahead->rows--;
        }
    }
}

#endif
