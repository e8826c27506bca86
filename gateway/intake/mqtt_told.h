/*
 * mqtt_told - what is published retained: an incident, and the state of all of them.
 *
 * Shape:   a row of the store, or a board, into JSON; the hash of what it says, but for the time of saying it, never 0.
 * Threads: one at a time.
 * Limits:  TOLD_BYTES_MAX; an incident whose texts need more is told without them ("cut": true). TOLD_MARKS_MAX of what holds
 *          incidents back by name.
 */
#ifndef ESCALATED_INTAKE_MQTT_TOLD_H
#define ESCALATED_INTAKE_MQTT_TOLD_H

#include "gateway/base/text.h"
#include "gateway/intake/mqtt_board.h"
#include "gateway/system/log.h"
#include "policies/act.h"

#define TOLD_BYTES_MAX ((size_t)512 * 1024)
#define TOLD_MARKS_MAX 16

/* `moment` knows the configuration and the heartbeats. */
uint64_t told_incident(const struct incident_row *row, const char *mark_text,
                       const struct moment *moment, struct log_burst *unreadable,
                       struct strbuf *out);
uint64_t told_state(const struct board *board, const struct moment *moment, struct strbuf *out);

#endif
