/*
 * mqtt_window - what one broker has sent and we have not confirmed: batches in the order of reading, the
 * first ones with the engine while the next is being read.
 *
 * Shape:   fill window_reading; when letters_is_full(window_reading) window_submit, and on, until window_is_full
 *          or nothing more is there; a last window_submit, wait for window_is_settled, see what came of each
 *          letter, window_reset.
 *          The batches are one sequence: from the first input on that was not applied the engine applies
 *          none, so that what the broker has to send again is the sequence's end.
 * Owns:    its batches.
 * Threads: the broker's; see mqtt_batch.h.
 * Limits:  WINDOW_BATCHES batches, together a quarter of the inbox.
 */
#ifndef ESCALATED_INTAKE_MQTT_WINDOW_H
#define ESCALATED_INTAKE_MQTT_WINDOW_H

#include "gateway/intake/mqtt_batch.h"

#define WINDOW_BATCHES 4

struct window;

struct window *window_create(const struct letters_options *options);
void window_destroy(
    struct window *window); /* the engine must have ended, or be through; takes NULL */

/* The batch that takes what is read now. Not after the submit of a full window. */
struct letters *window_reading(struct window *window);
bool window_is_full(const struct window *window); /* the last batch is full: read no more */
bool window_is_empty(const struct window *window);

/* Hands over what was read, if anything was. Anything but INBOX_TAKEN: it is still the window's. */
enum inbox_verdict window_submit(struct window *window, struct inbox *inbox);
bool window_is_settled(const struct window *window); /* all that was submitted */
/* All of it was submitted and committed. Once settled. */
bool window_is_committed(const struct window *window);

size_t window_count(const struct window *window); /* of batches with something in them */
struct letters *window_at(struct window *window, size_t index);
void window_reset(struct window *window); /* once settled */

#endif
