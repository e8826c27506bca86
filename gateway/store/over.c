#include "gateway/store/over.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"

enum { WORD_BITS = 64, PLACES = 2 };

#define OVER_BYTES (OVER_BITS / 8)

void over_begin(struct over *over)
{
    if (over->bits == NULL) {
        over->bits = heap_alloc(OVER_BYTES);
    } else {
        memset(over->bits, 0, OVER_BYTES);
    }
    over->known = false;
}

void over_end(struct over *over)
{
    over->known = true;
}

/* Both places come from one hash of 64 bits, of which each takes 24. */
static void places_of(const char *source, const char *key, uint64_t out[PLACES])
{
    uint64_t hash = text_hash(text_hash(0, source, strlen(source)), key, strlen(key));
    out[0] = hash % OVER_BITS;
    out[1] = (hash >> 32) % OVER_BITS;
}

void over_add(struct over *over, const char *source, const char *key)
{
    uint64_t places[PLACES];
    if (over->bits == NULL) {
        return; /* not known either: every question is asked */
    }
    places_of(source, key, places);
    for (int i = 0; i < PLACES; i++) {
        over->bits[places[i] / WORD_BITS] |= UINT64_C(1) << (places[i] % WORD_BITS);
    }
}

bool over_may_have(const struct over *over, const char *source, const char *key)
{
    uint64_t places[PLACES];
    if (!over->known) {
        return true;
    }
    places_of(source, key, places);
    for (int i = 0; i < PLACES; i++) {
        if ((over->bits[places[i] / WORD_BITS] >> (places[i] % WORD_BITS) & 1) == 0) {
            return false;
        }
    }
    return true;
}

void over_clear(struct over *over)
{
    free(over->bits);
    *over = (struct over){.bits = NULL};
}
