/*
 * over - which alerts may be over: what find_alert need not ask the database for.
 *
 * Shape:   over_begin -> over_add for all there are -> over_end; over_add for each that follows; over_may_have.
 * Owns:    a set of bits (a Bloom filter): "no" is certain, "yes" is worth a question.
 * Threads: one at a time.
 * Limits:  OVER_BITS bits; with four million keys in it two of three questions are still saved.
 */
#ifndef ESCALATED_STORE_OVER_H
#define ESCALATED_STORE_OVER_H

#include <stdbool.h>
#include <stdint.h>

#define OVER_BITS (UINT64_C(1) << 24)

struct over {
    uint64_t *bits; /* NULL until the first use */
    bool known;     /* every alert that is over is in it */
};

void over_begin(struct over *over); /* empty, and not known */
void over_end(struct over *over);   /* all are in it */
void over_add(struct over *over, const char *source, const char *key);
bool over_may_have(const struct over *over, const char *source, const char *key);
void over_clear(struct over *over);

#endif
