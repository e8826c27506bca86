/*
 * native_parts - what the two readers of the native format share, and nobody else needs.
 *
 * Shape:   native_parse first asks native_quick, which reads good bodies of the usual shape in one
 *          pass. It says nothing about any other body: those are read by native_tree, which alone
 *          finds the words for what is wrong. What native_quick reads, native_tree reads as the
 *          same events; the tests hold the two against each other.
 * Owns:    as native_parse.
 */
#ifndef ESCALATED_INTAKE_NATIVE_PARTS_H
#define ESCALATED_INTAKE_NATIVE_PARTS_H

#include "gateway/base/json.h"
#include "gateway/intake/native.h"

/* False: not read, and not judged. */
bool native_quick(const struct native_body *body, struct arena *arena,
                  struct native_events *out_events);
int native_tree(const struct native_body *body, struct arena *arena,
                struct native_events *out_events, struct native_error *error);

/* An event with nothing in it: a trigger with the severity `error`. */
struct event native_event(void);
bool native_is_label_name(const char *name);
/* Safe to show as a link: http or https, a host, nothing that ends an attribute. */
bool native_is_link(const char *href);
void native_add_link(struct json_out *out, const char *href, const char *text);
/* The next line that is not blank, taken from *text; false at the end. */
bool native_next_line(const char **text, const char *end, const char **out_line,
                      size_t *out_length);

#endif
