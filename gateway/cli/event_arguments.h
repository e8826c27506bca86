/*
 * event_arguments - one event as the command line says it, for `send`, `known` and `explain`.
 *
 * Shape:   argv -> event_arguments_parse -> event_arguments_write (the native format).
 * Owns:    texts are those of argv.
 */
#ifndef ESCALATED_CLI_EVENT_ARGUMENTS_H
#define ESCALATED_CLI_EVENT_ARGUMENTS_H

#include <stdbool.h>

#include "gateway/base/json.h"
#include "gateway/base/text.h"

struct event_arguments {
    const char *source; /* "" when not given */
    const char *key;
    const char *severity;
    const char *action;
    const char *summary;
    char **labels; /* name=value */
    int label_count;
};

/* One option of those both commands share: 's' source, 'k' key, 'v' severity. False: another one. */
bool event_arguments_option(struct event_arguments *arguments, int option, const char *value);
/* What is not an option: SUMMARY and label=value. False when it is neither, which has been said. */
bool event_arguments_rest(struct event_arguments *arguments, int argc, char **argv, int first);

/* The members of a JSON object that are given (not NULL). */
void event_arguments_add(const struct event_arguments *arguments, struct json_out *out);
/* A JSON object; `with_source` adds the source as a member, which only scenarios have. */
void event_arguments_write(const struct event_arguments *arguments, bool with_source,
                           struct strbuf *out);

#endif
