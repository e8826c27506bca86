/*
 * signature - how providers sign what they post to us: one row of a table for each scheme, by name.
 *
 * Shape:   the URL as we publish it, the form, what the header carried, the key -> does it fit?
 * Owns:    nothing; texts are borrowed for the call.
 * Threads: any; pure.
 * Limits:  those of the form and the URL.
 * Fails:   false for anything that does not fit. Every comparison takes a time that depends on lengths only.
 * Source:  the provider's page about security of webhooks, and its own library, with which the tests sign.
 */
#ifndef ESCALATED_HTTP_SIGNATURE_H
#define ESCALATED_HTTP_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/http/form.h"

struct signed_request {
    const char *url; /* public, with the query as it came */
    const struct form *form;
    const char *signature; /* of the header; "" when absent */
    const void *key;
    size_t key_count; /* 0 fits nothing */
};

struct signature_scheme {
    const char *name;
    const char *header;
    bool (*fits)(const struct signed_request *request, struct arena *arena);
};

const struct signature_scheme *signature_find(const char *name); /* NULL: none */

#endif
