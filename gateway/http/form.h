/*
 * form - an application/x-www-form-urlencoded body, read strictly and whole: what a signature covers is all of it.
 *
 * Shape:   bytes -> names and values in the order in which they came, decoded once.
 * Owns:    everything lies in the arena.
 * Threads: any; pure.
 * Limits:  FORM_FIELDS_MAX fields; the caller bounds the bytes.
 * Fails:   -1, ERR_INVALID: a broken escape, a NUL, no UTF-8, a field without a name; ERR_TOO_LARGE: too many fields.
 * Source:  WHATWG URL standard, section 5.1, but for what it would repair.
 */
#ifndef ESCALATED_HTTP_FORM_H
#define ESCALATED_HTTP_FORM_H

#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/base/err.h"

#define FORM_FIELDS_MAX 128

struct form_field {
    const char *name, *value;
};

struct form {
    struct form_field *fields;
    size_t count;
};

int form_parse(const char *bytes, size_t count, struct arena *arena, struct form *out_form,
               struct err *err);
/* The first of this name; "" when there is none. */
const char *form_value(const struct form *form, const char *name);
size_t form_count(const struct form *form, const char *name);

#endif
