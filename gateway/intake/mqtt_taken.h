/*
 * mqtt_taken - which messages of a broker's session were taken last, to know those that it delivers
 * again because a PUBACK got lost.
 *
 * Shape:   taken_begin with what the store knows, or nothing; taken_resume when a connection goes on
 *          with the session; taken_is_again for each message of QoS 1 in its order, taken_add after
 *          its commit.
 *          A broker repeats what was in flight first, in the order in which it sent it, with the packet
 *          ids of the first time and DUP set: a run of messages in the order in which we took them. So a
 *          message is a repetition only with DUP, in such a run at the beginning of a connection; the
 *          first one that is not ends it. What was taken in between need not come: a broker that came
 *          back with another order than it had would otherwise have the same ones taken anew after
 *          each crash until a confirmation gets through, as they then stand behind those of the first
 *          time. A packet id is free again when its PUBACK has arrived, so of the messages with one
 *          id only the newest can be missing it: taken_forget where an id came with a message that
 *          was read and not committed. What is in doubt is news: counted twice rather than lost.
 * Threads: one.
 * Limits:  the last TAKEN_MAX messages, more than [mqtt] in_flight.
 * Source:  MQTT 5.0, 2.2.1, 3.3.1.1, 4.4 and 4.6.
 */
#ifndef ESCALATED_INTAKE_MQTT_TAKEN_H
#define ESCALATED_INTAKE_MQTT_TAKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAKEN_MAX 4096

struct taken;

struct taken *taken_create(void);
void taken_destroy(struct taken *taken);

/* marks as store_read_session gives them; count 0: a new session. */
void taken_begin(struct taken *taken, const unsigned char *marks, size_t count);
void taken_resume(struct taken *taken);
bool taken_is_again(struct taken *taken, uint16_t packet_id, uint64_t hash, bool is_dup);
/* No message is a repetition any more, before the next taken_resume. */
bool taken_is_over(const struct taken *taken);
void taken_add(struct taken *taken, uint16_t packet_id, uint64_t hash);
void taken_forget(struct taken *taken, uint16_t packet_id);

#endif
