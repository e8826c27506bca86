/*
 * look - what the commands that only look share: one value as JSON, one entry of a timeline for
 * people.
 *
 * Shape:   parsed answers of the API in, lines on stdout out.
 */
#ifndef ESCALATED_CLI_LOOK_H
#define ESCALATED_CLI_LOOK_H

#include <stdbool.h>

#include "gateway/base/json.h"

/* Text from outside may not move the cursor. */
void look_print_clean(const char *text);
void look_print_json(const struct json *value);
void look_print_timeline(const struct json *row, bool with_incident);

/* Text from outside may not move the cursor. */
void look_print_clean(const char *text);
/* What `escalate show` says of updates and asks, of an incident that has any. */
void look_print_talks(const struct json *incident);

#endif
