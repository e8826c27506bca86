/*
 * incident_json - an incident as machines are shown it: the same members over HTTP and MQTT.
 *
 * Shape:   a row of the store, and what it does not say itself -> members of the JSON object that is being written:
 *          number uuid state title severity priority policy group owner known cleared cause loss restored restored_at firing
 *          suppressed_by suppressed_text slips opened_at acked_at ack_until eta_at resolved_at next_due_at, and follows where
 *          it follows one. Absent texts are "", absent times null.
 * Owns:    nothing; what is read on the way lies in the arena.
 * Fails:   incident_json_add -1 when the fields cannot be read: they are shown as none then, because the rest is what people
 *          look for now, and the caller says so in the log.
 */
#ifndef ESCALATED_POLICIES_INCIDENT_JSON_H
#define ESCALATED_POLICIES_INCIDENT_JSON_H

#include "gateway/base/arena.h"
#include "gateway/base/err.h"
#include "policies/row.h"

struct json_out; /* gateway/base/json.h */

/* `mark_text`: what holds it back as a person reads it, with reason and author; "" nothing. */
int incident_json_add(struct json_out *out, const struct incident_row *row, const char *mark_text,
                      struct arena *arena, struct err *err);

/* The members `update` and `updates` of an incident that has talks, and with them `asks`, its questions and their answers. */
void incident_json_add_updates(struct json_out *out, const char *talks);
void incident_json_add_talks(struct json_out *out, const char *talks, struct arena *arena);

#endif
