/*
 * json_scan - one strict pass over JSON of an expected shape, without a tree.
 *
 * Shape:   the caller asks for what should come next. Every function answers false at the first
 *          byte that it did not expect; the scan is over then, and the untouched original is for
 *          json_parse to judge: a scan says no words. What it does accept, json_parse accepts,
 *          with the same texts.
 * Owns:    the text is the caller's own copy, because strings are decoded in place and end in a
 *          NUL; they live as long as the copy.
 * Threads: pure.
 * Limits:  as json_parse: strict UTF-8, no NUL, depth 32. Left to json_parse: reals, integers
 *          past 18 digits, more than JSON_SCAN_KEYS_MAX keys in a copied object.
 * Source:  RFC 8259.
 */
#ifndef ESCALATED_BASE_JSON_SCAN_H
#define ESCALATED_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/text.h"

#define JSON_SCAN_KEYS_MAX 32

struct json_scan {
    char *at;
    char *end; /* *end is a NUL of ours */
};

struct json_scan_text {
    const char *text; /* NUL-terminated, without a NUL inside */
    size_t length;
    bool has_control; /* as text_has_control says */
};

/* `text[count]` must be a NUL. */
void json_scan_begin(struct json_scan *scan, char *text, size_t count);

/* Past white space: takes `wanted` if it is next. */
bool json_scan_take(struct json_scan *scan, char wanted);
/* Past white space: `wanted` is next. */
bool json_scan_sees(struct json_scan *scan, char wanted);
/* Past white space: nothing is left. */
bool json_scan_at_end(struct json_scan *scan);
bool json_scan_string(struct json_scan *scan, struct json_scan_text *out_text);
/* A string and the colon after it. */
bool json_scan_key(struct json_scan *scan, struct json_scan_text *out_key);

/* Any value inside `depth` open brackets: its text as json_write would give it, added to `out`.
 * False also when `out` overflows or an object has the same key twice. */
bool json_scan_copy(struct json_scan *scan, unsigned depth, struct strbuf *out);

#endif
